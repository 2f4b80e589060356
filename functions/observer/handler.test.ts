import { expect, test, vi } from 'vitest';
import { NimbusError } from '#shared/errors.ts';
import {
  AlertRaised,
  StateObserved,
  type ObservedState,
  type UnknownEvent,
} from '#shared/events/index.ts';
import type {
  Cluster,
  Found,
  Metrics,
  Pod,
  PolicyObject,
  TargetLocator,
  TargetState,
} from '#shared/ports.ts';
import { readings } from '#shared/testing/readings.ts';
import { encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aPolicy, aSpec, NOW_MS, TARGET } from '#shared/testing/builders.ts';
import { observer, type ObserverDeps } from './handler.ts';

const PING: UnknownEvent = {
  specversion: '1.0',
  id: 'tick-1',
  source: '/pingsources/beat',
  type: 'dev.knative.sources.ping',
  data: {},
};

function setUp(
  policies: PolicyObject[],
  over: {
    cluster?: Partial<Cluster>;
    metrics?: Metrics;
    send?: (event: UnknownEvent) => Promise<void>;
  } = {},
) {
  const sent: UnknownEvent[] = [];
  const cluster: Cluster = {
    policies: () => Promise.resolve(policies),
    targets: (locators) =>
      Promise.resolve(
        locators.map(({ ref }) =>
          ref.name === 'missing'
            ? { problem: { reason: 'TargetMissing', message: 'there is none' } }
            : {
                found: {
                  target: { ...TARGET, name: ref.name, uid: `uid-${ref.name}` },
                  replicas: { desired: 2, ready: 2, starting: 0, draining: 0 },
                  autoscaler: null,
                  unplaced: null,
                  pods: [],
                },
              },
        ),
      ),
    ...over.cluster,
  };
  const metrics = over.metrics ?? {
    read: (requests) =>
      Promise.resolve(requests.map(() => readings({ measuredAtMs: NOW_MS - 100 }))),
  };
  const sink = {
    send: async (event: UnknownEvent) => {
      await over.send?.(event);
      sent.push(event);
    },
  };
  const deps = { clock: { nowMs: () => NOW_MS }, cluster, metrics, sink, close: () => undefined };
  const app = createApp(observer(deps));
  const post = (event: UnknownEvent) => app.request('/', { method: 'POST', ...encodeEvent(event) });
  return { post, sent, states: () => sent.map((event) => StateObserved.parse(event).data) };
}

const named = (name: string, over: Partial<PolicyObject> = {}): PolicyObject =>
  aPolicy({
    name,
    uid: `policy-${name}`,
    spec: aSpec({ targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } }),
    ...over,
  });

test('one observation per policy and beat, with ids, subject, partition and time derived', async () => {
  const { post, sent } = setUp([named('a'), named('b')]);

  expect((await post(PING)).status).toBe(204);
  expect(
    sent.map(({ id, subject, partitionkey, time }) => ({ id, subject, partitionkey, time })),
  ).toEqual(
    ['a', 'b'].map((name) => ({
      id: `tick-1.uid-${name}.observer`,
      subject: `shop/${name}`,
      partitionkey: `uid-${name}`,
      time: new Date(NOW_MS).toISOString(),
    })),
  );
  expect(new Set(sent.map(({ traceparent }) => traceparent)).size).toBe(1);
});

test('two alerts with one id are two where their senders differ, and one where they do not', async () => {
  const { post, sent } = setUp([named('a')]);
  const data = { eventType: 'high_cpu_usage', service: 'a', namespace: 'shop' };
  for (const source of ['/shop', '/bank', '/shop'])
    await post(AlertRaised.build({ id: '1', source }, data));
  const ids = sent.map(({ id }) => id);

  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(2);
  expect(ids[0]).toMatch(/^1~[0-9a-f]{8}\.uid-a\.observer$/);
});

test.each<
  [
    what: string,
    policy: PolicyObject,
    reason: NonNullable<ObservedState['problem']>['reason'],
    says: RegExp,
  ]
