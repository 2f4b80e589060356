import { zeros } from '../maths.ts';

/** Linear buckets from 0; the last one is open to above. */
export interface HistogramSettings {
  /** Where the last bucket starts, or just below. */
  readonly maxValue: number;
  readonly bucketSize: number;
  /** A sample weighs half after this time. */
  readonly halfLifeSeconds: number;
}

/** Plain JSON. */
export interface DecayingHistogram {
  weights: number[];
  total: number;
  /** What ages are counted from; null: no sample yet. */
  referenceMs: number | null;
}

const EPSILON = 1e-10; // less is nothing
const MOST_DOUBLINGS = 100; // of a weight, before all are scaled back

const bucketsOf = ({ maxValue, bucketSize }: HistogramSettings): number =>
  Math.ceil(maxValue / bucketSize - 1e-9) + 1;

export const newHistogram = (settings: HistogramSettings): DecayingHistogram => ({
  weights: zeros(bucketsOf(settings)),
  total: 0,
  referenceMs: null,
});

function shift(histogram: DecayingHistogram, doublings: number, referenceMs: number): void {
  const factor = 2 ** -doublings;
  histogram.weights = histogram.weights.map((weight) => weight * factor);
  histogram.total *= factor;
  histogram.referenceMs = referenceMs;
}

/** Newer samples weigh more: doubled per half-life, so that older ones need not be touched. */
export function addSample(
  histogram: DecayingHistogram,
  settings: HistogramSettings,
  sample: { readonly value: number; readonly weight: number; readonly atMs: number },
): void {
  histogram.referenceMs ??= sample.atMs;
  let age = (sample.atMs - histogram.referenceMs) / 1000 / settings.halfLifeSeconds;
  if (age > MOST_DOUBLINGS) {
    shift(histogram, age, sample.atMs);
    age = 0;
  }
  const last = histogram.weights.length - 1;
  const bucket = Math.max(0, Math.min(last, Math.trunc(sample.value / settings.bucketSize)));
  const weight = sample.weight * 2 ** age;
  histogram.weights[bucket] = (histogram.weights[bucket] ?? 0) + weight;
  histogram.total += weight;
}

/**
 * End of the bucket that holds the percentile, start of the last one, 0 of nothing.
 * Source: kubernetes/autoscaler vertical-pod-autoscaler/pkg/recommender/util.
 */
export function percentileOf(
  { weights, total }: DecayingHistogram,
  { bucketSize }: HistogramSettings,
  percentile: number,
): number {
  if (total < EPSILON) return 0;
  const smallest = weights.findIndex((weight) => weight >= EPSILON);
  const largest = weights.findLastIndex((weight) => weight >= EPSILON);
  let bucket = smallest;
  let sum = weights[bucket] ?? 0;
  while (bucket < largest && sum < percentile * total) {
    bucket += 1;
    sum += weights[bucket] ?? 0;
  }
  return Math.min(weights.length - 1, bucket + 1) * bucketSize;
}
