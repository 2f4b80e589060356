import { expect, test } from 'vitest';
import type { Json, KubernetesApi } from './kubernetes-api.ts';
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
