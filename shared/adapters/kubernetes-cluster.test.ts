import { expect, test } from 'vitest';
import { NimbusError } from '../errors.ts';
import { ApiError, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { kubernetesCluster } from './kubernetes-cluster.ts';

const labels = { app: 'web' };
const pod = (name: string, scheduled: Json): Json => ({
  metadata: { name, namespace: 'shop', uid: name, labels },
  spec: { containers: [{ name: 'c' }] },
  status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', ...scheduled }] },
});
const placed = pod('placed', { status: 'True' });
const waiting = pod('waiting', {
  status: 'False',
  reason: 'Unschedulable',
  message: '0/1 nodes are available: 1 Insufficient cpu.',
});
const QUOTA = { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: pods=2' };

/** A namespace with one Deployment of three replicas. */
const seen = (pods: Json[], conditions: Json[]) => {
  const deployment = {
    metadata: { name: 'web', namespace: 'shop', uid: 'd' },
    spec: { replicas: 3, selector: { matchLabels: labels } },
    status: { conditions },
  };
  const items = (path: string): Json[] =>
    path.endsWith('/deployments') ? [deployment] : path.endsWith('/pods') ? pods : [];
  const api: KubernetesApi = {
    request: ({ path }) => Promise.resolve({ items: items(path) }),
    close: () => undefined,
  };
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  return kubernetesCluster(api, { watchNamespaces: ['shop'] }).targets([
    { namespace: 'shop', ref },
  ]);
};

test.each<[string, Json[], Json[], unknown]>([
  ['every pod has a node', [placed], [], null],
  [
    'the scheduler finds no node',
    [placed, waiting, waiting],
    [],
    { pods: 2, message: '0/1 nodes are available: 1 Insufficient cpu.' },
  ],
  ['a quota refuses pods', [placed], [QUOTA], { pods: 2, message: 'exceeded quota: pods=2' }],
  ['a refusal of the past', [placed, placed, placed], [QUOTA], null],
])('pods without a place: %s', async (_when, pods, conditions, unplaced) => {
  const [state] = await seen(pods, conditions);

  expect(state).toMatchObject({ found: { unplaced } });
});

test.each<[string, Error, string]>([
  ['times out', new NimbusError('upstream.unavailable', 'timed out'), 'TargetUnreadable'],
  ['is throttled', new NimbusError('upstream.throttled', '429 slow down'), 'TargetUnreadable'],
  ['is answered with nonsense', new ApiError(400, 'BadRequest', '400 bad'), 'TargetUnreadable'],
  ['is forbidden', new ApiError(403, 'Forbidden', '403 no'), 'Forbidden'],
])('a list that %s is the problem of the policies that need it', async (_what, error, reason) => {
  const web = { metadata: { name: 'web', namespace: 'shop', uid: 'd' }, spec: { replicas: 3 } };
  const api: KubernetesApi = {
    request: ({ path }) =>
      path.includes('keda.sh')
        ? Promise.reject(error)
        : Promise.resolve({ items: path.endsWith('/deployments') ? [web] : [] }),
    close: () => undefined,
  };
  const cluster = kubernetesCluster(api, { watchNamespaces: ['*'] });
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const scaled = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'jobs' };
  const [found, failed] = await cluster.targets([
    { namespace: 'shop', ref: deployment },
    { namespace: 'shop', ref: scaled },
  ]);

  expect(found).toMatchObject({ found: { target: { uid: 'd' } } });
  expect(failed).toMatchObject({
    problem: { reason, message: expect.stringContaining(error.message) as string },
  });
});

test('policies that cannot be listed are an error: nobody is left to tell', async () => {
  const error = new NimbusError('upstream.unavailable', 'timed out');
  const api = { request: () => Promise.reject(error), close: () => undefined };

  await expect(kubernetesCluster(api, { watchNamespaces: ['*'] }).policies()).rejects.toBe(error);
});
