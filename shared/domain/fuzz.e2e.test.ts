import { expect, test } from 'vitest';
import { fuzzTelemetry } from './testing.ts';

test('a hundred thousand fuzzed streams: not one scale-down on bad data', () => {
  const { bad, scaledDown } = fuzzTelemetry(100_000, 5);
  expect(bad).toBeGreaterThan(1_000_000);
  expect(scaledDown).toEqual([]);
});
