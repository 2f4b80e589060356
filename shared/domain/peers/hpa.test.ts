import { expect, test } from 'vitest';
import { createHpa, proposeByUtilization, type HpaInput } from './hpa.ts';
import { applyBehavior, DEFAULT_BEHAVIOR, newBehaviorState } from './behavior.ts';

const START = 1_700_000_000_000;
const settings = { targetUtilization: 0.7, minReplicas: 1, maxReplicas: 50 };

const anInput = (fields: Partial<HpaInput> = {}): HpaInput => ({
  atMs: START,
  replicas: 10,
  ready: 10,
  unready: 0,
  missing: 0,
  utilization: 0.7,
  ...fields,
});

test.each<[when: string, input: Partial<HpaInput>, then: number]>([
  ['use is at the target', { utilization: 0.7 }, 10],
  ['use is within the tolerance of 10 %', { utilization: 0.769 }, 10],
  ['use is beyond the tolerance', { utilization: 0.78 }, 12],
  ['CPU is saturated: one sync sees at most 1.43 × the pods', { utilization: 1 }, 15],
  ['it counts ready pods, not replicas', { replicas: 20, ready: 10, utilization: 1 }, 20],
  [
    'pods that start count as idle when scaling up',
    { replicas: 20, ready: 10, unready: 10, utilization: 1 },
    20, // 0.5 over 20 pods asks for less: the direction flipped
  ],
  [
    'some pods that start dampen the scale-up',
    { replicas: 12, ready: 10, unready: 2, utilization: 1 },
    15, // 10/12 = 0.83 → 1.19 × 12 pods
  ],
  ['silent pods count as idle when scaling up', { ready: 8, missing: 2, utilization: 1 }, 12],
  ['use is at the target and pods are silent', { ready: 6, missing: 4 }, 10],
  ['no metric at all: nothing changes', { ready: 0, utilization: null }, 10],
  ['no pod is ready: nothing changes', { ready: 0, unready: 10, utilization: 0 }, 10],
  ['replicas are 0: it is switched off', { replicas: 0, utilization: 1 }, 0],
  ['replicas are above max: put right without a metric', { replicas: 60, utilization: null }, 50],
  [
    'replicas are below min: put right without a metric',
    { replicas: 2, minReplicas: 5, utilization: null },
    5,
  ],
])('HPA, first sync: %s', (_when, fields, then) => {
  expect(createHpa(settings).decide(anInput(fields))).toBe(then);
});

test('silent pods count as full when scaling down, as idle when scaling up', () => {
  const input = anInput({ ready: 8, missing: 2 });
  // (8 × 0.35 + 2) / 10 = 48 % → 0.686 × 10 pods
  expect(proposeByUtilization({ ...input, utilization: 0.35 }, 0.7)).toBe(7);
  expect(proposeByUtilization({ ...input, utilization: 1 }, 0.7)).toBe(12);
});

// Before stabilisation, which hides every wish for less for five minutes.
test.each<[when: string, input: Partial<HpaInput>, then: number]>([
  [
    'pods that start count as idle: the wish would turn round, so nothing changes',
    { replicas: 20, ready: 10, unready: 10, utilization: 1 },
    20, // 0.5 over 20 pods
  ],
  [
    'a wish for more that comes out below the replicas that are asked for already',
    { replicas: 20, ready: 10, unready: 2, utilization: 1 },
    20, // 0.83 over 12 pods asks for 15
  ],
  [
    'within the tolerance once pods that start are counted',
    { replicas: 13, ready: 10, unready: 3, utilization: 1 },
    13, // 0.76 over 13 pods
  ],
  [
    'pods that start do not count when scaling down',
    { replicas: 15, ready: 10, unready: 5, utilization: 0.35 },
    5,
  ],
  [
    'nor beside silent ones, which count as full',
    { replicas: 16, ready: 8, unready: 6, missing: 2, utilization: 0.6 },
    16, // (8 × 0.6 + 2) / 10 = 0.68; over 16 pods it would be 0.42
  ],
  ['use is at the target: nothing is assumed of silent pods', { ready: 6, missing: 4 }, 10],
])('HPA, raw wish: %s', (_when, fields, then) => {
  expect(proposeByUtilization(anInput(fields), 0.7)).toBe(then);
});

