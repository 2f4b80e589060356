import fc from 'fast-check';
import { expect, test } from 'vitest';
import { histogram, percentiles, record } from './percentiles.ts';

test('one walk says what the histogram itself says, one walk per value', () => {
  const ms = fc.double({ min: 0, max: 700_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(ms, fc.integer({ min: 1, max: 9 })), { minLength: 1 }), (all) => {
      const of = histogram();
      for (const [value, times] of all) for (let n = 0; n < times; n += 1) record(of, value);
      const at = (p: number): number => of.getValueAtPercentile(p) / 1000;
      expect(percentiles(of)).toEqual({
        p50: at(50),
        p90: at(90),
        p95: at(95),
        p99: at(99),
        p99_9: at(99.9),
        max: of.maxValue / 1000,
        mean: Math.round(of.mean) / 1000,
      });
    }),
  );
});

test('a share of the requests that is a whole number of them is not one more', () => {
  for (const total of [100, 1000, 2000, 30_000, 60_000]) {
    const of = histogram();
    for (let n = 1; n <= total; n += 1) record(of, n <= total * 0.99 ? 1 : 100);
    expect(percentiles(of).p99, String(total)).toBe(1);
  }
});

test('nothing measured is null, not zero', () => {
  expect(Object.values(percentiles(histogram()))).toEqual(Array(7).fill(null));
});
