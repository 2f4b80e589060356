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

const meta = (name: string, more: Json = {}): Json => ({
  name,
  namespace: 'shop',
  uid: `uid-${name}`,
  ...more,
});
const aWorkload = (name: string): Json => ({
  metadata: meta(name),
  spec: { replicas: 4, selector: { matchLabels: { app: name } } },
});
const running = (name: string, own: Json, more: Json = {}): Json => ({
  metadata: meta(name, { labels: own, ...more }),
  spec: { containers: [{ name: 'c' }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});
const scales = (name: string, kind: string, spec: Json = {}, more: Json = {}): Json => ({
  metadata: meta(name, more),
  spec: { scaleTargetRef: { kind, name: 'db' }, ...spec },
});
const revision = (name: string, annotations: Json, desiredReplicas?: number): Json => ({
  metadata: meta(name, {
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`autoscaling.knative.dev/${key}`, value]),
    ),
  }),
  status: desiredReplicas === undefined ? {} : { desiredReplicas },
});
const serving = (...traffic: Json[]): Json => ({ metadata: meta('api'), status: { traffic } });

/** What is seen of one target of a namespace that holds these objects, by the plural of their kinds. */
async function lookAt(ref: [apiVersion: string, kind: string, name: string], held: Json) {
  const api: KubernetesApi = {
    request: ({ path }) => Promise.resolve({ items: held[path.split('/').at(-1) ?? ''] ?? [] }),
    close: () => undefined,
  };
  const [apiVersion, kind, name] = ref;
  const cluster = kubernetesCluster(api, { watchNamespaces: ['shop'] });
  const [state] = await cluster.targets([{ namespace: 'shop', ref: { apiVersion, kind, name } }]);
  return state;
}

const KSVC = ['serving.knative.dev/v1', 'Service', 'api'] as const;
const AN_HPA = ['autoscaling/v2', 'HorizontalPodAutoscaler', 'scaler'] as const;
const KEDA = ['keda.sh/v1alpha1', 'ScaledObject', 'scaler'] as const;
const dbPods = ['db-0', 'db-1'].map((name) => running(name, { app: 'db' }));
const db = { statefulsets: [aWorkload('db')], pods: [...dbPods, running('x', { app: 'x' })] };

test.each<[string, Parameters<typeof lookAt>[0], Json, number, number]>([
  [
    'an HPA',
    [...AN_HPA],
    { ...db, horizontalpodautoscalers: [scales('scaler', 'StatefulSet', { maxReplicas: 9 })] },
    1,
    9,
  ],
  [
    'an HPA with a minimum',
    [...AN_HPA],
    {
      ...db,
      horizontalpodautoscalers: [
        scales('scaler', 'StatefulSet', { minReplicas: 3, maxReplicas: 9 }),
      ],
    },
    3,
    9,
  ],
  [
    'a ScaledObject',
    [...KEDA],
    { ...db, scaledobjects: [scales('scaler', 'StatefulSet')] },
    0,
    100,
  ],
  [
    'a ScaledObject with bounds',
    [...KEDA],
    {
      ...db,
      scaledobjects: [scales('scaler', 'StatefulSet', { minReplicaCount: 2, maxReplicaCount: 8 })],
    },
    2,
    8,
  ],
])('%s is seen with the pods of what it scales', async (_what, ref, held, low, high) => {
  expect(await lookAt(ref, held)).toMatchObject({
    found: {
      target: { kind: ref[1], name: 'scaler', uid: 'uid-scaler' },
      autoscaler: { kind: ref[1], name: 'scaler', minReplicas: low, maxReplicas: high },
      replicas: { desired: 4, ready: 2, starting: 0, draining: 0 },
      pods: [{ name: 'db-0' }, { name: 'db-1' }],
    },
  });
});

