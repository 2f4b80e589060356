import { expect, test } from 'vitest';
import { clock } from './format.ts';

const noon = new Date(2026, 4, 17, 12, 0, 5).getTime();

const DAY = 86_400_000;

test('a time of another day comes with its date', () => {
  const time = clock(noon, noon + 60_000); // as this machine's language writes it
  expect(time).toContain('00:05');
  expect(clock(noon, noon + DAY)).toMatch(/17/);
  expect(clock(noon, noon + DAY).endsWith(`, ${time}`)).toBe(true);
  expect(clock(noon - DAY, noon)).toMatch(/16/);
});
