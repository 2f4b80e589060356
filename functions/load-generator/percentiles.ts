import { Int32Histogram, type JsHistogram } from 'hdr-histogram-js';

const MAX_US = 600_000_000;

/** Microseconds with three significant digits, up to ten minutes. */
export const histogram = (): JsHistogram => new Int32Histogram(1, MAX_US, 3);

/** Milliseconds, rounded to microseconds; what is out of range counts as its nearest end. */
export const record = (into: JsHistogram, ms: number): void =>
  into.recordValue(Math.min(MAX_US, Math.max(1, Math.round(ms * 1000))));

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
 * What the histogram's own `getValueAtPercentile` and `mean` say, in one walk over its counts: milliseconds,
 * null while nothing was measured. They walk once each, and stop the process that sends for 15 ms at every
 * look at three histograms; this is 1 ms.
 */
export function percentiles(of: JsHistogram) {
  const { totalCount: total, maxValue: maxUs } = of;
  const { steps, sumUs } = walk(of);
  const at = (percentile: number): number | null => {
    const rank = rankOf(percentile, total);
    const step = steps.find(({ upTo }) => upTo >= rank);
    return step === undefined ? null : of.highestEquivalentValue(step.valueUs) / 1000;
  };
  return {
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p99_9: at(99.9),
    max: total === 0 ? null : maxUs / 1000,
    mean: total === 0 ? null : Math.round(sumUs / total) / 1000,
  };
}
