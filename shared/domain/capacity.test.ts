// What one pod carries: from a warm fleet, and from bounds where the CPU is full or idle.
import { expect, test } from 'vitest';
import { capacityKnown, capacityOf } from './capacity.ts';
import { createModel, decide, shippedPrior, type Model, type Sample } from './index.ts';
import { aPolicy, aSample, BEAT, options, sampleAt, T0 } from './testing.ts';
import { learnWorkload } from './workload.ts';

const BLOCK = 15;
const PODS = 10;

/** Shows blocks of 15 s, from block `first` on; a fleet of ten that carried 60 requests/s each before. */
function shown(model: Model, blocks: number, fields: Partial<Sample>, first = 0): Model {
  for (let block = first; block < first + blocks; block++) {
    const atMs = T0 + (block + 1) * BLOCK * 1000;
    const sample = aSample({
      atMs,
      measuredAtMs: atMs,
      windowMs: BLOCK * 1000,
      requests: null,
      lateRatio: 0,
      replicas: { desired: PODS, ready: PODS, starting: 0, draining: 0 },
      ...fields,
    });
    learnWorkload(model, sample, BLOCK);
  }
  return model;
}

function known(): Model {
  const model = createModel();
  model.series.blockSeconds = BLOCK;
  model.series.windowSeconds = BLOCK;
  model.workload.ready = PODS;
  return shown(model, 100, { requestsPerSecond: 300, cpuUtilization: 0.5 });
}

test('capacity is the requests per second of a busy pod', () => {
  expect(capacityOf(createModel())).toBe(50);
  expect(capacityKnown(createModel())).toBe(false);
  expect(capacityOf(known())).toBeCloseTo(60, 0);
  expect(capacityKnown(known())).toBe(true);
});

test.each<[what: string, fields: Partial<Sample>, capacity: number]>([
  ['is full, a pod carries what it answers', { requestsPerSecond: 300, cpuUtilization: 1 }, 30],
  [
    'is full, what is refused is not carried',
    { requestsPerSecond: 300, cpuUtilization: 1, failedRatio: 0.4 },
    18,
  ],
  [
    'is full and a backlog grows, it carries less than it answers',
    { requestsPerSecond: 300, cpuUtilization: 1, lateRatio: 0.5 },
    18,
  ],
  ['idles, a pod carries that much at least', { requestsPerSecond: 30, cpuUtilization: 0.02 }, 150],
  [
    'is full and more is answered than was thought',
    { requestsPerSecond: 900, cpuUtilization: 1 },
    60,
  ],
  ['idles and less is asked than was thought', { requestsPerSecond: 10, cpuUtilization: 0.04 }, 60],
])('where the CPU %s', (_what, fields, capacity) => {
  const model = known();
  const { lateSamples } = model.workload;
  shown(model, 4, fields, 100);
  expect(capacityOf(model)).toBeCloseTo(60, 0); // three blocks after the first one prove nothing
  shown(model, 2, fields, 104);
  expect(capacityOf(model) / capacity).toBeCloseTo(1, 1);
  const anew = model.workload.lateSamples < lateSamples; // another release, with another knee
  expect(anew).toBe(capacity !== 60);
});

test.each([
  [300, 4500],
  [3, 45],
])(
  'at %i requests/s a block of %i weighs against the last 4000 or the last five minutes',
  (rate, counted) => {
    const model = known();
    shown(model, 400, { requestsPerSecond: rate, cpuUtilization: 0.5 }, 100);
    const { demand } = model.workload;
    shown(model, 1, { requestsPerSecond: rate, cpuUtilization: 0.5 }, 500);
    const keep = Math.exp(-Math.min(15 / 300, counted / 4000));
    expect(model.workload.demand).toBeCloseTo(demand * keep + counted, 6);
  },
);

test('a full fleet that changes proves nothing of a pod', () => {
  const model = known();
  for (let block = 0; block < 12; block++) {
    const ready = PODS + 2 * (block % 2);
    const replicas = { desired: ready, ready, starting: 0, draining: 0 };
    shown(model, 1, { requestsPerSecond: 300, cpuUtilization: 1, replicas }, 100 + block);
  }
  expect(capacityOf(model)).toBeCloseTo(60, 0);
});

test.each<[what: string, fields: Partial<Sample>]>([
  ['of an outage', { failedRatio: 0.3 }],
  ['of a fleet of which a tenth just started', { startups: [8] }],
  ['that tells no CPU', { cpuUtilization: null }],
])('a sample %s teaches nothing of capacity', (_what, fields) => {
  const model = known();
  const { demand, busy } = model.workload;
  shown(model, 1, { requestsPerSecond: 100, cpuUtilization: 0.5, ...fields }, 100);
  expect([model.workload.demand, model.workload.busy]).toEqual([demand, busy]);
});

test.each([
  [0.6, 6, 8],
  [0.35, 3, 5],
])('with CPU alone eight pods at a use of %d become %i to %i', (use, least, most) => {
  const model = createModel({ prior: shippedPrior });
  const alone = { requestsPerSecond: null, requests: null, lateRatio: null };
  const busy = 8 * use;
  let fleet = 8;
  for (let beat = 1; beat <= 240; beat++) {
    const told = { ...alone, cpuUtilization: busy / fleet };
    fleet = decide(model, sampleAt(beat * BEAT, 1, fleet, told), aPolicy(), options()).to;
  }
  expect(fleet).toBeGreaterThanOrEqual(least); // at least what fills them to 0.77
  expect(fleet).toBeLessThanOrEqual(most);
});

test('where some requests always fail, a pod carries those that do not', () => {
  const model = createModel();
  Object.assign(model.series, { blockSeconds: BLOCK, windowSeconds: BLOCK });
  model.workload.ready = PODS;
  shown(model, 100, { requestsPerSecond: 3000, cpuUtilization: 0.5, failedRatio: 0.05 });
  expect(capacityKnown(model)).toBe(true);
  expect(Math.abs(capacityOf(model) / 570 - 1)).toBeLessThan(0.05); // a guess of 50 is still in it
});

test('once it is known what a pod carries, samples of which some percent fail teach nothing', () => {
  const model = known();
  const before = capacityOf(model);
  shown(model, 100, { requestsPerSecond: 3000, cpuUtilization: 0.5, failedRatio: 0.05 });
  expect(capacityOf(model)).toBe(before);
});

test('one garbled count of requests does not make a pod carry thousands', () => {
  const model = shown(known(), 1, { requestsPerSecond: 1e7, cpuUtilization: 0.5 }, 100);
  expect(capacityOf(model)).toBeLessThan(2 * 60 * 1.5);
});
