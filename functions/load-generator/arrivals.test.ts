import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createArrivals } from './arrivals.ts';
import { LoadRequest, planOf } from './request.ts';

function aPlan(body: object) {
  const request = LoadRequest.parse(body);
  return planOf(request, 800, request.trace);
}

/** All arrivals in seconds, asked for in steps of `stepSeconds` as a scheduler does. */
function timesOf(request: object, stepSeconds = 0.25): number[] {
  const arrivals = createArrivals(aPlan(request));
  const times: number[] = [];
  for (let limit = stepSeconds; !arrivals.exhausted; limit += stepSeconds) {
    for (let at = arrivals.nextBefore(limit); at !== undefined; at = arrivals.nextBefore(limit)) {
      times.push(at);
    }
  }
  return times;
}

const gapsOf = (times: number[]): number[] => times.slice(1).map((t, i) => t - times[i]!);
const meanOf = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('even arrivals at a constant rate are equally spaced and as many as the rate says', () => {
  const times = timesOf({ pattern: 'constant', duration: 10, rate: 150 });
  expect(times).toHaveLength(1500);
  for (const gap of [Math.min(...gapsOf(times)), Math.max(...gapsOf(times))]) {
    expect(gap).toBeCloseTo(1 / 150, 6);
  }
});

test.each([
  [{ pattern: 'ramp', duration: 20, rate: 200, baseRate: 0 }, 2000],
  [{ pattern: 'step', duration: 20, rate: 200, baseRate: 100 }, 3000],
  [{ pattern: 'spike', duration: 100, rate: 600, baseRate: 40 }, 4000 + 560 * 50],
  [{ pattern: 'sine', duration: 60, rate: 100, baseRate: 20, periodSeconds: 30 }, 3600],
])('%j are as many as the area below the curve', (request, count) => {
  expect(Math.abs(timesOf(request).length - count)).toBeLessThanOrEqual(2);
});

test.each([5, 35])('a trace of %i intervals in 5 ms has as many requests as it says', (fast) => {
  const every = fast * 8; // seconds; one of them has requests
  const rows = Array.from({ length: 100 * every }, (_, t) => `${t},${t % every === 7 ? every : 0}`);
  const trace = ['t_s,rps', ...rows].join('\n');
  expect(timesOf({ pattern: 'replay', duration: 4, trace })).toHaveLength(4);
});

test('Poisson arrivals have exponential gaps: their deviation equals their mean', () => {
  const gaps = gapsOf(timesOf({ pattern: 'poisson', duration: 100, rate: 100, seed: 7 }));
  const mean = meanOf(gaps);
  const deviation = Math.sqrt(meanOf(gaps.map((gap) => (gap - mean) ** 2)));
  expect(mean * 100).toBeCloseTo(1, 1);
  expect(deviation / mean).toBeCloseTo(1, 1);
  expect(gaps.filter((gap) => gap > mean).length / gaps.length).toBeCloseTo(Math.exp(-1), 1);
});

test('the same seed makes the same load, another one another', () => {
  const load = (seed: number) => timesOf({ pattern: 'poisson', duration: 5, rate: 50, seed });
  expect(load(1)).toEqual(load(1));
  expect(load(1)).not.toEqual(load(2));
});

test('how far ahead is asked changes no arrival, and they never go back in time', () => {
  const request = fc.record({
    pattern: fc.constantFrom('spike', 'daily', 'poisson', 'ramp'),
    duration: fc.integer({ min: 1, max: 10 }),
    rate: fc.integer({ min: 1, max: 300 }),
    baseRate: fc.constant(0),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(request, fc.double({ min: 0.001, max: 3, noNaN: true }), (body, step) => {
      const times = timesOf(body, step);
      expect(times).toEqual(timesOf(body, 100));
      expect(Math.min(...gapsOf(times), 0)).toBe(0);
    }),
    { numRuns: 25 },
  );
});