>([
  ['whose target is missing', named('missing'), 'TargetMissing', /there is none/],
  [
    'with an invalid spec',
    named('a', { spec: { targetRef: { kind: 1 } } }),
    'PolicyInvalid',
    /spec\.targetRef\.apiVersion.*spec\.targetRef\.kind/,
  ],
  [
    'with contradicting bounds',
    named('a', { spec: { ...aSpec(), minReplicas: 9, maxReplicas: 3 } }),
    'PolicyInvalid',
    /minReplicas must not be above maxReplicas/,
  ],
])('a policy %s is observed with its problem', async (_what, policy, reason, says) => {
  const { post, states } = setUp([policy]);
  await post(PING);

  expect(states()).toHaveLength(1);
  expect(states()[0]?.problem?.reason).toBe(reason);
  expect(states()[0]?.problem?.message).toMatch(says);
});

test('the younger of two policies on one target is the duplicate', async () => {
  const old = named('a', { createdAtMs: 1 });
  const young = named('a', { name: 'second', uid: 'policy-second', createdAtMs: 2 });
  const { post, states } = setUp([old, young]);
  await post(PING);

  expect(states().map(({ problem }) => problem?.reason)).toEqual([undefined, 'Duplicate']);
  expect(states()[1]?.problem?.message).toContain('older policy a');
});

test.each<[string, number | null, string | undefined]>([
  ['fresh', NOW_MS - 100, undefined],
  ['old', NOW_MS - 61_000, 'DataStale'],
  ['missing', null, 'DataStale'],
])('telemetry that is %s', async (_what, measuredAtMs, reason) => {
  const { post, states } = setUp([named('a')], {
    metrics: { read: () => Promise.resolve([readings({ measuredAtMs })]) },
  });
  await post(PING);

  expect(states()[0]?.problem?.reason).toBe(reason);
});

test('what it holds open is closed with it', async () => {
  const closed = vi.fn<() => void>();
  const deps = { clock: { nowMs: () => NOW_MS }, close: closed };
  const spec = observer({ ...deps, cluster: {}, metrics: {}, sink: {} } as unknown as ObserverDeps);
  await spec.close?.();

  expect(closed).toHaveBeenCalledOnce();
});

const bare = (over: Partial<TargetState>): Partial<Cluster> => ({
  targets: (locators) =>
    Promise.resolve(
      locators.map(() => ({
        found: {
          target: TARGET,
          replicas: { desired: 0, ready: 0, starting: 0, draining: 0 },
          autoscaler: null,
          unplaced: null,
          pods: [],
          ...over,
        },
      })),
    ),
});

test('where no pod is ready, telemetry that is not there is no problem', async () => {
  const metrics = { read: () => Promise.resolve([readings({ measuredAtMs: null })]) };
  const { post, states } = setUp([named('a')], { cluster: bare({}), metrics });
  await post(PING);

  expect(states()[0]?.problem).toBeNull();
});

const aPod = (uid: string, readySecondsAgo: number | null, over: Partial<Pod> = {}): Pod => ({
  uid: `pod-${uid}`,
  name: uid,
  namespace: 'shop',
  ip: null,
  port: null,
  createdAtMs: NOW_MS - ((readySecondsAgo ?? 0) + 8) * 1000,
  readyAtMs: readySecondsAgo === null ? null : NOW_MS - readySecondsAgo * 1000,
  restarts: 0,
  ready: readySecondsAgo !== null,
  draining: false,
  unplaced: null,
  cpuRequestCores: null,
  memoryRequestBytes: null,
  ...over,
});

