import { mean } from '../maths.ts';
import type { Predictor } from './crane.ts';
import { seriesOf, spectrumOf, type Spectrum } from './spectrum.ts';

const DAY = 1440;
const WEEK = 7 * DAY;
const NEEDED = 2 * DAY;
/** Minutes of history that are kept. */
const HISTORY = 15 * DAY;

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/** Autocorrelation at one lag. */
function autocorrelation(series: Float64Array, lag: number): number {
  const middle = mean(series);
  let top = 0;
  let all = 0;
  for (let i = 0; i < series.length; i += 1) {
    const value = at(series, i) - middle;
    all += value * value;
    if (i >= lag) top += value * (at(series, i - lag) - middle);
  }
  return all === 0 ? 0 : top / all;
}

/**
 * Day or week, or nothing. A period is a hint when its power is beyond the 99th percentile of the
 * largest power of shuffled copies (exponential powers: mean power × (ln(n/2) + 4.6)), and kept
 * when the autocorrelation peaks at its lag.
 */
export function periodOf(series: Float64Array): number | null {
  const n = series.length;
  const middle = mean(series);
  const { re, im } = spectrumOf(series.map((value) => value - middle));
  const power = (k: number): number => at(re, k) ** 2 + at(im, k) ** 2;
  let total = 0;
  for (let k = 1; k < n / 2; k += 1) total += power(k);
  const limit = (total / (n / 2)) * (Math.log(n / 2) + 4.6);
  let best: { period: number; value: number } | null = null;
  for (const period of [DAY, WEEK]) {
    if (n < 2 * period || power(Math.round(n / period)) <= limit) continue;
    const value = autocorrelation(series, period);
    const peak = [-30, 30].every((off) => autocorrelation(series, period + off) < value);
    if (peak && (best === null || value > best.value)) best = { period, value };
  }
  return best?.period ?? null;
}

/** One of Crane's FFT filters: how many bins stay at least, and below which amplitude they go. */
interface Filter {
  readonly minItems: number;
  readonly lowAmplitude: number;
}

const FILTERS: readonly Filter[] = [
  { minItems: 3, lowAmplitude: 1 },
  { minItems: 50, lowAmplitude: 0.05 },
];
const MARGINS = [0.01, 0.1, 0.15, 0.2];

/** The series without its small and its fast parts. */
function smooth(spectrum: Spectrum, filter: Filter): Float64Array {
  const n = spectrum.re.length;
  const amplitude = Float64Array.from(
    { length: n },
    (_, k) => Math.hypot(at(spectrum.re, k), at(spectrum.im, k)) / n,
  );
  const sorted = Float64Array.from(amplitude).sort().reverse();
  const limit = Math.min(
    Math.max(at(sorted, Math.min(n - 1, 99)), filter.lowAmplitude),
    at(sorted, Math.min(n - 1, filter.minItems - 1)),
  );
  const perHour = n / 60; // bin of one cycle per hour
  const keep = (k: number): boolean => at(amplitude, k) >= limit && Math.min(k, n - k) <= perHour;
  return seriesOf({
    re: spectrum.re.map((value, k) => (keep(k) ? value : 0)),
    im: spectrum.im.map((value, k) => (keep(k) ? value : 0)),
  });
}

const repeat = (series: Float64Array, period: number): Float64Array =>
  series.slice(series.length - period).map((value) => Math.max(0.01, value));

/** Filter and margin with the least error on the last period, which they have not seen. */
function bestEstimator(series: Float64Array, period: number): { filter: Filter; margin: number } {
  const shown = series.slice(0, series.length - period);
  const held = series.slice(series.length - period);
  const spectrum = spectrumOf(shown);
  let best = { filter: FILTERS[0] ?? { minItems: 3, lowAmplitude: 1 }, margin: 0.01 };
  let least = Infinity;
  for (const filter of FILTERS) {
    const forecast = repeat(smooth(spectrum, filter), period);
    for (const margin of MARGINS) {
      let error = 0;
      for (let i = 0; i < period; i += 1) {
        error += (at(forecast, i) * (1 + margin) - at(held, i)) ** 2;
      }
      if (error >= least) continue;
      least = error;
      best = { filter, margin };
    }
  }
  return best;
}

/** Crane's DSP: one more period like the smoothed last one, with margin; empty without a period. */
export function dspForecast(minutes: readonly number[]): number[] {
  if (minutes.length < NEEDED) return [];
  const unit = minutes.length >= 2 * WEEK ? WEEK : DAY;
  const length = Math.floor(minutes.length / unit) * unit;
  const series = Float64Array.from(minutes.slice(minutes.length - length));
  const period = periodOf(series);
  if (period === null) return [];
  const { filter, margin } = bestEstimator(series, period);
  const forecast = repeat(smooth(spectrumOf(series), filter), period);
  return Array.from(forecast, (value) => value * (1 + margin));
}

/** Crane's DSP predictor; a minute without measurement is as the one before. Source: pkg/prediction/dsp. */
export function dspPredictor(): Predictor {
  const history: number[] = [];
  return {
    refreshMinutes: 6 * 60,
    keep(rate, minutes) {
      const value = rate ?? history.at(-1) ?? 0;
      for (let i = 0; i < minutes; i += 1) history.push(value);
    },
    forecast() {
      history.splice(0, Math.max(0, history.length - HISTORY));
      return dspForecast(history);
    },
  };
}
