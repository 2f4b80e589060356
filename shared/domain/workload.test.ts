// What is learned of a pod: the knee from late requests of the queue, not from those there are at any use.
import { expect, test } from 'vitest';
import { capacityOf } from './capacity.ts';
import { createModel, decide, shippedPrior, type Model, type Sample } from './index.ts';
import { aPolicy, aSample, BEAT, KNEE, options, POD, randomOf, sampleAt, T0 } from './testing.ts';
import { kneeOf, learnStartups, learnWorkload, startupSeconds } from './workload.ts';

const spec = aPolicy();
const BLOCK = 15;
const READY = 10;

interface Service {
  /** Seconds that each sample is a mean over, where that is more than the time between two. */
  windowSeconds?: number;
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
function learned(
  uses: readonly number[],
  { queue, background = () => 0, windowSeconds = BLOCK }: Service,
): Model {
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
      windowMs: windowSeconds * 1000,
      requestsPerSecond: rate,
      requests: rate * windowSeconds,
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

test('the knee is known the better the more requests were seen beside it', () => {
  const after = (blocks: number): number =>
    kneeOf(learned(between(0.6, 0.8, blocks), { queue: queueAt(KNEE) }), spec).deviation;
  const [few, some, many] = [after(4), after(40), after(400)];
  expect(few).toBeGreaterThan(some);
  expect(some / many).toBeGreaterThan(2); // about the root of ten
  expect(some / many).toBeLessThan(5);
});

test('while the demand moves by more than a fifth the mean of a block hides its peak, and teaches nothing', () => {
  const moved = (rateBefore: number): number => {
    const model = learned(between(0.35, 0.8), { queue: queueAt(KNEE) });
    const { lateSamples } = model.workload;
    Object.assign(model.series, { rate: 300, rateBefore });
    next(model, 1, {});
    return model.workload.lateSamples - lateSamples;
  };
  expect([moved(300), moved(250), moved(350), moved(200), moved(400)]).toEqual([1, 1, 1, 0, 0]);
});

/** One block of a steady fleet, `blocks` after the last one of `learned(…)` with 400 of them. */
function next(model: Model, blocks: number, fields: Partial<Sample>): void {
  const atMs = T0 + (400 + blocks) * BLOCK * 1000;
  const use = 0.6;
  const rate = use * READY * POD;
  const sample = aSample({
    atMs,
    measuredAtMs: atMs,
    windowMs: BLOCK * 1000,
    requestsPerSecond: rate,
    requests: rate * BLOCK,
    cpuUtilization: use,
    replicas: { desired: READY, ready: READY, starting: 0, draining: 0 },
    ...fields,
  });
  learnWorkload(model, sample, BLOCK);
}

test.each<[what: string, overload: Partial<Sample>]>([
  ['a full CPU', { cpuUtilization: 1, requestsPerSecond: 500 }],
  ['most requests late on a busy CPU', { cpuUtilization: 0.8, lateRatio: 0.9 }],
])('after %s two blocks of late requests are those of its backlog', (_what, overload) => {
  const model = learned(between(0.35, 0.8), { queue: queueAt(KNEE) });
  const { lateSamples } = model.workload;
  const learnedSince = (): number => model.workload.lateSamples - lateSamples;
  next(model, 1, overload);
  const late = { lateRatio: 0.2 };
  const counts = [2, 3, 4, 5].map((block) => {
    next(model, block, late);
    return learnedSince();
  });
  expect(counts).toEqual([0, 0, 1, 2]); // the window of the third begins where the backlog ends
});

test('requests that are late on an idle CPU wait for something else, and are no overload', () => {
  const model = learned(between(0.35, 0.8), { queue: queueAt(KNEE) });
  const { samples } = model.workload;
  next(model, 1, { cpuUtilization: 0.3, requestsPerSecond: 150, requests: 2250, lateRatio: 0.9 });
  next(model, 2, {});
  expect(model.workload.samples - samples).toBe(2);
});

test('a window that reaches back to another fleet teaches nothing', () => {
  const model = learned(between(0.35, 0.8), { queue: queueAt(KNEE) });
  const { samples } = model.workload;
  const grown = { replicas: { desired: 12, ready: 12, starting: 0, draining: 0 } };
  const counts = [1, 2, 3].map((block) => {
    next(model, block, grown);
    return model.workload.samples - samples;
  });
  expect(counts).toEqual([0, 1, 2]);
});

test('of a large fleet one pod more or less is the same fleet', () => {
  const model = createModel();
  model.workload.ready = 100;
  const replicas = { desired: 101, ready: 101, starting: 0, draining: 0 };
  next(model, 1, { replicas });
  expect(model.workload.samples).toBe(1);
  next(model, 2, { replicas: { ...replicas, ready: 103 } });
  expect(model.workload.samples).toBe(1);
});

test('start-up times: the first one is taken nearly whole, a slow one later counts as three times as slow', () => {
  const model = createModel();
  expect(startupSeconds(model, 0)).toBeCloseTo(30, 9);
  learnStartups(model, [8]);
  expect(startupSeconds(model, 0)).toBeCloseTo(30 ** 0.1 * 8 ** 0.9, 9);
  for (let pod = 0; pod < 60; pod++) learnStartups(model, [8]);
  expect(startupSeconds(model, 0)).toBeCloseTo(8, 1);
  expect(startupSeconds(model)).toBeLessThan(9); // p90: they are all alike
  learnStartups(model, [8000]);
  expect(startupSeconds(model, 0)).toBeLessThan(8 * 3 ** 0.06);
  const before = structuredClone(model.workload);
  learnStartups(model, [Number.NaN, Infinity, 0, -3]);
  expect(model.workload).toEqual(before);
});

test('a source whose windows overlap makes nobody surer of the knee than one whose do not', () => {
  const uses = between(0.35, 0.8, 40);
  const once = learned(uses, { queue: queueAt(KNEE) });
  const often = learned(uses, { queue: queueAt(KNEE), windowSeconds: 4 * BLOCK });
  const [sure, surer] = [kneeOf(once, spec), kneeOf(often, spec)];
  expect(sure.deviation).toBeLessThan(0.2 * kneeOf(createModel(), spec).deviation);
  expect(surer.deviation).toBeCloseTo(sure.deviation, 9);
  expect(surer.used).toBeCloseTo(sure.used, 9);
});

test('before latency has spoken the planner fills pods to the CPU target and doubts its knee', () => {
  const knee = kneeOf(createModel(), spec);
  expect(knee.used).toBe(0.7);
  expect(knee.deviation).toBeGreaterThan(0.04);
  expect(kneeOf(createModel(), { ...spec, targetCPUUtilizationPercentage: 40 }).used).toBe(0.4);
});

test.each([
  [70, 0.77],
  [50, 0.55],
  [100, 0.95],
])(
  'with CPU alone and a target of %i %% pods are filled to %d, as the HPA tolerates',
  (target, fill) => {
    const model = createModel();
    model.demandUnit = 'pods';
    const policy = { ...spec, targetCPUUtilizationPercentage: target };
    expect(kneeOf(model, policy).used).toBeCloseTo(fill, 9);
  },
);

test('a model that is told what a pod can do uses that from the first sample on', () => {
  const told = createModel({ told: { capacity: 80, knee: 0.76, slope: 20 } });
  expect(capacityOf(told)).toBe(80);
  expect(kneeOf(told, spec)).toMatchObject({ value: 0.76, deviation: 0, slope: 20 });
  expect(kneeOf(told, spec).used).toBeGreaterThan(0.76);
  expect(kneeOf(createModel(), spec).used).toBe(0.7); // nobody told: unknown
});

test.each([1, 0.3])(
  'a dependency that makes %d of the requests late for two hours, and is well again, adds no pods',
  (share) => {
    const model = createModel({ prior: shippedPrior });
    const policy = aPolicy({ seasonSeconds: 86_400, maxReplicas: 50 });
    const random = randomOf(3);
    let pods = 12;
    let most = 0;
    for (let beat = 1; beat * BEAT <= 6 * 3600; beat++) {
      const hour = (beat * BEAT) / 3600;
      const sample = sampleAt(beat * BEAT, 400 * (0.9 + 0.2 * random()), pods);
      const late = sample.lateRatio! + (hour >= 2 && hour < 4 ? share : 0);
      pods = decide(model, { ...sample, lateRatio: Math.min(1, late) }, policy, options()).to;
      if (hour > 1) most = Math.max(most, pods);
    }
    expect(most).toBeLessThanOrEqual(14);
  },
);
