import { expect, test } from 'vitest';
import { fieldLocator } from './field-locator.ts';
import { ApiError, type Json, type KubernetesApi } from './kubernetes-api.ts';

/** A namespace whose RoleBinding is gone; undefined where the namespace may not be read either. */
const located = (namespace: Json | undefined) => {
  const denied = new ApiError(403, 'Forbidden', 'not allowed');
  const api: KubernetesApi = {
    request: ({ path }) =>
      namespace !== undefined && path === '/api/v1/namespaces/shop'
        ? Promise.resolve(namespace)
        : Promise.reject(denied),
    close: () => undefined,
  };
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  return fieldLocator(api)({ namespace: 'shop', ref });
};

test.each<[string, Json | undefined, string]>([
  ['the namespace stays', { metadata: { name: 'shop' } }, 'forbidden'],
  ['nothing is known of the namespace', undefined, 'forbidden'],
  [
    'the namespace is being deleted, and its targets with it',
    { metadata: { name: 'shop', deletionTimestamp: '2026-11-25T08:00:00Z' } },
    'target-missing',
  ],
])('a target that may not be read, when %s', async (_when, namespace, reason) => {
  expect(await located(namespace)).toMatchObject({ refusal: { reason } });
});
