import type { Predictor } from './crane.ts';
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

/**
 * Crane's percentile predictor: the same value for all of the window, the 99th percentile of a
 * decaying histogram, in which a minute weighs as much as its rate: busy ones count more. Version
 * 2b0ddae8 reads the half-life and then uses a histogram that forgets nothing; here it decays, as
 * documented. Source: gocrane/crane pkg/prediction/percentile.
 */
export function percentilePredictor(buckets: PercentileSettings): Predictor {
  const settings: HistogramSettings = { ...buckets, halfLifeSeconds: HALF_LIFE_SECONDS };
  let histogram: DecayingHistogram | null = null;
  return {
    refreshMinutes: 60,
    keep(rate, _minutes, atMs) {
      if (rate === null) return;
      histogram ??= newHistogram(settings);
      addSample(histogram, settings, {
        value: rate,
        weight: Math.max(MIN_SAMPLE_WEIGHT, rate),
        atMs,
      });
    },
    forecast: () => (histogram === null ? [] : [percentileOf(histogram, settings, PERCENTILE)]),
  };
}
