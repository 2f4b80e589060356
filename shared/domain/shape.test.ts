// The shape of the errors: a Student t at first, then what was seen.
import { expect, test } from 'vitest';
import { zeros } from './maths.ts';
import { addToShape, quantile, survivalAt, tailOf } from './shape.ts';

test('the prior shape is a Student t with four degrees of freedom and variance one', () => {
  const tail = tailOf([]);
  expect(survivalAt(tail, 0)).toBeCloseTo(0.5, 2);
  expect(survivalAt(tail, 2.132 / Math.SQRT2)).toBeCloseTo(0.05, 2); // t(4) table
  expect(survivalAt(tail, 3.747 / Math.SQRT2)).toBeCloseTo(0.01, 3);
  for (const level of [0.9, 0.5, 0.1, 0.02, 0.005]) {
    expect(survivalAt(tail, quantile(tail, level))).toBeCloseTo(level, 6);
  }
});

test('the shape follows the errors it is shown', () => {
  const shape = zeros(64);
  for (let i = 0; i < 5000; i++) addToShape(shape, i % 20 === 0 ? 5 : 0, 1);
  expect(survivalAt(tailOf(shape), 4)).toBeCloseTo(0.05, 2);
});