test('of a Deployment the HPA that scales it is told, and no other', async () => {
  const ref: Parameters<typeof lookAt>[0] = ['apps/v1', 'Deployment', 'db'];
  const held = { deployments: [aWorkload('db')] };
  const other = { scaleTargetRef: { kind: 'Deployment', name: 'web' } };
  const own = scales('own', 'Deployment', { maxReplicas: 6 });
  const beside = [scales('other', 'Deployment', other), scales('set', 'StatefulSet')];

  expect(await lookAt(ref, { ...held, horizontalpodautoscalers: [...beside, own] })).toMatchObject({
    found: { autoscaler: { name: 'own', minReplicas: 1, maxReplicas: 6 } },
  });
  expect(await lookAt(ref, { ...held, horizontalpodautoscalers: beside })).toMatchObject({
    found: { autoscaler: null },
  });
});

test.each<[string, Parameters<typeof lookAt>[0], Json, string, RegExp]>([
  ['is not there', ['apps/v1', 'StatefulSet', 'db'], {}, 'TargetMissing', /StatefulSet db/],
  ['is no Service any more', [...KSVC], {}, 'TargetMissing', /no Service api/],
  [
    'scales nothing',
    [...AN_HPA],
    { horizontalpodautoscalers: [scales('scaler', 'Deployment')] },
    'TargetMissing',
    /scales db, which is missing/,
  ],
  [
    'was made by KEDA',
    [...AN_HPA],
    {
      ...db,
      horizontalpodautoscalers: [
        scales(
          'scaler',
          'StatefulSet',
          {},
          { ownerReferences: [{ kind: 'ScaledObject', name: 'so' }] },
        ),
      ],
    },
    'TargetUnsupported',
    /name the ScaledObject so as the target/,
  ],
  ['is of another kind', ['batch/v1', 'Job', 'db'], {}, 'TargetUnsupported', /batch\/v1 Job/],
])('a target that %s is said with its reason', async (_what, ref, held, reason, message) => {
  const state = await lookAt(ref, held);
  const problem = state !== undefined && 'problem' in state ? state.problem : undefined;
  expect(problem?.reason).toBe(reason);
  expect(problem?.message).toMatch(message);
});

const ofService = { 'serving.knative.dev/service': 'api' };
const servicePods = [
  running('api-1', ofService),
  running('api-2', ofService, { deletionTimestamp: '2026-11-25T08:00:00Z' }),
  running('other', { 'serving.knative.dev/service': 'other' }),
];

test.each<[string, Json[], Json[], { low: number; high: number; desired: number }]>([
  [
    'by the Revisions that serve',
    [
      { revisionName: 'a', percent: 60 },
      { revisionName: 'b', percent: 40 },
    ],
    [
      revision('a', { 'min-scale': '2', 'max-scale': '5' }, 3),
      revision('b', { 'max-scale': '8' }, 1),
      revision('c', { 'min-scale': '7', 'max-scale': '90' }, 9),
    ],
    { low: 2, high: 8, desired: 4 },
  ],
  [
    'without those that have a tag and no traffic',
    [
      { revisionName: 'a', percent: 100 },
      { revisionName: 'b', tag: 'next' },
    ],
    [revision('a', {}, 2), revision('b', { 'min-scale': '4', 'max-scale': '6' }, 4)],
    { low: 0, high: 10_000, desired: 2 },
  ],
  [
    'by its pods where no Revision says what it wants',
    [{ revisionName: 'a', percent: 100 }],
    [revision('a', { 'min-scale': '1' })],
    { low: 1, high: 10_000, desired: 1 },
  ],
])('a Knative Service is seen %s', async (_what, traffic, revisions, { low, high, desired }) => {
  const held = { services: [serving(...traffic)], revisions, pods: servicePods };
  expect(await lookAt([...KSVC], held)).toMatchObject({
    found: {
      target: { kind: 'Service', name: 'api' },
      autoscaler: { name: 'api', minReplicas: low, maxReplicas: high },
      replicas: { desired, ready: 1, starting: 0, draining: 1 },
    },
  });
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
