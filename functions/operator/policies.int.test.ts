// The kill switch against the embedded Kubernetes API.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Cluster } from '#scripts/local/cluster/index.ts';
import { startBareApi } from '#scripts/local/cluster/testing.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { clusterPolicies } from './policies.ts';
import { anOperator } from './testing/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'nimbusguard-policies-'));
const API = '/apis/nimbusguard.io/v1alpha1';
let cluster: Cluster;

const send = (path: string, body: object): Promise<Response> =>
  fetch(cluster.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function makePolicy(namespace: string, name: string): Promise<void> {
  const answer = await send(`${API}/namespaces/${namespace}/scalingpolicies`, {
    apiVersion: 'nimbusguard.io/v1alpha1',
    kind: 'ScalingPolicy',
    metadata: { name, namespace },
    spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
  });
  expect(answer.status).toBe(201);
}

beforeAll(async () => {
  cluster = await startBareApi(folder);
  const kubeconfig = join(folder, 'kubeconfig');
  const named = (name: string, key: string, value: object) => [{ name, [key]: value }];
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: named('embedded', 'cluster', { server: cluster.url }),
      users: named('nobody', 'user', {}),
      contexts: named('embedded', 'context', { cluster: 'embedded', user: 'nobody' }),
      'current-context': 'embedded',
    }),
  );
  vi.stubEnv('KUBECONFIG', kubeconfig);
  await send('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await cluster.close(0);
  rmSync(folder, { recursive: true, force: true });
});

test('stop all freezes every policy of every namespace, none of which was observed', async () => {
  await makePolicy('shop', 'cart');
  await makePolicy('shop', 'search');
  await makePolicy('default', 'web');
  const app = createApp(anOperator({ policies: clusterPolicies() }));
  const answer = await app.request('/api/suspend', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target: '*', suspend: 'freeze', confirm: '*' }),
  });
  const policies = ['default/web', 'shop/cart', 'shop/search'];
  expect(await answer.json()).toEqual({ policies, suspend: 'freeze' });
  const stored = (await (await fetch(`${cluster.url}${API}/scalingpolicies`)).json()) as {
    items: { spec: { suspend: string } }[];
  };
  expect(stored.items.map(({ spec }) => spec.suspend)).toEqual(['freeze', 'freeze', 'freeze']);
});

test('each policy is listed with the target that it names', async () => {
  const cart = { namespace: 'shop', name: 'cart', targetName: 'cart' };
  expect(await clusterPolicies().list()).toContainEqual(cart);
});

test('a policy that is gone, and one that the API server refuses, fail with its reason', async () => {
  const policies = clusterPolicies();
  const gone = { namespace: 'shop', name: 'old' };
  await expect(policies.suspend(gone, 'freeze')).rejects.toMatchObject({ code: 'route.unknown' });
  await expect(
    policies.suspend({ namespace: 'shop', name: 'cart' }, 'later' as never),
  ).rejects.toMatchObject({ code: 'action.refused' });
});
