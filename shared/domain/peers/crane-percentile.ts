import {
  addSample,
  newHistogram,
  percentileOf,
  type DecayingHistogram,
  type HistogramSettings,
} from './histogram.ts';

/** Where the buckets lie; Crane's default is 0.1 to 100, meant for cores. */
export type PercentileSettings = Pick<HistogramSettings, 'maxValue' | 'bucketSize'>;

/** As Crane has them; margin 0 and target utilisation 1 change nothing. */
const PERCENTILE = 0.99;
const MIN_SAMPLE_WEIGHT = 1e-5;
const HALF_LIFE_SECONDS = 24 * 3600;

const histogramOf = (settings: PercentileSettings): HistogramSettings => ({
  ...settings,
  halfLifeSeconds: HALF_LIFE_SECONDS,
});

/** Adds one minute's mean. A sample weighs as much as its value: busy minutes count more. */
export function addMinute(
  known: DecayingHistogram | null,
  settings: PercentileSettings,
  value: number,
  atMs: number,
): DecayingHistogram {
  const histogram = known ?? newHistogram(histogramOf(settings));
  const weight = Math.max(MIN_SAMPLE_WEIGHT, value);
  addSample(histogram, histogramOf(settings), { value, weight, atMs });
  return histogram;
}

/**
 * Crane's percentile predictor: the same value for all of the window, the 99th percentile of a
 * decaying histogram. Version 2b0ddae8 reads the half-life and then uses a histogram that forgets
 * nothing; here it decays, as documented. Source: gocrane/crane pkg/prediction/percentile.
 */
export const percentileForecast = (
  histogram: DecayingHistogram | null,
  settings: PercentileSettings,
): number[] =>
  histogram === null ? [] : [percentileOf(histogram, histogramOf(settings), PERCENTILE)];
