import { expect, test } from 'vitest';
import { clock, count, moment, podHours, rate, since, tick } from './format.ts';

const noon = new Date(2026, 4, 17, 12, 0, 5).getTime();

const DAY = 86_400_000;

test('a time of another day comes with its date', () => {
  const time = clock(noon, noon + 60_000); // as this machine's language writes it
  expect(time).toContain('00:05');
  expect(clock(noon, noon + DAY)).toMatch(/17/);
  expect(clock(noon, noon + DAY).endsWith(`, ${time}`)).toBe(true);
  expect(clock(noon - DAY, noon)).toMatch(/16/);
});

test('what is little is not nothing, and many digits are grouped', () => {
  expect([0, 0.02, 0.5, 9.97, 842.4, 120_000].map(rate)).toEqual([
    ...['0 req/s', '0.02 req/s', '0.5 req/s', '10 req/s', '842 req/s', '120,000 req/s'],
  ]);
  expect(count(18_000)).toBe('18,000');
  expect(podHours(596)).toBe('+9.9 pod-min');
  expect(podHours(599)).toBe('+10 pod-min');
});

test('a number at an axis is never rounded to one that is not there', () => {
  expect([0, 2.5, 5, 7.5, 0.1 + 0.2].map(tick)).toEqual(['0', '2.5', '5', '7.5', '0.3']);
  expect([10_000, 12_500, 120_000].map(tick)).toEqual(['10k', '12.5k', '120k']);
});

test('a time under the cursor is that of the wall, and that of the logs', () => {
  expect(moment(Date.UTC(2026, 10, 27, 22, 4, 9))).toMatch(/04.09.*\(22:04:09 UTC\)$/);
  expect(moment(undefined)).toBe('–');
  expect(since(noon, noon + 60_000)).toMatch(/12.00/);
  expect(since(noon, noon + DAY)).toMatch(/17/);
});
