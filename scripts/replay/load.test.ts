import { expect, test } from 'vitest';
import { createLoad } from './load.ts';

test.each([0.1, 0.25, 0.7, 1, 1.5, 2])(
  'intervals of %d s: each second has the mean of the intervals it lies in',
  (stepSeconds) => {
    const rps = Float64Array.from({ length: Math.ceil(1200 / stepSeconds) }, (_, i) =>
      i % 2 === 0 ? 20 : 120,
    );
    const trace = { name: 'fine', stepSeconds, rps, notes: [] };
    const { rate, seconds } = createLoad(trace, { path: 'rough', seed: 1, scale: 1 });
    expect(seconds).toBeGreaterThanOrEqual(1200);
    expect(rate.reduce((a, b) => a + b) / seconds).toBeCloseTo(70, 1);
  },
);
