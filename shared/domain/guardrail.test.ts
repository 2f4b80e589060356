// The reactive guardrail: what is certain of the freshest demand, and where a surprise leads to.
import { expect, test } from 'vitest';
import { guardOf, surpriseLevel } from './guardrail.ts';
import { createModel, type Model } from './index.ts';
import { aSample } from './testing.ts';

/** A model with blocks of 5 s whose last three samples of 5 s had these rates, the mean at `level` before. */
function after(rates: readonly [number, number, number], level: number): Model {
  const model = createModel();
  const { series } = model;
  const [rateEarlier, rateBefore, rate] = rates;
  Object.assign(series, { blockSeconds: 5, windowSeconds: 5, rateEarlier, rateBefore, rate });
  series.weights.fill(1);
  series.sums.fill(level);
  series.sums[0] = rate; // the freshest mean follows at once
  return model;
}

const NEVER = Infinity;
/** Three standard errors of a rate that was counted for 5 s. */
const noise = (rate: number): number => 3 * Math.sqrt(rate / 5);

test('what is certain is the rate less three standard errors of counting it', () => {
  const guard = guardOf(after([400, 400, 400], 400), aSample(), NEVER, 10);
  expect(guard).toEqual({ demand: 400 - noise(400), censoredPods: 0 });
  expect(guardOf(after([1, 1, 1], 1), aSample(), NEVER, 10).demand).toBe(0);
});

/** Rise per second from one rate to another that is no noise: the variances of both add up. */
const rise = (from: number, to: number): number => (to - from - 3 * Math.sqrt((from + to) / 5)) / 5;

test.each<[what: string, rates: [number, number, number], slope: number]>([
  [
    'a jump in the last sample began within it: twice its slope',
    [400, 400, 600],
    2 * rise(400, 600),
  ],
  ['a ramp goes on as it did', [200, 400, 600], rise(400, 600)],
])('where the forecast is surpassed: %s', (_what, rates, slope) => {
  const model = after(rates, 560); // means that tell no slope of their own
  const certain = 600 - noise(600);
  expect(guardOf(model, aSample(), 450, 10).demand).toBeCloseTo(certain + 10 * slope, 9);
  expect(guardOf(model, aSample(), 450, 20).demand).toBeCloseTo(certain + 20 * slope, 9);
  expect(guardOf(model, aSample(), 450, 1e6).demand).toBeCloseTo(4 * certain, 9); // ramps end
  expect(guardOf(model, aSample(), certain + 1, 10).demand).toBe(certain); // it was foreseen
});

test('a rate that comes back from a dip of one sample is no rise', () => {
  const model = after([400, 200, 400], 400);
  expect(guardOf(model, aSample(), 100, 10).demand).toBe(400 - noise(400));
});

test('samples much shorter than a block tell their slope by the means, over the time between these', () => {
  const model = after([600, 600, 600], 600);
  Object.assign(model.series, { blockSeconds: 15, windowSeconds: 2 });
  model.series.sums[2] = 400; // mean of one block, against one of 0.27 blocks
  const window = 2 * 0.27 * 15;
  const certain = 600 - 3 * Math.sqrt(600 / window);
  const slope = (200 - 3 * Math.sqrt(600 / window)) / (0.73 * 15);
  expect(guardOf(model, aSample(), 450, 10).demand).toBeCloseTo(certain + 10 * slope, 9);
});

test.each([
  [0.94, 0],
  [0.95, 8],
  [1, 8],
])('with CPU alone a use of %d asks for %i pods in the place of 4', (cpuUtilization, pods) => {
  const model = after([3, 3, 3], 3);
  model.demandUnit = 'pods';
  const replicas = { desired: 6, ready: 4, starting: 2, draining: 0 };
  const guard = guardOf(model, aSample({ cpuUtilization, replicas }), NEVER, 10);
  expect(guard.censoredPods).toBe(pods);
  expect(guard.demand).toBeCloseTo(3 * 0.91, 9); // use is read to three percent
  model.demandUnit = 'requests';
  expect(guardOf(model, aSample({ cpuUtilization, replicas }), NEVER, 10).censoredPods).toBe(0);
});

test('a surprise is what lies two deviations above the forecast', () => {
  const model = createModel();
  Object.assign(model.keep, { mu: Math.log(400), sigma: 0.1 });
  expect(surpriseLevel(model, 2)).toBeCloseTo(400 * Math.exp(0.2) - model.series.offset, 9);
});
