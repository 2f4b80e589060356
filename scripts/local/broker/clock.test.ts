import { expect, test } from 'vitest';
import { fineClock } from './clock.ts';

const HOUR_MS = 3_600_000;

test('time goes on in fractions of a millisecond', () => {
  const at = { wall: 1_790_000_000_000, monotonic: 5000.25 };
  const nowMs = fineClock({ wallMs: () => at.wall, monotonicMs: () => at.monotonic });
  const times = [0.25, 0.5, 0.75].map((more) => {
    at.monotonic = 5000.25 + more;
    return nowMs() - at.wall;
  });
  expect(times).toEqual([0.25, 0.5, 0.75]);
});

test.each([
  ['the machine slept for an hour', HOUR_MS],
  ['the clock was set back by an hour', -HOUR_MS],
])('where %s, it is the time of the wall again', (_what, stepMs) => {
  const at = { wall: 1_790_000_000_000, monotonic: 5000 };
  const nowMs = fineClock({ wallMs: () => at.wall, monotonicMs: () => at.monotonic });
  at.wall += stepMs;
  at.monotonic += 1;
  expect(nowMs()).toBe(at.wall);
  at.monotonic += 1.5;
  expect(nowMs()).toBe(at.wall + 1.5);
});
