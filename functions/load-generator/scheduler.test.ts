import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createArrivals } from './arrivals.ts';
import { LoadRequest, planOf } from './request.ts';
import { startSchedule } from './scheduler.ts';

beforeEach(() =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] }),
);
afterEach(() => vi.useRealTimers());

/** Runs a load on a clock of its own; `stall` stops that clock's process once for a while. */
async function play(request: object, stall?: { atMs: number; forMs: number }) {
  let skewMs = 0;
  const startMs = Date.now();
  let nowMs = 0;
  const lags: number[] = [];
  const intended: number[] = [];
  let ended = 0;
  startSchedule({
    arrivals: createArrivals(planOf(LoadRequest.parse(request), 800)),
    nowMs: () => nowMs + skewMs,
    due: (intendedMs) => {
      intended.push(intendedMs);
      lags.push(nowMs + skewMs - intendedMs);
    },
    ended: () => (ended += 1),
  });
  while (ended === 0) {
    nowMs += 1;
    if (stall !== undefined && nowMs === stall.atMs) skewMs = stall.forMs;
    await vi.advanceTimersByTimeAsync(1);
  }
  return { intended, lags, ended, startMs };
}

test('each request is due at its time: never early, at most two timer ticks late', async () => {
  const { intended, lags, ended } = await play({ pattern: 'constant', duration: 2, rate: 700 });
  expect(intended).toHaveLength(1400);
  expect(Math.min(...lags)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...lags)).toBeLessThanOrEqual(2);
  expect(ended).toBe(1);
});

test('a pause of the process is caught up: every request still goes out, with its intended time', async () => {
  const { intended, lags } = await play(
    { pattern: 'constant', duration: 2, rate: 1000 },
    { atMs: 500, forMs: 500 },
  );
  expect(intended).toHaveLength(2000);
  expect(intended).toEqual([...intended].sort((a, b) => a - b));
  expect(Math.max(...lags)).toBeGreaterThan(490);
  expect(lags.filter((lag) => lag > 5).length).toBeLessThanOrEqual(510);
});

test('a long silence in the pattern is waited for', async () => {
  const { intended } = await play({
    pattern: 'spike',
    duration: 5,
    rate: 100,
    baseRate: 0,
    spikeAtSeconds: 4,
    riseSeconds: 0,
    holdSeconds: 0.5,
  });
  expect(intended).toHaveLength(50);
  expect(intended[0]).toBeGreaterThan(4000);
});

test('nothing is sent after a stop', () => {
  const due = vi.fn();
  const stop = startSchedule({
    arrivals: createArrivals(
      planOf(LoadRequest.parse({ pattern: 'constant', duration: 9, rate: 99 }), 800),
    ),
    nowMs: () => Date.now(),
    due,
    ended: () => undefined,
  });
  stop();
  expect(vi.getTimerCount()).toBe(0);
});
