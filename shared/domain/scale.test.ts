// The spread of a forecast follows its errors, and their shape decays.
import { expect, test } from 'vitest';
import { createModel } from './create.ts';
import { zeros } from './maths.ts';
import type { Forecaster } from './model.ts';
import { learnScale, logVariance, scaleInputs } from './scale.ts';
import { addToShape, quantile, survivalAt, tailOf } from './shape.ts';

const CALM = 0.05;
const counting = 1e-6;

const sigmaOf = (forecaster: Forecaster, level = 0, jump = 0): number =>
  Math.sqrt(Math.exp(logVariance(forecaster, scaleInputs(forecaster, level, jump, counting))));

/** Shows errors of this size, up and down in turn, to a forecaster. */
function errs(forecaster: Forecaster, size: number, times: number, level = 0): Forecaster {
  for (let i = 0; i < times; i++) {
    const inputs = scaleInputs(forecaster, level, 0, counting);
    const sigma = Math.sqrt(Math.exp(logVariance(forecaster, inputs)));
    learnScale(forecaster, inputs, { error: i % 2 === 0 ? size : -size, sigma, level });
    forecaster.outcomes++;
  }
  return forecaster;
}

const calm = (): Forecaster => errs(createModel().up, CALM, 6000);

test('the spread of a long calm is that of its errors', () => {
  expect(sigmaOf(calm()) / CALM).toBeGreaterThan(0.8);
  expect(sigmaOf(calm()) / CALM).toBeLessThan(1.3);
});

test('a storm spreads the forecast within ten errors, and a calm narrows it again within a hundred', () => {
  const stormy = errs(calm(), 4 * CALM, 10);
  expect(sigmaOf(stormy) / CALM).toBeGreaterThan(2);
  errs(stormy, CALM, 100);
  expect(sigmaOf(stormy) / CALM).toBeLessThan(1.5);
});

test('one error counts at most as three deviations, however large it is', () => {
  const [three, huge] = [3, 1000].map((times) => {
    const forecaster = calm();
    return errs(forecaster, times * sigmaOf(forecaster), 1);
  });
  expect(huge).toEqual({ ...three, scale: huge?.scale });
  expect(sigmaOf(huge!) / sigmaOf(three!)).toBeLessThan(1.1);
});

test('a jump of the load and a level that was often wrong spread the forecast', () => {
  const forecaster = calm();
  expect(sigmaOf(forecaster, 0, 1)).toBeGreaterThan(1.02 * sigmaOf(forecaster, 0, 0));
  errs(forecaster, 4 * CALM, 300, 1.4); // peaks, four times the mean
  errs(forecaster, CALM, 300, 0);
  expect(sigmaOf(forecaster, 1.4)).toBeGreaterThan(1.02 * sigmaOf(forecaster, 0));
  expect(sigmaOf(forecaster, 99)).toBe(sigmaOf(forecaster, 1.4)); // beyond is the same table
});

test('errors at one level of load tell nothing of another', () => {
  const forecaster = calm();
  errs(forecaster, CALM, 2);
  const before = [...forecaster.levels];
  errs(forecaster, 2 * CALM, 1, 1.4);
  expect(forecaster.levels.filter((level, i) => level !== before[i])).toHaveLength(1);
  errs(forecaster, 2 * CALM, 2000, 1.4);
  expect(Math.max(...forecaster.levels)).toBeCloseTo((2 * CALM) ** 2, 4); // seven levels up of eight
  expect(forecaster.levels[4]).toBe(before[4]);
});

test('errors of before weigh less with each new one', () => {
  const shape = zeros(64);
  addToShape(shape, 0, 0.5);
  addToShape(shape, 3, 0.5);
  expect(shape.reduce((sum, count) => sum + count, 0)).toBe(1.5);
  addToShape(shape, -1e9, 1);
  addToShape(shape, 1e9, 1);
  expect([shape[0], shape[63]]).toEqual([1, 1]);
});

test('beyond the last bin the tail falls with the fourth power', () => {
  const tail = tailOf([]);
  const last = Math.sinh(-2.8 + 64 * 0.1);
  expect(survivalAt(tail, 2 * last) / survivalAt(tail, last)).toBeCloseTo(1 / 16, 9);
  expect(survivalAt(tail, -1e9)).toBeGreaterThan(0.99);
});

test('no plan goes below the point that is passed in three cases of ten', () => {
  const tail = tailOf([]);
  expect(survivalAt(tail, tail.overloadZ)).toBeCloseTo(0.3, 9);
  expect(quantile(tail, 0.3)).toBe(tail.overloadZ);
  expect(quantile(tail, 1)).toBeCloseTo(Math.sinh(-2.8), 9);
  expect(quantile(tail, 0)).toBeCloseTo(Math.sinh(-2.8 + 64 * 0.1), 9);
});
