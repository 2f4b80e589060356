import { expect, test } from 'vitest';
import {
  holtWintersForecast,
  newHoltWintersState,
  type HoltWintersSettings,
} from './holt-winters.ts';
import { createPredictiveHpa } from './predictive-hpa.ts';

const example = { seasonalPeriods: 6, storedSeasons: 4, alpha: 0.9, beta: 0.9, gamma: 0.9 };

/** Forecasts after each sample, and what is left in the end. */
function feed(series: readonly number[], settings: HoltWintersSettings) {
  const state = newHoltWintersState();
  const forecasts = series.map((value) => holtWintersForecast(state, value, settings));
  const { fit } = state;
  const next =
    fit === null
      ? null
      : fit.level + fit.trend + (fit.seasonal[fit.count % fit.seasonal.length] ?? Number.NaN);
  return { state, forecasts, next };
}

// Expected: statsmodels' ExponentialSmoothing(trend add, seasonal add, initialization estimated),
// fit(optimized=False), forecast(1).
test.each<[what: string, settings: Partial<HoltWintersSettings>, series: number[], next: number]>([
  [
    'the documented example',
    {},
    [10, 16, 18, 11, 5, 6, 10, 15, 18, 10, 5, 8, 10, 19, 18, 13],
    14.240028241388936,
  ],
  [
    'an odd season',
    { seasonalPeriods: 7, alpha: 0.3, beta: 0.1, gamma: 0.2, storedSeasons: 9 },
    [
      ...[10, 14, 17, 16, 10, 6, 6, 11, 16, 17, 16, 10, 8, 7, 12, 15, 20, 14, 9, 7],
      ...[6, 14, 17, 18, 13, 10, 7, 9, 13, 17, 19, 17, 11, 6, 7, 14, 19, 18, 18, 13],
    ],
    8.958642419602826,
  ],
  [
    'a season so short that more than two are needed to start',
    { seasonalPeriods: 3, alpha: 0.5, beta: 0.5, gamma: 0.5, storedSeasons: 9 },
    [10, 16, 7, 13, 16, 7, 13, 17, 8, 11, 17, 5, 13],
    17.291372018415316,
  ],
])('Holt-Winters forecasts what statsmodels does: %s', (_what, settings, series, next) => {
  const got = feed(series, { ...example, ...settings });
  expect(got.next).toBeCloseTo(next, 9);
  expect(got.forecasts.at(-1)).toBe(Math.ceil(next));
});

test.each<[what: string, seasonalPeriods: number, needed: number]>([
  ['two seasons', 24, 48],
  ['10 + 2 × (season ÷ 2) of a short one', 6, 16],
  ['the same of an odd one', 7, 16],
])('no forecast before there are %s', (_what, seasonalPeriods, needed) => {
  const series = Array.from({ length: needed }, (_, i) => 5 + (i % seasonalPeriods));
  const { forecasts } = feed(series, { ...example, seasonalPeriods });
  expect(forecasts.slice(0, -1).every((value) => value === 0)).toBe(true);
  expect(forecasts.at(-1)).toBeGreaterThan(0);
});

test('a whole season goes when one more than is stored is complete, not sooner', () => {
  const lengths = Array.from({ length: 43 }, (_, i) => {
    const { state } = feed(
      Array.from({ length: i + 1 }, () => 3),
      example,
    );
    return state.history.length;
  });
  expect(lengths.slice(24, 31)).toEqual([25, 26, 27, 28, 29, 24, 25]);
  expect(Math.max(...lengths)).toBe(29);
});

test('going on sample by sample is a new fit on all that is kept, seasons later too', () => {
  const noise = (i: number): number => ((i * 7919) % 13) - 6;
  const value = (i: number): number => Math.round(20 + 8 * Math.sin(i / 3.8) + noise(i) / 2);
  const settings = { ...example, seasonalPeriods: 24, alpha: 0.4, beta: 0.1, gamma: 0.3 };
  const state = newHoltWintersState();
  for (let i = 0; i < 400; i += 1) {
    const before = [...state.history];
    const forecast = holtWintersForecast(state, value(i), settings);
    const anew = feed([...before, value(i)], { ...settings, storedSeasons: 99 });
    expect(forecast).toBe(anew.forecasts.at(-1));
  }
});

test('a season that repeats is known one sync ahead', () => {
  const wave = (i: number): number => (i % 24 < 12 ? 4 : 20);
  const series = Array.from({ length: 24 * 4 }, (_, i) => wave(i));
  const settings = { ...example, seasonalPeriods: 24, alpha: 0.2, beta: 0.01, gamma: 0.2 };
  const { forecasts } = feed(series, settings);
  for (let i = 24 * 3; i < series.length - 1; i += 1) {
    expect(Math.abs((forecasts[i] ?? 0) - wave(i + 1))).toBeLessThanOrEqual(1);
  }
});

const SYNC_MS = 15_000;
const limits = { targetUtilization: 0.7, minReplicas: 1, maxReplicas: 50 };

/** An HPA's calculation that follows `wanted(sync)`: pods are always as the last answer said. */
function follow(
  phpa: ReturnType<typeof createPredictiveHpa>,
  syncs: number,
  wanted: (sync: number) => number | null,
) {
  const answers: number[] = [];
  let replicas = 10;
  for (let sync = 0; sync < syncs; sync += 1) {
    const pods = wanted(sync);
    replicas = phpa.decide({
      atMs: sync * SYNC_MS,
      replicas,
      ready: replicas,
      unready: 0,
      missing: 0,
      utilization: pods === null ? null : (0.7 * pods) / replicas,
    });
    answers.push(replicas);
  }
  return answers;
}

test('Predictive HPA by Holt-Winters scales up one sync before the HPA it stands on', () => {
  // Twenty minutes: beyond the HPA's window of 300 s, so that every quiet half is scaled down.
  const wanted = (sync: number): number => (sync % 80 < 40 ? 10 : 20);
  const holtWinters = { ...example, seasonalPeriods: 80, alpha: 0.2, beta: 0.01, gamma: 0.5 };
  const seasonal = follow(createPredictiveHpa({ ...limits, holtWinters }), 320, wanted);
  const first = (answers: number[], from: number): number =>
    answers.findIndex((replicas, sync) => sync >= from && replicas >= 18);
  expect(first(seasonal, 20)).toBe(40); // the first season: an HPA like any other
  expect(first(seasonal, 260)).toBe(279); // the fourth: one sync before 280
});

test.each<[decision: 'maximum' | 'minimum' | 'mean' | 'median', answer: number]>([
  ['maximum', 10],
  ['minimum', 1],
  ['mean', 5],
  ['median', 5],
])('a model without enough history says 0, and the %s counts it', (decision, answer) => {
  const holtWinters = { ...example, seasonalPeriods: 1000 };
  const phpa = createPredictiveHpa({ ...limits, decision, holtWinters });
  const beyondWindow = 300_000 / SYNC_MS + 2;
  expect(follow(phpa, beyondWindow, () => 10).at(-1)).toBe(answer);
});

test('a sync without a metric changes nothing and leaves no sample', () => {
  const phpa = createPredictiveHpa({ ...limits, holtWinters: example });
  expect(follow(phpa, 20, (sync) => (sync % 2 === 0 ? 10 : null)).at(-1)).toBe(10);
  expect(phpa.state.seasons.history).toHaveLength(10);
});
