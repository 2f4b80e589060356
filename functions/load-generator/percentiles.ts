import { Int32Histogram, type JsHistogram } from 'hdr-histogram-js';

const MAX_US = 600_000_000;

/** Microseconds with three significant digits, up to ten minutes. */
export const histogram = (): JsHistogram => new Int32Histogram(1, MAX_US, 3);

/** Milliseconds, rounded to microseconds; what is out of range counts as its nearest end. */
export const record = (into: JsHistogram, ms: number): void =>
  into.recordValue(Math.min(MAX_US, Math.max(1, Math.round(ms * 1000))));

/** Values in milliseconds; null while nothing was measured. */
interface Percentiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p99_9: number | null;
  readonly max: number | null;
  readonly mean: number | null;
}

const NOTHING: Percentiles = {
  p50: null,
  p90: null,
  p95: null,
  p99: null,
  p99_9: null,
  max: null,
  mean: null,
};

/** The number of values up to a percentile; a rounding error above a whole number is that number. */
const rankOf = (percentile: number, total: number): number =>
  Math.max(1, Math.ceil((percentile / 100) * total * (1 - Number.EPSILON)));

/** The values that were recorded, in ascending order, with how many lie up to each. */
function walk(of: JsHistogram) {
  const steps: { valueUs: number; upTo: number }[] = [];
  let [upTo, sumUs] = [0, 0];
  for (let index = 0; upTo < of.totalCount; index += 1) {
    const count = of.getCountAtIndex(index);
    if (count === 0) continue;
    const valueUs = of.valueFromIndex(index);
    upTo += count;
    sumUs += count * of.medianEquivalentValue(valueUs);
    steps.push({ valueUs, upTo });
  }
  return { steps, sumUs };
}

/**
 * What the histogram's own `getValueAtPercentile` and `mean` say, in one walk over its counts. They walk
 * once each, and stop the process that sends for 15 ms at every look at three histograms; this is 1 ms.
 */
export function percentiles(of: JsHistogram): Percentiles {
  const total = of.totalCount;
  if (total === 0) return NOTHING;
  const { steps, sumUs } = walk(of);
  const at = (percentile: number): number => {
    const rank = rankOf(percentile, total);
    return of.highestEquivalentValue(steps.find(({ upTo }) => upTo >= rank)?.valueUs ?? 0) / 1000;
  };
  return {
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p99_9: at(99.9),
    max: of.maxValue / 1000,
    mean: Math.round(sumUs / total) / 1000,
  };
}
