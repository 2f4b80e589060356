import { expect, test } from 'vitest';
import { correct, dot, gainOf } from './regression.ts';

test('recursive least squares finds the weights of a linear rule', () => {
  const covariance = [1, 0, 0, 1];
  const theta = [0, 0];
  for (let i = 0; i < 400; i++) {
    const inputs = [1, Math.sin(i)];
    const error = 0.3 - 0.7 * Math.sin(i) - dot(theta, inputs);
    correct(theta, gainOf(covariance, inputs, 1), error, 1);
  }
  expect(theta[0]).toBeCloseTo(0.3, 2);
  expect(theta[1]).toBeCloseTo(-0.7, 2);
});
