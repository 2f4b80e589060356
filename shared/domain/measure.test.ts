import { expect, test } from 'vitest';
import { PolicySpec, type ObservedState, type PodCounters } from '../events/index.ts';
import { measure } from './measure.ts';
import type { Counters } from './types.ts';

const T0 = 1_700_000_000_000;
const aPod = (pod: string, requests: number, fields: Partial<PodCounters> = {}): PodCounters => ({
  pod,
  startedAtMs: T0 - 60_000,
  requests,
  inFlight: null,
  late: 0,
  failed: 0,
  ...fields,
});

const observed = (
  counters: PodCounters[] | null,
  fields: Partial<ObservedState> = {},
): ObservedState => ({
  tick: 't1',
  cause: 'beat',
  observedAtMs: T0 + 5000,
  policy: {
    namespace: 'shop',
    name: 'web',
    uid: 'u1',
    generation: 1,
    spec: PolicySpec.parse({
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    }),
  },
  target: null,
  replicas: { desired: 2, ready: 2, starting: 0, draining: 0 },
  startups: [],
  readings: {
    source: 'pods',
    measuredAtMs: T0 + 5000,
    counters,
    rates: null,
    latencyP95Ms: 40,
    cpuUtilization: 0.5,
    memoryUtilization: null,
    inFlight: null,
    lagMessages: null,
    silentPods: 0,
  },
  autoscaler: null,
  problem: null,
  ...fields,
});

const before: Counters = {
  measuredAtMs: T0,
  pods: [aPod('a', 1000), aPod('b', 2000)],
  lastReadyAtMs: 0,
};
const fresh = { startedAtMs: T0 + 1000 };

test.each<[what: string, pods: PodCounters[], perSecond: number | null]>([
  ['both pods went on', [aPod('a', 1250), aPod('b', 2250)], 100],
  ['one pod was restarted and counts from zero', [aPod('a', 1250), aPod('b', 100)], 70],
  ['a pod vanished', [aPod('a', 1250)], 50],
  ['a new pod started since', [aPod('a', 1250), aPod('b', 2250), aPod('c', 50, fresh)], 110],
  ['an old pod is seen for the first time', [aPod('a', 1250), aPod('c', 90_000)], 100],
  ['a pod that became ready at the last look', [aPod('a', 1250), aPod('c', 50)], 60],
  ['an idle stranger beside an idle pod', [aPod('a', 1000), aPod('c', 90_000)], 0],
  ['only strangers are left', [aPod('c', 90_000)], null],
  ['nothing answered', [], null],
])('rates from counters: %s', (_what, pods, perSecond) => {
  expect(measure(before, observed(pods)).sample.requestsPerSecond).toBe(perSecond);
});

const inside = (now: number | null, fields: Partial<PodCounters> = {}): PodCounters =>
  aPod('a', 1250, { inFlight: now, ...fields });

test.each<
  [what: string, was: number | null, pod: PodCounters, perSecond: number, answered: number]
>([
  ['a queue that grew came in too', 0, inside(100), 70, 250],
  ['a queue that drains was there before', 100, inside(0), 30, 250],
  ['more may leave than came in', 300, inside(0), 0, 250],
  ['unknown before', null, inside(100), 50, 250],
  ['unknown now', 100, inside(null), 50, 250],
  ['restarted: its queue is all new', 100, inside(50, { requests: 200 }), 50, 200],
])('requests that wait: %s', (_what, was, pod, perSecond, answered) => {
  const pods = [aPod('a', 1000, { inFlight: was })];
  const { sample } = measure({ ...before, pods }, observed([pod]));
  expect(sample).toMatchObject({ requestsPerSecond: perSecond, requests: answered });
});

test.each<[what: string, c: Partial<PodCounters>, perSecond: number]>([
  ['its queue came in as well', { requests: 50, inFlight: 100 }, 60 + 30],
  ['nothing of it is answered yet', { requests: 0, inFlight: 100 }, 60 + 20],
  ['no more than the busiest one has', { requests: 90_000, inFlight: 500 }, 60 + 60],
])('a pod that the last look did not read: %s', (_what, c, perSecond) => {
  const pods = [aPod('a', 1000, { inFlight: 0 })];
  const now = [aPod('a', 1250, { inFlight: 50 }), aPod('c', 0, c)];
  expect(measure({ ...before, pods }, observed(now)).sample.requestsPerSecond).toBe(perSecond);
});