test('start-ups are those of the last ten minutes, newest first, and only of pods that were new', async () => {
  const pods = [
    aPod('older', 300),
    aPod('newest', 5),
    aPod('of-a-second', 60, { createdAtMs: NOW_MS - 59_000 }), // clocks differ
    aPod('long-ago', 601),
    aPod('not-yet', null),
    aPod('restarted', 20, { restarts: 1 }),
    aPod('back-again', 20, { createdAtMs: NOW_MS - 3_600_000 }),
  ];
  const { post, states } = setUp([named('a')], { cluster: bare({ pods }) });
  await post(PING);

  expect(states()[0]?.startups.map(({ pod, seconds }) => [pod, seconds])).toEqual([
    ['newest', 8],
    ['second', 0],
    ['older', 8],
  ]);
});

test('of hundreds of start-ups the newest hundred are told', async () => {
  const pods = Array.from({ length: 300 }, (_, index) => aPod(`p${index}`, 300 - index));
  const { post, states } = setUp([named('a')], { cluster: bare({ pods }) });
  await post(PING);

  expect(states()[0]?.startups).toHaveLength(100);
  expect(states()[0]?.startups.at(-1)?.pod).toBe('p200');
});

test('an alert about a target without a policy is taken, and observes nothing', async () => {
  const { post, sent } = setUp([named('a')]);
  const data = { eventType: 'high_cpu_usage', service: 'x', namespace: 'shop', value: 90 };
  const answer = await post(AlertRaised.build({ id: 'alert-1', source: '/x' }, data));

  expect(answer.status).toBe(204);
  expect(sent).toEqual([]);
});

test('an observation without a target goes by its policy', async () => {
  const { post, sent } = setUp([named('missing')]);
  await post(PING);

  expect(sent[0]).toMatchObject({
    id: 'tick-1.policy-missing.observer',
    subject: 'shop/missing',
    partitionkey: 'policy-missing',
  });
});

test('an alert looks at its target only, and says so', async () => {
  const { post, states } = setUp([named('a'), named('b')]);
  const data = { eventType: 'high_cpu_usage', service: 'b', namespace: 'shop', value: 90 };
  await post(AlertRaised.build({ id: 'alert-1', source: '/x' }, data));

  expect(states().map(({ target, cause, alert }) => [target?.name, cause, alert])).toEqual([
    ['b', 'alert', data],
  ]);
});

test('a policy that is being deleted is observed as switched off', async () => {
  const { post, states } = setUp([named('a', { deleting: true })]);
  await post(PING);

  expect(states()[0]?.policy.spec.mode).toBe('off');
});

test.each([
  [
    'the cluster cannot be read',
    {
      cluster: { policies: () => Promise.reject(new NimbusError('upstream.unavailable', 'down')) },
    },
  ],
  [
    'the broker does not take it',
    { send: () => Promise.reject(new NimbusError('upstream.unavailable', 'down')) },
  ],
])('a beat is to come again when %s', async (_what, over) => {
  const { post } = setUp([named('a')], over);

  expect((await post(PING)).status).toBe(503);
});

const failing = (error: Error) => (event: UnknownEvent) =>
  event.subject === 'shop/a' ? Promise.reject(error) : Promise.resolve();
const nameless = (locators: readonly TargetLocator[]): Promise<Found<TargetState>[]> =>
  Promise.resolve(
    locators.map(({ ref }) => ({
      found: {
        target: { ...TARGET, name: ref.name, uid: ref.name === 'a' ? '' : 'uid-b' },
        replicas: { desired: 2, ready: 0, starting: 0, draining: 0 },
        autoscaler: null,
        unplaced: null,
        pods: [],
      },
    })),
  );

test.each<[what: string, over: Parameters<typeof setUp>[1], status: number]>([
  [
    'the broker is away for',
    { send: failing(new NimbusError('upstream.unavailable', 'away')) },
    503,
  ],
  ['the broker refuses', { send: failing(new NimbusError('action.refused', '400 no')) }, 422],
  ['fits no event', { cluster: { targets: nameless } }, 422],
])('an observation that %s keeps none of the others back', async (_what, over, status) => {
  const { post, states } = setUp([named('a'), named('b')], over);
  const answer = await post(PING);

  expect(states().map(({ policy }) => policy.name)).toEqual(['b']);
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain('1 of 2 observations were not sent; shop/a: ');
});
