import { expect, test } from 'vitest';
import { createKeda, type KedaInput } from './keda.ts';

const START = 1_700_000_000_000;
const settings = { threshold: 35, minReplicas: 1, maxReplicas: 50 };

const anInput = (fields: Partial<KedaInput> = {}): KedaInput => ({
  atMs: START,
  replicas: 10,
  existing: 10,
  value: 350,
  ...fields,
});

test.each<[when: string, input: Partial<KedaInput>, then: number]>([
  ['the metric is at the target', {}, 10],
  ['within the tolerance', { value: 380 }, 10],
  ['beyond it, by the value alone: demand does not saturate', { value: 700 }, 20],
  ['pods that exist count, ready or not', { existing: 20, replicas: 20, value: 700 }, 20],
  ['pods that exist count, asked for or not', { existing: 12, replicas: 10, value: 420 }, 10],
])('KEDA between 1 and N: %s', (_when, fields, then) => {
  expect(createKeda(settings).decide(anInput(fields))).toBe(then);
});

test('between two syncs of its HPA, 15 s apart, KEDA repeats its answer', () => {
  const keda = createKeda(settings);
  const at = (seconds: number, value: number): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, value }));
  expect([at(0, 350), at(2, 700), at(14, 700), at(15, 700)]).toEqual([10, 10, 10, 20]);
});

test('an empty answer counts as 0 by default: a fleet falls to its minimum after five minutes', () => {
  const keda = createKeda(settings);
  const at = (seconds: number, value: number | null): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, value }));
  expect(at(0, 350)).toBe(10);
  expect(at(15, null)).toBe(10);
  expect(at(300, null)).toBe(1);
});

test('without a fallback errors change nothing, however many there are', () => {
  const keda = createKeda({ ...settings, ignoreNullValues: false });
  for (let sync = 0; sync < 50; sync++) {
    expect(keda.decide(anInput({ atMs: START + sync * 15_000, value: null }))).toBe(10);
  }
});

test('with ignoreNullValues off an error changes nothing, until the fallback steps in', () => {
  const keda = createKeda({
    ...settings,
    ignoreNullValues: false,
    fallback: { failureThreshold: 2, replicas: 15 },
  });
  const at = (sync: number): number =>
    keda.decide(anInput({ atMs: START + sync * 15_000, value: null }));
  expect([at(0), at(1), at(2)]).toEqual([10, 10, 15]);
});

test('from zero the scale loop wakes to the minimum, the HPA takes over from there', () => {
  const keda = createKeda({ ...settings, minReplicas: 0 });
  expect(keda.decide(anInput({ replicas: 0, existing: 0, value: 0 }))).toBe(0);
  const woken = anInput({ atMs: START + 30_000, replicas: 0, existing: 0, value: 350 });
  expect(keda.decide(woken)).toBe(1);
  const next = anInput({ atMs: START + 45_000, replicas: 1, existing: 1, value: 350 });
  expect(keda.decide(next)).toBe(5); // the HPA's limit of four more
});

test('to zero only after 300 s without activity', () => {
  const keda = createKeda({ ...settings, minReplicas: 0 });
  const at = (seconds: number, value: number): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, replicas: 1, existing: 1, value }));
  expect(at(0, 30)).toBe(1);
  expect(at(300, 0)).toBe(1);
  expect(at(330, 0)).toBe(0);
});

test.each([
  [true, 0],
  [false, 1],
])(
  'empty answers with ignoreNullValues %s: %i pods after the cooldown',
  (ignoreNullValues, then) => {
    const keda = createKeda({ ...settings, minReplicas: 0, ignoreNullValues });
    const at = (seconds: number, value: number | null): number =>
      keda.decide(anInput({ atMs: START + seconds * 1000, replicas: 1, existing: 1, value }));
    expect(at(0, 30)).toBe(1);
    expect(at(330, null)).toBe(then);
  },
);

test('with minReplicas ≥ 1 and no idle replicas the cooldown does nothing', () => {
  const keda = createKeda({ ...settings, minReplicas: 2, cooldownSeconds: 30 });
  const at = (seconds: number): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, replicas: 2, existing: 2, value: 0 }));
  expect([at(0), at(60), at(600)]).toEqual([2, 2, 2]);
});

test('the scale loop looks every 30 s, and wakes above the activation threshold only', () => {
  const keda = createKeda({ ...settings, minReplicas: 0, activationThreshold: 100 });
  const at = (seconds: number, value: number): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, replicas: 0, existing: 0, value }));
  expect([at(0, 100), at(15, 350), at(30, 100), at(60, 101)]).toEqual([0, 0, 0, 1]);
});

test('with idle replicas a target rests at them after the cooldown, and wakes to its minimum', () => {
  const keda = createKeda({ ...settings, minReplicas: 3, idleReplicas: 1 });
  const at = (seconds: number, replicas: number, value: number): number =>
    keda.decide(anInput({ atMs: START + seconds * 1000, replicas, existing: replicas, value }));
  expect(at(0, 3, 100)).toBe(3);
  expect(at(300, 3, 0)).toBe(3);
  expect(at(330, 3, 0)).toBe(1);
  expect(at(360, 1, 100)).toBe(3);
});
