import { expect, test } from 'vitest';
import type { Sample } from '#shared/domain/types.ts';
import { merge, nextPoint, stepFor, toSeries, type Point } from './points.ts';

const aSample = (more: Partial<Sample> = {}): Sample => ({
  atMs: 0,
  measuredAtMs: 0,
  windowMs: 5000,
  requestsPerSecond: 100,
  requests: 500,
  lateRatio: 0,
  failedRatio: 0,
  latencyP95Ms: 80,
  cpuUtilization: 0.5,
  memoryUtilization: 0.3,
  inFlight: 2,
  lagMessages: null,
  replicas: { desired: 4, ready: 3, starting: 1, draining: 0 },
  startups: [],
  intervalMs: 5000,
  ...more,
});
const standing = { podCapacity: 40, hpaReplicas: 6 };

function timeline(samples: readonly (Sample | null)[]): Point[] {
  const points: Point[] = [];
  for (const [beat, sample] of samples.entries()) {
    points.push(nextPoint(beat * 5000, sample, standing, points.at(-1)));
  }
  return points;
}

test('pod-seconds of ours and of HPA add up beat by beat, starting pods included', () => {
  const [, second, third] = timeline([aSample(), aSample(), aSample()]);
  expect([second?.ourPodSeconds, second?.hpaPodSeconds]).toEqual([20, 30]);
  expect([third?.ourPodSeconds, third?.hpaPodSeconds]).toEqual([40, 60]);
});

test('what could not be read is unknown, never zero, and costs nothing on either side', () => {
  const points = timeline([aSample(), null, aSample()]);
  expect(points[1]).toMatchObject({ requestsPerSecond: null, ready: null, latencyP95Ms: null });
  expect(points[1]?.ourPodSeconds).toBe(0);
  const series = toSeries('ns/name', points, {
    fromMs: 0,
    toMs: 10_000,
    stepSeconds: 1,
    changes: [],
  });
  expect(series.requestsPerSecond).toEqual([100, null, 100]);
  expect(series.capacityReady).toEqual([120, null, 120]);
});

test('a gap longer than a minute counts as a minute', () => {
  const first = nextPoint(0, aSample(), standing, undefined);
  expect(nextPoint(3_600_000, aSample(), standing, first).ourPodSeconds).toBe(4 * 60);
});

test.each([
  [0, 0],
  [0.01, 0],
  [0.011, 5],
])('a beat with a late ratio of %d violates the SLO for %d s', (lateRatio, expected) => {
  const [, point] = timeline([aSample(), aSample({ lateRatio })]);
  expect(point?.violatingSeconds).toBe(expected);
});

test('a bucket shows mean load, the worst of what hurts, and the last count of pods', () => {
  const points = timeline([
    aSample({ requestsPerSecond: 100, lateRatio: 0.2, latencyP95Ms: 900 }),
    aSample({ requestsPerSecond: 300, lateRatio: 0.05, latencyP95Ms: null }),
    aSample({ requestsPerSecond: null, lateRatio: null, latencyP95Ms: 100 }),
  ]);
  expect(merge(points)).toMatchObject({
    requestsPerSecond: 200,
    lateRatio: 0.2,
    latencyP95Ms: 900,
    ready: 3,
    violatingSeconds: 5,
  });
});

test.each([
  [300_000, 1],
  [900_000, 1],
  [21_600_000, 30],
  [7 * 86_400_000, 600],
])('%d ms are shown in steps of %d s', (rangeMs, step) => {
  expect(stepFor(rangeMs, 1200)).toBe(step);
});

test('columns have one row per bucket, all of the same length', () => {
  const points = timeline(Array.from({ length: 24 }, () => aSample()));
  const series = toSeries('ns/name', points, {
    fromMs: 0,
    toMs: 120_000,
    stepSeconds: 60,
    changes: [],
  });
  expect(series.atMs).toEqual([55_000, 115_000]);
  expect(series.versusHpaPodSeconds).toEqual([-110, -230]);
});
