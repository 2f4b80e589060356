import { expect, test } from 'vitest';
import { createCrane } from './crane.ts';
import { percentilePredictor } from './crane-percentile.ts';
import { addSample, newHistogram, percentileOf } from './histogram.ts';

const DAY_SECONDS = 86_400;
const cores = { maxValue: 100, bucketSize: 0.1, halfLifeSeconds: DAY_SECONDS };

function histogramOf(
  samples: readonly (readonly [value: number, weight: number, days: number])[],
  settings = cores,
) {
  const histogram = newHistogram(settings);
  for (const [value, weight, days] of samples) {
    addSample(histogram, settings, { value, weight, atMs: days * DAY_SECONDS * 1000 });
  }
  return (percentile: number): number => percentileOf(histogram, settings, percentile);
}

test('the default has 1001 buckets of 0.1 up to 100', () => {
  expect(newHistogram(cores).weights).toHaveLength(1001);
});

test('nothing has a percentile of 0; one sample, whatever the percentile, the end of its bucket', () => {
  expect(histogramOf([])(0.99)).toBe(0);
  const one = histogramOf([[2.34, 1, 0]]);
  for (const percentile of [0, 0.5, 0.99, 1]) expect(one(percentile)).toBeCloseTo(2.4, 9);
});

test('what is beyond the last bucket is worth its start; below zero counts as the first', () => {
  expect(histogramOf([[340, 1, 0]])(0.99)).toBeCloseTo(100, 9);
  expect(histogramOf([[-3, 1, 0]])(0.99)).toBeCloseTo(0.1, 9);
});

test('the percentile is one of weights, not of samples', () => {
  const samples = [
    [1.05, 99, 0],
    [9.05, 1, 0],
  ] as const;
  expect(histogramOf(samples)(0.98)).toBeCloseTo(1.1, 9);
  expect(histogramOf(samples)(0.995)).toBeCloseTo(9.1, 9);
  expect(histogramOf([samples[0], [9.05, 99, 0]])(0.98)).toBeCloseTo(9.1, 9);
});

test('after a half-life a sample weighs half of a new one', () => {
  const percentile = histogramOf([
    [9.05, 1, 0],
    [1.05, 1, 1],
  ]);
  expect(percentile(0.66)).toBeCloseTo(1.1, 9); // two thirds are new
  expect(percentile(0.67)).toBeCloseTo(9.1, 9);
});

test('a year is no reason to overflow, and leaves nothing of its start', () => {
  const days = Array.from({ length: 1200 }, (_, day) => [day < 5 ? 9.05 : 1.05, 1, day] as const);
  const percentile = histogramOf(days);
  expect(percentile(1)).toBeCloseTo(1.1, 9);
  expect(Number.isFinite(percentile(0.5))).toBe(true);
});

const limits = { targetUtilization: 0.7, targetPerReplica: 35, minReplicas: 1, maxReplicas: 50 };
const percentile = { maxValue: 2500, bucketSize: 2.5 };

/** Crane's answers every 15 s under a rate by minute, an HPA below it that is content with 2 pods. */
function crane(
  buckets: Parameters<typeof percentilePredictor>[0],
  rates: readonly (number | null)[],
) {
  const inner = createCrane(limits, percentilePredictor(buckets));
  let replicas = 2;
  return rates.flatMap((requestsPerSecond, minute) =>
    [0, 15, 30, 45].map((second) => {
      const utilization = requestsPerSecond === null ? null : (0.7 * 2) / replicas;
      const atMs = (minute * 60 + second) * 1000;
      const pods = { replicas, ready: replicas, unready: 0, missing: 0 };
      replicas = inner.decide({ atMs, ...pods, utilization, requestsPerSecond });
      return replicas;
    }),
  );
}

test('Crane by percentile holds what the busiest minutes need, refreshed once an hour', () => {
  const rates = Array.from({ length: 180 }, (_, minute) => (minute % 60 < 6 ? 350 : 70));
  const answers = crane(percentile, rates);
  expect(answers[4 * 60 - 1]).toBe(2); // no forecast in the first hour
  // A tenth of the minutes, but five times as heavy: 99 % of the weight ends in their bucket.
  expect(answers[4 * 62]).toBe(Math.ceil(352.5 / 35));
  expect(answers.slice(4 * 62).every((replicas) => replicas === 11)).toBe(true);
});

test('buckets meant for cores make 100 requests/s the forecast of anything beyond', () => {
  const rates = Array.from({ length: 70 }, () => 350);
  const answers = crane({ maxValue: 100, bucketSize: 0.1 }, rates);
  expect(answers.at(-1)).toBe(Math.ceil(100 / 35));
});

test('minutes in which nothing was measured leave no sample', () => {
  const rates = Array.from({ length: 130 }, (_, minute) => (minute < 5 ? 350 : null));
  expect(crane(percentile, rates).at(-1)).toBe(11);
});

test('Crane takes the 99th percentile: a twentieth of the load at its peak is served', () => {
  const predictor = percentilePredictor({ maxValue: 1000, bucketSize: 1 });
  for (let minute = 0; minute < 505; minute += 1) {
    predictor.keep(minute % 101 === 0 ? 50 : 10, 1, minute * 60_000);
  }
  expect(predictor.forecast()[0]).toBeCloseTo(51, 0);
});