test.each([
  ['first', [1500, 2100]],
  ['last', [1100, 2500]],
])(
  'what a pod that was not read before had is measured by the busiest one, read %s',
  (_when, counts) => {
    const [a = 0, b = 0] = counts;
    const pods = [aPod('a', a), aPod('b', b), aPod('c', 90_000)];
    const { sample } = measure(before, observed(pods));
    expect(sample.requests).toBeCloseTo(100 + 500 + 500, 9);
    expect(sample.requestsPerSecond).toBeCloseTo(1100 / 5, 9);
  },
);

test('of a pod that was not read before, as large a part is late and failed as of its requests', () => {
  const pods = [aPod('a', 1250), aPod('c', 1000, { late: 200, failed: 100 })];
  const { sample } = measure(before, observed(pods));
  expect(sample.requests).toBe(500); // a quarter of its history, as many as the other had
  expect(sample.lateRatio).toBeCloseTo(50 / 500, 9);
  expect(sample.failedRatio).toBeCloseTo(25 / 500, 9);
});

test('the first look has no rates and keeps its counters for the next', () => {
  const first = measure(null, observed([aPod('a', 1250)]));
  expect(first.sample.requestsPerSecond).toBeNull();
  expect(first.counters.pods).toHaveLength(1);
});

test('a missing reading is unknown, never zero, and the old counters stay', () => {
  const dark = measure(before, observed(null, { readings: null }));
  expect(dark.sample).toMatchObject({
    requestsPerSecond: null,
    cpuUtilization: null,
    measuredAtMs: null,
  });
  expect(dark.counters).toEqual({ ...before, observedAtMs: T0 + 5000 });
});

test('late and failed are shares of the requests of the window', () => {
  const pods = [aPod('a', 1100, { late: 20, failed: 10 }), aPod('b', 2100)];
  const { sample } = measure(before, observed(pods));
  expect(sample).toMatchObject({
    requests: 200,
    lateRatio: 0.1,
    failedRatio: 0.05,
    windowMs: 5000,
  });
});

test('lateness is unknown while a pod does not tell it, and for the look after', () => {
  const silent = measure(before, observed([aPod('a', 1100), aPod('b', 2100, { late: null })]));
  expect(silent.sample).toMatchObject({ requests: 200, lateRatio: null, failedRatio: 0 });
  const later = observed([aPod('b', 2200, { late: 50 })], { observedAtMs: T0 + 10_000 });
  later.readings!.measuredAtMs = T0 + 10_000;
  const again = measure(silent.counters, later);
  expect(again.sample).toMatchObject({ requests: 100, lateRatio: null });
});

test('lateness is unknown, too, where a pod that was not read before does not tell it', () => {
  const pods = [aPod('a', 1250), aPod('c', 1000, { late: null })];
  const { sample } = measure(before, observed(pods));
  expect(sample).toMatchObject({ requests: 500, lateRatio: null, failedRatio: 0 });
});

test.each([
  [1, 150],
  [2, 200],
  [3, null],
])('%d silent pods beside two serve as much as these, if they are not most', (silent, rate) => {
  const seen = observed([aPod('a', 1250), aPod('b', 2250)]);
  seen.readings!.silentPods = silent;
  const { sample } = measure(before, seen);
  expect(sample.requestsPerSecond).toBe(rate);
  expect(sample.requests).toBe(rate === null ? null : rate * 5);
});

test.each([
  ['after a gap', 600_000],
  ['of a clock that was set back', -600_000],
])('counters %s are a new base, and no rate', (_what, passed) => {
  const at = before.measuredAtMs + passed;
  const seen = observed([aPod('a', 1250), aPod('b', 2250)], { observedAtMs: at });
  seen.readings!.measuredAtMs = at;
  const { sample, counters } = measure(before, seen);
  expect(sample.requestsPerSecond).toBeNull();
  expect(counters.measuredAtMs).toBe(at);
});

test('the same read once more gives no rate and leaves its base', () => {
  const seen = observed([aPod('a', 1250)], { observedAtMs: T0 + 6000 });
  seen.readings!.measuredAtMs = before.measuredAtMs;
  const { sample, counters } = measure(before, seen);
  expect(sample.requestsPerSecond).toBeNull();
  expect(counters).toMatchObject(before);
});

test('the first look takes the start-ups that it finds', () => {
  const startups = [{ pod: 'c', readyAtMs: T0 + 4000, seconds: 8 }];
  expect(measure(null, observed([aPod('a', 1)], { startups })).sample.startups).toEqual([8]);
});