test('with a minimum of 0, which the API refuses for CPU alone, one pod stays', () => {
  const hpa = createHpa({ ...settings, minReplicas: 0 });
  const at = (seconds: number, replicas: number): number =>
    hpa.decide(
      anInput({ atMs: START + seconds * 1000, replicas, ready: replicas, utilization: 0 }),
    );
  expect(at(0, 2)).toBe(2);
  expect(at(315, 2)).toBe(1);
});

test('after a restart the replicas that are there count as its first recommendation', () => {
  const hpa = createHpa(settings);
  expect(hpa.decide(anInput({ utilization: 0.2 }))).toBe(10);
});

test('a scale-down waits until no recommendation of the last 300 s was higher', () => {
  const hpa = createHpa(settings);
  const at = (seconds: number, replicas: number, utilization: number): number =>
    hpa.decide(anInput({ atMs: START + seconds * 1000, replicas, ready: replicas, utilization }));
  expect(at(0, 10, 0.7)).toBe(10);
  expect(at(15, 10, 0.35)).toBe(10);
  expect(at(285, 10, 0.35)).toBe(10);
  expect(at(300, 10, 0.35)).toBe(5);
});

test('the 300 s maximum is of raw recommendations: one noisy peak is paid for five minutes', () => {
  const hpa = createHpa(settings);
  const at = (seconds: number, replicas: number, utilization: number): number =>
    hpa.decide(anInput({ atMs: START + seconds * 1000, replicas, ready: replicas, utilization }));
  expect(at(0, 10, 0.98)).toBe(14);
  expect(at(15, 14, 0.5)).toBe(14);
  expect(at(285, 14, 0.5)).toBe(14);
  expect(at(300, 14, 0.5)).toBe(10);
});

test('between syncs it repeats its last answer', () => {
  const hpa = createHpa(settings);
  expect(hpa.decide(anInput({ utilization: 1 }))).toBe(15);
  expect(hpa.decide(anInput({ atMs: START + 5000, utilization: 0.7 }))).toBe(15);
  expect(hpa.decide(anInput({ atMs: START + 15_000, replicas: 15, utilization: 0.7 }))).toBe(15);
});

test.each<[when: string, current: number, wanted: number, then: number]>([
  ['small fleets may add four pods in 15 s', 2, 20, 6],
  ['large fleets may double in 15 s', 10, 40, 20],
  ['the fleet may fall to min at once after the window', 20, 1, 1],
])('behavior: %s', (_when, current, wanted, then) => {
  const bounds = { minReplicas: 1, maxReplicas: 50 };
  const step = { atMs: START, current, wanted, ...bounds };
  const state = newBehaviorState();
  state.recommendations.push([START - 300_000, current]); // five minutes ago: forgotten
  expect(applyBehavior(state, DEFAULT_BEHAVIOR, step)).toBe(then);
});

test('behavior: pods added within the period count against its limit', () => {
  const state = newBehaviorState();
  const bounds = { minReplicas: 1, maxReplicas: 50 };
  const step = (seconds: number, current: number) =>
    applyBehavior(state, DEFAULT_BEHAVIOR, {
      atMs: START + seconds * 1000,
      current,
      wanted: 50,
      ...bounds,
    });
  expect(step(0, 4)).toBe(8);
  expect(step(5, 8)).toBe(8); // the period began with 4 pods: 8 is its limit
  expect(step(16, 8)).toBe(16);
});

test('behavior: disabled directions stand still, percent rules of a scale-down bite', () => {
  const rules = [{ type: 'percent', value: 10, periodSeconds: 60 }] as const;
  const down = { windowSeconds: 0, rules, select: 'max' } as const;
  const slow = { up: { ...DEFAULT_BEHAVIOR.up, select: 'disabled' as const }, down };
  const at = (current: number, wanted: number): number =>
    applyBehavior(newBehaviorState(), slow, {
      atMs: START,
      current,
      wanted,
      minReplicas: 1,
      maxReplicas: 50,
    });
  expect(at(20, 30)).toBe(20);
  expect(at(20, 1)).toBe(18);
});

