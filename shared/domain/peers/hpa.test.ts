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
  ['replicas are below min: put right without a metric', { replicas: 2, minReplicas: 5 }, 5],
])('HPA, first sync: %s', (_when, fields, then) => {
  expect(createHpa(settings).decide(anInput(fields))).toBe(then);
});

test('silent pods count as full when scaling down, as idle when scaling up', () => {
  const input = anInput({ ready: 8, missing: 2 });
  // (8 × 0.35 + 2) / 10 = 48 % → 0.686 × 10 pods
  expect(proposeByUtilization({ ...input, utilization: 0.35 }, 0.7)).toBe(7);
  expect(proposeByUtilization({ ...input, utilization: 1 }, 0.7)).toBe(12);
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