test('a start-up is reported once', () => {
  const startups = [{ pod: 'c', readyAtMs: T0 + 4000, seconds: 8 }];
  const first = measure(before, observed([aPod('a', 1100)], { startups }));
  expect(first.sample.startups).toEqual([8]);
  expect(
    measure(first.counters, observed([aPod('a', 1200)], { startups })).sample.startups,
  ).toEqual([]);
});

test.each([
  [
    'rates in the place of counters',
    { windowMs: 60_000, requestsPerSecond: 20, lateRatio: 0, failedRatio: 0 },
  ],
  ['nothing but the use of the CPU', null],
])('a start-up is reported once by a source that gives %s, too', (_what, rates) => {
  const startups = [{ pod: 'c', readyAtMs: T0 + 4000, seconds: 8 }];
  const seen = observed(null, { startups });
  Object.assign(seen.readings!, { rates, source: 'prometheus' });
  const first = measure(null, seen);
  expect(first.sample.startups).toEqual([8]);
  const next = measure(first.counters, { ...seen, observedAtMs: T0 + 10_000 });
  expect(next.sample).toEqual({ ...first.sample, atMs: T0 + 10_000, startups: [] });
  const pods = measure(next.counters, observed([aPod('a', 1250), aPod('b', 2250)]));
  expect(pods.sample.requestsPerSecond).toBeNull(); // counters that come up later have no base yet
  expect(pods.counters.pods).toHaveLength(2);
});

test('a pod of a node whose clock is an hour ahead hides no other start-up', () => {
  const startups = [{ pod: 'c', readyAtMs: T0 + 3_600_000, seconds: 3608 }];
  const first = measure(before, observed([aPod('a', 1100)], { startups }));
  expect(first.sample.startups).toEqual([]);
  startups.push({ pod: 'd', readyAtMs: T0 + 9000, seconds: 8 });
  const later = observed([aPod('a', 1200)], { startups, observedAtMs: T0 + 10_000 });
  expect(measure(first.counters, later).sample.startups).toEqual([8]);
});

test('after a clock is set back start-ups are reported again, each of them once', () => {
  const noted = { ...before, lastReadyAtMs: T0 + 3_600_000 };
  const startups = [{ pod: 'c', readyAtMs: T0 + 4000, seconds: 8 }];
  const back = measure(noted, observed([aPod('a', 1100)], { startups }));
  expect(back.sample.startups).toEqual([]); // whether this one was reported is not known
  startups.push({ pod: 'd', readyAtMs: T0 + 19_000, seconds: 9 });
  const later = observed([aPod('a', 1200)], { startups, observedAtMs: T0 + 20_000 });
  const next = measure(back.counters, later);
  expect(next.sample.startups).toEqual([9]);
  expect(measure(next.counters, later).sample.startups).toEqual([]);
});

const rates = { windowMs: 60_000, requestsPerSecond: 100, lateRatio: 0, failedRatio: 0 };
const byPrometheus = { ...observed(null).readings!, source: 'prometheus', rates } as const;

test.each<[source: string, state: (atMs: number) => ObservedState]>([
  ['counters', (observedAtMs) => observed([aPod('a', 1)], { observedAtMs })],
  ['rates', (observedAtMs) => observed(null, { observedAtMs, readings: byPrometheus })],
  ['nothing', (observedAtMs) => observed(null, { observedAtMs, readings: null })],
])(
  'the time between two looks that see %s is the beat, the first and a pause apart',
  (_what, look) => {
    let counters: Counters | null = null;
    const intervals = [0, 15, 30, 31, 300, 315].map((second) => {
      const seen = measure(counters, look(T0 + second * 1000));
      counters = seen.counters;
      return seen.sample.intervalMs;
    });
    expect(intervals).toEqual([5000, 15_000, 15_000, 1000, 5000, 15_000]);
  },
);

test('two pauses alike are the beat of a slow schedule, whose rates are means over it', () => {
  let counters: Counters | null = null;
  const seen = [0, 300, 600, 905, 1205, 3000, 3005].map((second, look) => {
    const state = observed([aPod('a', 1 + look * 3000)], { observedAtMs: T0 + second * 1000 });
    const readings = { ...state.readings!, measuredAtMs: state.observedAtMs };
    const { sample, counters: next } = measure(counters, { ...state, readings });
    counters = next;
    return [sample.intervalMs / 1000, sample.requestsPerSecond];
  });
  expect(seen.slice(0, 5)).toEqual([
    [5, null],
    [5, null],
    [300, 10],
    [305, 3000 / 305],
    [300, 10],
  ]);
  expect(seen.slice(5)).toEqual([
    [5, null], // nobody looked for half an hour
    [5, 600],
  ]);
});