const BOUNDS = { minReplicas: 1, maxReplicas: 50 };

test('behavior: pods removed within the period give their room back', () => {
  const state = newBehaviorState();
  const down = { ...DEFAULT_BEHAVIOR.down, windowSeconds: 0 };
  const step = (seconds: number, current: number, wanted: number): number =>
    applyBehavior(
      state,
      { ...DEFAULT_BEHAVIOR, down },
      { atMs: START + seconds * 1000, current, wanted, ...BOUNDS },
    );
  expect(step(0, 20, 10)).toBe(10);
  expect(step(5, 10, 50)).toBe(40); // the period began with 20
});

test('behavior: a limit that was passed already holds, and never turns round', () => {
  const rules = [{ type: 'percent', value: 10, periodSeconds: 60 }] as const;
  const behavior = {
    ...DEFAULT_BEHAVIOR,
    down: { windowSeconds: 0, rules, select: 'max' } as const,
  };
  const state = newBehaviorState();
  state.added.push([START - 5000, 18]); // the period began with 2 of the 20
  expect(applyBehavior(state, behavior, { atMs: START, current: 20, wanted: 30, ...BOUNDS })).toBe(
    20,
  );
  const other = newBehaviorState();
  other.removed.push([START - 5000, 5]); // the period began with 20, and 18 is its limit
  expect(applyBehavior(other, behavior, { atMs: START, current: 15, wanted: 1, ...BOUNDS })).toBe(
    15,
  );
});

test('behavior: a window for scaling up waits for the smallest recommendation in it', () => {
  const behavior = { ...DEFAULT_BEHAVIOR, up: { ...DEFAULT_BEHAVIOR.up, windowSeconds: 60 } };
  const state = newBehaviorState();
  const step = (seconds: number, wanted: number): number =>
    applyBehavior(state, behavior, {
      atMs: START + seconds * 1000,
      current: 10,
      wanted,
      ...BOUNDS,
    });
  expect(step(0, 10)).toBe(10);
  expect(step(15, 20)).toBe(10);
  expect(step(75, 20)).toBe(20);
});

test.each<[select: 'max' | 'min', current: number, wanted: number, then: number]>([
  ['max', 10, 50, 20],
  ['min', 10, 50, 14],
  ['max', 25, 1, 21],
  ['min', 25, 1, 22], // 22.5 is cut
])('behavior: select %s from %i to %i goes to %i', (select, current, wanted, then) => {
  const rules = [
    { type: 'percent', value: 10, periodSeconds: 15 },
    { type: 'pods', value: 4, periodSeconds: 15 },
  ] as const;
  const behavior = {
    up: { ...DEFAULT_BEHAVIOR.up, select },
    down: { windowSeconds: 0, rules, select },
  };
  const step = { atMs: START, current, wanted, ...BOUNDS };
  expect(applyBehavior(newBehaviorState(), behavior, step)).toBe(then);
});

test('without a behavior block a scale-down waits 300 s as well', () => {
  const legacy = createHpa({ ...settings, behavior: 'legacy' });
  const at = (seconds: number, utilization: number): number =>
    legacy.decide(anInput({ atMs: START + seconds * 1000, utilization }));
  expect(at(0, 0.7)).toBe(10);
  expect(at(15, 0.35)).toBe(10);
  expect(at(300, 0.35)).toBe(5);
});

test('without a behavior block one sync at most doubles, or reaches four', () => {
  const legacy = createHpa({ ...settings, behavior: 'legacy' });
  expect(legacy.decide(anInput({ replicas: 1, ready: 1, utilization: 9 }))).toBe(4);
});

test('the state is plain JSON: a copy decides the same', () => {
  const hpa = createHpa(settings);
  hpa.decide(anInput({ utilization: 0.95 }));
  const copy = JSON.parse(JSON.stringify(hpa.state)) as typeof hpa.state;
  const next = anInput({ atMs: START + 15_000, replicas: 14, ready: 14, utilization: 0.3 });
  expect(createHpa(settings, copy).decide(next)).toBe(hpa.decide(next));
});
