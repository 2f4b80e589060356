// What of a sample is believed, and that what is not leaves the model and the fleet whole.
import { expect, test } from 'vitest';
import { createModel, decide, parseModel, shippedPrior, type Model, type Sample } from './index.ts';
import { noteDelay, observe } from './observe.ts';
import { aPolicy, BEAT, options, sampleAt } from './testing.ts';

const spec = aPolicy();

/** A model that has seen ten minutes of 400 req/s on 12 pods. */
function calm(fields: Partial<Sample> = {}): Model {
  const model = createModel({ prior: shippedPrior });
  for (let beat = 1; beat <= 120; beat++) {
    decide(model, sampleAt(beat * BEAT, 400, 12, fields), spec, options());
  }
  return model;
}

test('a first sample whose time was never set is no time, and decides nothing', () => {
  const model = createModel({ prior: shippedPrior });
  const first = decide(model, sampleAt(0, 400, 12, { measuredAtMs: 0 }), spec, options());
  expect(first).toMatchObject({ to: 12, reason: 'no-data' });
  const next = decide(model, sampleAt(BEAT, 400, 12), spec, options());
  expect(next.to).toBeGreaterThanOrEqual(12);
  expect(parseModel(JSON.stringify(model))).toEqual(model);
});

test.each<[what: string, fields: Partial<Sample>]>([
  ['requests', { requests: 1e300 }],
  ['use of the CPU', { cpuUtilization: 1e300 }],
])('one absurd count of %s is not learned', (_what, fields) => {
  const model = calm();
  const { workload } = structuredClone(model);
  for (let beat = 121; beat <= 123; beat++) {
    decide(model, sampleAt(beat * BEAT, 400, 12, fields), spec, options());
  }
  expect(model.workload.demand / model.workload.busy).toBeCloseTo(workload.demand / workload.busy);
  expect(model.workload.late[1]).toBeCloseTo(workload.late[1] ?? 0, 0);
  expect(parseModel(JSON.stringify(model))).toEqual(model);
});

test('with CPU alone one absurd use leaves the fleet where it is, and the next sample decides again', () => {
  const alone = { requestsPerSecond: null, requests: null, lateRatio: null };
  const model = calm(alone);
  const absurd = sampleAt(605, 400, 12, { ...alone, cpuUtilization: 1e300 });
  expect(decide(model, absurd, spec, options())).toMatchObject({ to: 12, reason: 'no-data' });
  const next = decide(model, sampleAt(610, 400, 12, alone), spec, options());
  expect(next.to).toBeLessThanOrEqual(12);
});

test('bounds of an edited policy are kept where no demand can be read', () => {
  const dark: Partial<Sample> = { requestsPerSecond: null, cpuUtilization: null };
  const under = (policy: object) =>
    decide(calm(), sampleAt(605, 400, 12, dark), aPolicy(policy), {
      ...options(),
      record: true,
    });
  const most = under({ maxReplicas: 9 });
  expect(most).toMatchObject({ kind: 'scale', from: 12, to: 9, reason: 'bounds' });
  expect(most.record?.sentence).toMatch(/Removing 3: the policy allows at most 9\.$/);
  expect(under({ minReplicas: 15 })).toMatchObject({ to: 15, reason: 'bounds' });
  expect(under({})).toMatchObject({ kind: 'hold', to: 12, reason: 'no-data' });
});

test('a delay is told by its mean and its variance, and the last two hundred count', () => {
  const stats: number[] = [];
  noteDelay(stats, 1);
  noteDelay(stats, 3);
  expect(stats).toEqual([2, 1, 2]);
  for (let i = 0; i < 3000; i++) noteDelay(stats, 5);
  expect(stats[0]).toBeCloseTo(5, 3);
  noteDelay(stats, 205);
  expect(stats[0]).toBeCloseTo(6, 3);
});

test('the first sample stands for its own window, later ones for the time since the last', () => {
  const model = createModel({ prior: shippedPrior });
  const first = observe(model, sampleAt(100, 300, 8, { windowMs: 20_000 }), spec);
  expect(first.elapsedSeconds).toBe(20);
  const { times, counts } = model.series;
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(20_000);
  expect(counts).toEqual([0, 6000]);
  const second = observe(model, sampleAt(107, 100, 8, { windowMs: 20_000 }), spec);
  expect(second.elapsedSeconds).toBe(7);
  expect(model.series.total).toBeCloseTo(6700, 9);
  const again = observe(model, sampleAt(107, 100, 8), spec);
  expect(again).toMatchObject({ fresh: false, elapsedSeconds: 0 });
  expect(model.series.total).toBeCloseTo(6700, 9);
});

test.each([
  [49, true],
  [51, false],
])(
  'after %i s without telemetry, at beats of 5 s, what waits for its outcome waits: %s',
  (gap, waits) => {
    const model = calm();
    const [forecast, decision] = [model.pendingForecasts[0], model.pendingDecisions[0]];
    observe(model, sampleAt(600 + gap, 400, 12), spec);
    expect(model.pendingForecasts.includes(forecast!)).toBe(waits);
    expect(model.pendingDecisions.includes(decision!)).toBe(waits);
  },
);

test('a rate over a long gap is stale, a fresh rate after it is not', () => {
  const after = (windowMs: number): boolean =>
    observe(calm(), sampleAt(800, 400, 12, { windowMs }), spec).stale;
  expect([after(200_000), after(5000)]).toEqual([true, false]);
});
