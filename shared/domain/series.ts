// Running means of the demand over nine time constants, and its recent cumulative count.
import { BLOCK_LADDER_SECONDS, BLOCK_SECONDS_MAX, MEANS_IN_BLOCKS } from './constants.ts';
import { at, zeros } from './maths.ts';
import type { Series } from './model.ts';

export const newSeries = (): Series => ({
  blockSeconds: 0,
  sums: zeros(MEANS_IN_BLOCKS.length),
  weights: zeros(MEANS_IN_BLOCKS.length),
  times: [],
  counts: [],
  total: 0,
  rate: -1,
  rateBefore: -1,
  rateEarlier: -1,
  windowSeconds: 0,
  offset: 1,
});

/** Cumulative counts that are kept: beyond that, at a start-up of minutes, they lie further apart. */
const TIMES_MAX = 96;

/**
 * Length of a block in seconds: half a start-up time, at least one beat, at most 15 s. Everything
 * that has a time constant follows it, so a service that starts in 8 s is judged every 5 s.
 */
export function blockSeconds(intervalSeconds: number, startupSeconds: number): number {
  const wanted = Math.max(intervalSeconds, Math.min(BLOCK_SECONDS_MAX, startupSeconds / 2));
  const step = BLOCK_LADDER_SECONDS.find((seconds) => seconds >= wanted * 0.99);
  return step ?? Math.ceil(wanted);
}

let kept = { elapsed: 0, block: 0, shares: zeros(MEANS_IN_BLOCKS.length) };

/** What each mean keeps after `elapsed` seconds. Beats are even: the last answer mostly fits. */
function sharesKept(elapsed: number, block: number): readonly number[] {
  if (elapsed !== kept.elapsed || block !== kept.block) {
    const shares = MEANS_IN_BLOCKS.map((blocks) => Math.exp(-elapsed / (blocks * block)));
    kept = { elapsed, block, shares };
  }
  return kept.shares;
}

/** Adds the mean demand `rate` over (previous time, nowMs] with `elapsed` seconds in between. */
export function addToSeries(series: Series, rate: number, nowMs: number, elapsed: number): void {
  const { sums, weights } = series;
  const shares = sharesKept(elapsed, series.blockSeconds);
  for (let i = 0; i < MEANS_IN_BLOCKS.length; i++) {
    const keep = at(shares, i);
    sums[i] = at(sums, i) * keep + rate * (1 - keep);
    weights[i] = at(weights, i) * keep + (1 - keep);
  }
  series.rateEarlier = series.rateBefore < 0 ? rate : series.rateBefore;
  series.rateBefore = series.rate < 0 ? rate : series.rate;
  series.rate = rate;
  series.windowSeconds = elapsed;
  series.total += rate * elapsed;
  remember(series, nowMs);
}

function remember(series: Series, nowMs: number): void {
  const { times, counts } = series;
  const spacingMs = (series.blockSeconds * 1000) / 6;
  const last = times.length - 1;
  if (last >= 1 && nowMs - at(times, last - 1) < spacingMs) {
    times[last] = nowMs;
    counts[last] = series.total;
    return;
  }
  times.push(nowMs);
  counts.push(series.total);
  if (times.length <= TIMES_MAX) return;
  const stays = (_: number, i: number): boolean => i % 2 === 0 || i >= last;
  series.times = times.filter(stays);
  series.counts = counts.filter(stays);
}

/** Forgets cumulative counts from before `sinceMs`, all but one. */
export function forgetBefore(series: Series, sinceMs: number): void {
  while (series.times.length > 2 && at(series.times, 1) <= sinceMs) {
    series.times.shift();
    series.counts.shift();
  }
}

/** Arrivals counted up to `timeMs`, interpolated; the ends stand for what is beyond them. */
function countAt(series: Series, timeMs: number): number {
  const { times, counts } = series;
  let i = times.length - 1;
  while (i > 0 && at(times, i) > timeMs) i--;
  const from = at(times, i);
  if (i === times.length - 1 || timeMs <= from) return at(counts, i);
  const share = (timeMs - from) / (at(times, i + 1) - from);
  return at(counts, i) + share * (at(counts, i + 1) - at(counts, i));
}

/** Mean demand per second over [fromMs, toMs); null where it is not covered. */
export function meanBetween(series: Series, fromMs: number, toMs: number): number | null {
  const { times } = series;
  const covered = times.length > 1 && at(times, 0) <= fromMs && at(times, times.length - 1) >= toMs;
  if (!covered) return null;
  return ((countAt(series, toMs) - countAt(series, fromMs)) * 1000) / (toMs - fromMs);
}

/** Largest mean over one block within [fromMs, toMs); null where it is not covered. */
export function largestBetween(series: Series, fromMs: number, toMs: number): number | null {
  const lengthMs = series.blockSeconds * 1000;
  // The block may have grown since the forecast was made: nothing to compare it with.
  if (toMs - fromMs < lengthMs || meanBetween(series, fromMs, toMs) === null) return null;
  let largest = 0;
  const steps = Math.max(1, Math.ceil((toMs - fromMs - lengthMs) / (lengthMs / 6)));
  for (let i = 0; i <= steps; i++) {
    const start = fromMs + ((toMs - fromMs - lengthMs) * i) / steps;
    largest = Math.max(largest, meanBetween(series, start, start + lengthMs) ?? 0);
  }
  return largest;
}

/** Running mean with time constant number `index`, in units of demand per second. */
export const meanOf = (series: Series, index: number): number =>
  at(series.weights, index) > 0 ? at(series.sums, index) / at(series.weights, index) : series.rate;
