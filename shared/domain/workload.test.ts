// What is learned of a pod: the knee from late requests of the queue, not from those there are at any use.
import { expect, test } from 'vitest';
import { capacityOf } from './capacity.ts';
import { createModel, type Model } from './index.ts';
import { aPolicy, aSample, KNEE, POD, randomOf, T0 } from './testing.ts';
import { kneeOf, learnWorkload } from './workload.ts';

const spec = aPolicy();
const BLOCK = 15;
const READY = 10;

interface Service {
  /** Share of late requests that use makes. */
  queue: (use: number) => number;
  /** Share of requests that are late whatever the use, as of this block. */
  background?: () => number;
}

const queueAt =
  (knee: number) =>
  (use: number): number =>
    Math.min(0.3, 0.01 * Math.exp(25 * (use - knee)));

/** Shows the model blocks of 15 s of a steady fleet at these uses. */
function learned(uses: readonly number[], { queue, background = () => 0 }: Service): Model {
  const model = createModel();
  model.series.blockSeconds = BLOCK;
  model.series.windowSeconds = BLOCK;
  model.workload.ready = READY;
  uses.forEach((use, i) => {
    const rate = use * READY * POD;
    const atMs = T0 + (i + 1) * BLOCK * 1000;
    const sample = aSample({
      atMs,
      measuredAtMs: atMs,
      windowMs: BLOCK * 1000,
      requestsPerSecond: rate,
      requests: rate * BLOCK,
      cpuUtilization: use,
      lateRatio: queue(use) + background(),
      replicas: { desired: READY, ready: READY, starting: 0, draining: 0 },
    });
    learnWorkload(model, sample, BLOCK);
  });
  return model;
}

/** Uses up and down between two levels. */
const between = (low: number, high: number, blocks = 400): number[] =>
  Array.from({ length: blocks }, (_, i) => low + ((high - low) * (1 - Math.cos(i / 5))) / 2);

test.each([0.7, 0.76, KNEE, 0.86])('a queue that breaks the SLO at %d is found', (knee) => {
  const model = learned(between(0.35, knee + 0.02), { queue: queueAt(knee) });
  expect(kneeOf(model, spec).value).toBeCloseTo(knee, 1);
  expect(model.workload.background).toBeLessThan(1e-4);
});

test.each([0.001, 0.005, 0.02])(
  'requests that are late at any use, a share of %d of them, move the knee little',
  (share) => {
    const model = learned(between(0.25, 0.8), { queue: queueAt(KNEE), background: () => share });
    expect(model.workload.background / share).toBeCloseTo(1, 1);
    expect(kneeOf(model, spec).value).toBeGreaterThan(0.74);
    expect(kneeOf(model, spec).value).toBeLessThan(0.86);
  },
);

test('hiccups of the machine move the knee little', () => {
  const random = randomOf(3);
  const background = (): number => (random() < 0.03 ? 0.2 : 0);
  const model = learned(between(0.25, 0.83, 2000), { queue: queueAt(KNEE), background });
  expect(kneeOf(model, spec).value).toBeGreaterThan(0.76);
  expect(kneeOf(model, spec).value).toBeLessThan(0.87);
});

test('a cold start with late requests at low use is forgiven once higher use goes well', () => {
  const cold = learned(new Array<number>(12).fill(0.3), { queue: () => 0.02 });
  expect(kneeOf(cold, spec).used).toBeLessThan(0.6); // nothing else is known yet
  let block = 0;
  const late = (): number => (block++ < 12 ? 0.02 : 0);
  const uses = [...new Array<number>(12).fill(0.3), ...between(0.3, 0.7, 240)];
  const warm = learned(uses, { queue: queueAt(KNEE), background: late });
  expect(kneeOf(warm, spec).value).toBeGreaterThan(0.76);
});

test.each([0.3, 0.45])(
  'a queue that breaks the SLO at %d of the CPU is one all the same',
  (knee) => {
    const model = learned(between(0.1, knee + 0.02), { queue: queueAt(knee) });
    expect(model.workload.background).toBeLessThan(0.001);
    expect(kneeOf(model, spec).value).toBeCloseTo(knee, 1);
  },
);

test('one level of use alone cannot tell a background from a queue', () => {
  const model = learned(new Array<number>(100).fill(0.45), { queue: () => 0.02 });
  expect(model.workload.background).toBe(0);
});

test.each<[what: string, arrived: number]>([
  ['drains', 0.25],
  ['grows', 1.5],
])('while a queue %s a pod carries what it answers, not what comes in', (_what, arrived) => {
  const model = learned(between(0.35, 0.8), { queue: queueAt(KNEE) });
  const { value } = kneeOf(model, spec);
  const answered = READY * POD;
  for (let block = 1; block <= 8; block++) {
    const atMs = model.workload.steadySinceMs + (1000 + block) * BLOCK * 1000;
    const sample = aSample({
      atMs,
      measuredAtMs: atMs,
      windowMs: BLOCK * 1000,
      requestsPerSecond: arrived * answered,
      requests: answered * BLOCK,
      cpuUtilization: 1,
      lateRatio: 1,
      replicas: { desired: READY, ready: READY, starting: 0, draining: 0 },
    });
    learnWorkload(model, sample, BLOCK);
  }
  expect(capacityOf(model) / POD).toBeCloseTo(1, 1);
  expect(kneeOf(model, spec).value).toBe(value);
});
