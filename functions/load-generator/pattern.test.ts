import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PATTERNS, preview, rateAt, summaryOf, totalSecondsOf } from './pattern.ts';
import { LoadRequest, planOf } from './request.ts';

const aPlan = (request: object, csv?: string) => planOf(LoadRequest.parse(request), 800, csv);

type Timeline = [atSeconds: number, perSecond: number][];

test.each<[request: object, then: Timeline]>([
  [
    { pattern: 'constant', duration: 10, intensity: 25 },
    [
      [0, 200],
      [9.9, 200],
      [10, 0],
    ],
  ],
  [
    { pattern: 'poisson', duration: 10, rate: 300 },
    [
      [0, 300],
      [5, 300],
      [10, 0],
    ],
  ],
  [
    { pattern: 'ramp', duration: 100, rate: 240, baseRate: 40 },
    [
      [0, 40],
      [50, 140],
      [99, 238],
    ],
  ],
  [
    { pattern: 'step', duration: 100, rate: 200, baseRate: 50 },
    [
      [0, 50],
      [49.9, 50],
      [50, 200],
      [99, 200],
    ],
  ],
  [
    { pattern: 'step', duration: 90, rate: 200, baseRate: 0, steps: 2 },
    [
      [0, 0],
      [29, 0],
      [30, 100],
      [60, 200],
      [89, 200],
    ],
  ],
  // what the known call stands for: 40 requests/s, 600 within 20 s after a minute
  [
    { pattern: 'spike', duration: 300, target: 'http', intensity: 75 },
    [
      [0, 40],
      [60, 40],
      [70, 320],
      [80, 600],
      [199, 600],
      [200, 600],
      [210, 320],
      [220, 40],
      [299, 40],
    ],
  ],
  [
    {
      pattern: 'spike',
      duration: 100,
      rate: 100,
      baseRate: 0,
      spikeAtSeconds: 10,
      riseSeconds: 0,
      holdSeconds: 5,
    },
    [
      [9, 0],
      [10, 100],
      [15, 100],
      [15.1, 0],
    ],
  ],
  [
    { pattern: 'sine', duration: 100, rate: 100, baseRate: 20, periodSeconds: 40 },
    [
      [0, 20],
      [10, 60],
      [20, 100],
      [30, 60],
      [40, 20],
      [60, 100],
    ],
  ],
  [
    { pattern: 'daily', duration: 1200, intensity: 75 },
    [
      [100, 40],
      [500, 600],
      [700, 40],
      [1100, 600],
    ],
  ],
  [
    { pattern: 'ramp', duration: 10, rate: 100, baseRate: 50, startupSeconds: 5 },
    [
      [-1, 0],
      [0, 50],
      [4.9, 50],
      [5, 50],
      [10, 75],
      [15, 0],
    ],
  ],
])('%j', (request, then) => {
  const plan = aPlan(request);
  expect(then.map(([t]) => [t, Math.round(rateAt(plan, t) * 1000) / 1000])).toEqual(then);
});

test('a replay plays the trace in the duration, with its highest rate at the peak', () => {
  const csv = 't_s,rps\n0,1\n60,4\n120,2\n';
  const plan = aPlan({ pattern: 'replay', duration: 18, trace: csv, rate: 40 }, csv);
  expect([0, 5.9, 6, 11.9, 12, 17.9, 18].map((t) => rateAt(plan, t))).toEqual([
    10, 10, 40, 40, 20, 20, 0,
  ]);
  const unscaled = aPlan({ pattern: 'replay', duration: 180, trace: csv }, csv);
  expect(rateAt(unscaled, 60)).toBe(4);
});

test('every pattern stays between its base and its peak, and is over at its end', () => {
  const request = fc.record({
    pattern: fc.constantFrom(...PATTERNS.filter((name) => name !== 'replay')),
    duration: fc.double({ min: 1, max: 86_400, noNaN: true }),
    intensity: fc.double({ min: 0.1, max: 100, noNaN: true }),
    startupSeconds: fc.double({ min: 0, max: 100, noNaN: true }),
  });
  fc.assert(
    fc.property(request, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (body, share) => {
      const plan = aPlan(body);
      const rate = rateAt(plan, share * totalSecondsOf(plan));
      expect(rate).toBeGreaterThanOrEqual(Math.min(plan.basePerSecond, plan.peakPerSecond) - 1e-9);
      expect(rate).toBeLessThanOrEqual(plan.peakPerSecond + 1e-9);
      expect(rateAt(plan, totalSecondsOf(plan))).toBe(0);
    }),
  );
});

test('the preview is the schedule itself', () => {
  const plan = aPlan({ pattern: 'ramp', duration: 10, rate: 100, baseRate: 0 });
  expect(preview(plan, 5).map(({ perSecond }) => perSecond)).toEqual([0, 20, 40, 60, 80]);
});

/** Forty in each fortieth second, as a job that runs every forty seconds makes them. */
const JOBS = `t_s,rps\n${Array.from({ length: 4000 }, (_, t) => `${t},${t % 40 === 7 ? 40 : 0}`).join('\n')}`;

test('a trace of more intervals than the preview has points is shown with all of them', () => {
  const plan = aPlan({ pattern: 'replay', duration: 4000, trace: JOBS }, JOBS);
  const shown = preview(plan, 10).map(({ perSecond }) => Math.round(perSecond * 1000) / 1000);
  expect(shown).toEqual(Array(10).fill(1));
  expect(summaryOf(plan)).toEqual({ requests: 4000, peakPerSecond: 40 });
});

test.each([
  [{ pattern: 'ramp', duration: 300, rate: 600, baseRate: 0 }, 90_000, 600],
  [{ pattern: 'spike', duration: 300, intensity: 75 }, 90_400, 600],
  [{ pattern: 'step', duration: 7, rate: 90, baseRate: 0, steps: 6 }, 315, 90],
])('%j is summed up as %i requests, at most %i/s', (request, requests, peak) => {
  const summary = summaryOf(aPlan(request));
  expect(summary.requests).toBe(requests);
  expect(summary.peakPerSecond).toBeCloseTo(peak, 1);
});
