import { NimbusError } from '#shared/errors.ts';
import { at, quantile } from './numbers.ts';
import { createRandom, type Random } from './random.ts';
import type { Trace } from './trace.ts';

/**
 * How rates inside a trace's intervals are made up. `rough`: log-linear between the middles of the
 * intervals, with a Brownian bridge as rough as the trace. `steps`: constant where an interval is at most
 * a minute long, else linear between the middles.
 */
export type RatePath = 'rough' | 'steps';

/** What arrives, second by second. Shared, read only, by every controller of one comparison. */
export interface Load {
  readonly name: string;
  readonly seconds: number;
  /** True mean rate in each second, requests/s. */
  readonly rate: Float32Array;
  /** Poisson arrivals in each second. */
  readonly arrivals: Int32Array;
  /** First second that is scored; what lies before is warm-up. */
  readonly scoreFrom: number;
  /** Spans in which the service fails through no fault of its size: [from, to) and failed share. */
  readonly outages: readonly Outage[];
}

export interface Outage {
  readonly from: number;
  readonly to: number;
  readonly failedShare: number;
}

export interface LoadOptions {
  readonly path: RatePath;
  readonly seed: number;
  /** Requests/s in the pods per request/s in the trace. */
  readonly scale: number;
  /** Share of the trace that is warm-up. */
  readonly warmupShare?: number;
  /** Only the first days of the trace. */
  readonly days?: number;
}

const GRID_SECONDS = 5; // of the Brownian bridge
const COARSE_SECONDS = 60; // `steps`: intervals up to this long are constant
const VARIANCE_HALF_WINDOW = 15; // intervals on either side that tell the local roughness
const RESCALE_ROUNDS = 30;
const RESCALE_TOLERANCE = 1e-3; // log units: a jump smaller than this is none
const MAX_SECONDS = 400 * 86_400;

/** Pods the 99.9th percentile of a trace shall need, and at which use. */
const REFERENCE = { pods: 35, utilization: 0.7, percentile: 0.999 };

/** The factor that makes the trace's 99.9th percentile need 35 pods at 70 %. */
export function referenceScale(trace: Trace, capacityPerPod: number): number {
  const peak =
    quantile(trace.rps, REFERENCE.percentile) || trace.rps.reduce((a, b) => Math.max(a, b));
  return (REFERENCE.pods * REFERENCE.utilization * capacityPerPod) / peak;
}

/** log rates, zeros as half a request per interval. */
const logRates = (trace: Trace): Float64Array =>
  trace.rps.map((rps) => Math.log(Math.max(rps, 0.5 / trace.stepSeconds)));

/**
 * Variance of the log rate from one interval to the next beyond trend and counting noise, local:
 * sample variance over ± 15 intervals less the variance that counting alone explains.
 */
function localRoughness(trace: Trace, logs: Float64Array): Float64Array {
  const n = logs.length - 1;
  const sums = { d: new Float64Array(n + 1), dd: new Float64Array(n + 1) };
  const noise = new Float64Array(n + 1);
  const counting = (i: number): number => 1 / Math.max(0.5, at(trace.rps, i) * trace.stepSeconds);
  for (let i = 0; i < n; i += 1) {
    const d = at(logs, i + 1) - at(logs, i);
    sums.d[i + 1] = at(sums.d, i) + d;
    sums.dd[i + 1] = at(sums.dd, i) + d * d;
    noise[i + 1] = at(noise, i) + counting(i) + counting(i + 1);
  }
  return Float64Array.from({ length: Math.max(1, n) }, (_, i) => {
    const from = Math.max(0, i - VARIANCE_HALF_WINDOW);
    const to = Math.min(n, i + VARIANCE_HALF_WINDOW + 1);
    const count = Math.max(1, to - from);
    const meanD = (at(sums.d, to) - at(sums.d, from)) / count;
    const meanSquare = (at(sums.dd, to) - at(sums.dd, from)) / count;
    const counted = (at(noise, to) - at(noise, from)) / count;
    return Math.max(0, meanSquare - meanD * meanD - counted);
  });
}

/** A Brownian bridge from 0 to 0 over `points` steps with end-to-end variance `variance`. */
function bridge(points: number, variance: number, random: Random): Float64Array {
  const path = new Float64Array(points + 1);
  const sd = Math.sqrt(variance / points);
  for (let i = 1; i <= points; i += 1) path[i] = at(path, i - 1) + sd * random.normal();
  const end = at(path, points);
  return path.map((value, i) => value - (end * i) / points);
}

/** Where the middle of grid step `j` lies between two midpoints of intervals. */
function placeOf(j: number, trace: Trace): { left: number; share: number } {
  const position = ((j + 0.5) * GRID_SECONDS) / trace.stepSeconds - 0.5;
  const left = Math.min(trace.rps.length - 2, Math.max(0, Math.floor(position)));
  return { left, share: Math.min(1, Math.max(0, position - left)) };
}

/** Linear between values at the midpoints. */
const between = (values: Float64Array, { left, share }: { left: number; share: number }): number =>
  at(values, left) * (1 - share) + at(values, left + 1) * share;

/** log-linear between the midpoints of the intervals plus a bridge, on a grid of 5 s. */
function roughGrid(trace: Trace, random: Random): Float64Array {
  const logs = logRates(trace);
  const roughness = localRoughness(trace, logs);
  const perStep = Math.max(1, Math.round(trace.stepSeconds / GRID_SECONDS));
  const grid = new Float64Array(Math.floor((logs.length * trace.stepSeconds) / GRID_SECONDS));
  let segment = -1;
  let noise: Float64Array = new Float64Array(2);
  for (let j = 0; j < grid.length; j += 1) {
    const place = placeOf(j, trace);
    if (place.left !== segment) {
      segment = place.left;
      noise = bridge(perStep, at(roughness, segment), random);
    }
    // Steps of the grid lie between two points of the bridge: always the one before.
    grid[j] = Math.exp(between(logs, place) + at(noise, Math.round(place.share * perStep - 0.25)));
  }
  return grid;
}

const intervalOf = (j: number, { rps, stepSeconds }: Trace): number =>
  Math.min(rps.length - 1, Math.floor(((j + 0.5) * GRID_SECONDS) / stepSeconds));

/** Factor by which each interval of the grid misses its mean in the trace. */
function missing(trace: Trace, grid: Float64Array, means: Float64Array): Float64Array {
  const sums = new Float64Array(means.length);
  const counts = new Float64Array(means.length);
  for (let j = 0; j < grid.length; j += 1) {
    const i = intervalOf(j, trace);
    sums[i] = at(sums, i) + at(grid, j);
    counts[i] = at(counts, i) + 1;
  }
  return means.map((mean, i) => (mean * at(counts, i)) / at(sums, i));
}

/**
 * Rescales the grid until every interval of the trace has its true mean. The factors stand at the
 * midpoints and are interpolated, round by round: one factor for a whole interval would make the rate
 * jump at its ends, by a third in traces of ten minutes. A last such factor takes out what is left.
 */
function keepMeans(trace: Trace, grid: Float64Array): void {
  const positive = logRates(trace).map(Math.exp);
  for (let round = 0; round < RESCALE_ROUNDS; round += 1) {
    const factors = missing(trace, grid, positive).map(Math.log);
    if (factors.every((factor) => Math.abs(factor) < RESCALE_TOLERANCE)) break;
    for (let j = 0; j < grid.length; j += 1) {
      grid[j] = at(grid, j) * Math.exp(between(factors, placeOf(j, trace)));
    }
  }
  const left = missing(trace, grid, trace.rps);
  for (let j = 0; j < grid.length; j += 1) {
    grid[j] = at(grid, j) * at(left, intervalOf(j, trace));
  }
}

/** Mean of the intervals that second `t` lies in, by their share of it: steps may be parts of a second. */
function meanOver({ rps, stepSeconds }: Trace, t: number): number {
  let [sum, seconds] = [0, 0];
  for (let i = Math.floor(t / stepSeconds); i < rps.length && i * stepSeconds < t + 1; i += 1) {
    const share = Math.min(t + 1, (i + 1) * stepSeconds) - Math.max(t, i * stepSeconds);
    if (share <= 0) continue;
    sum += share * at(rps, i);
    seconds += share;
  }
  return sum / seconds;
}

/** Rate at the middle of second `t` by the `steps` rule. */
function steppedRate(trace: Trace, t: number): number {
  const position = (t + 0.5) / trace.stepSeconds;
  const last = trace.rps.length - 1;
  if (trace.stepSeconds <= COARSE_SECONDS) {
    return Number.isInteger(trace.stepSeconds)
      ? at(trace.rps, Math.min(last, Math.floor(position)))
      : meanOver(trace, t);
  }
  const i = Math.min(last - 1, Math.max(0, Math.floor(position - 0.5)));
  const share = Math.min(1, Math.max(0, position - 0.5 - i));
  return at(trace.rps, i) + (at(trace.rps, i + 1) - at(trace.rps, i)) * share;
}

/** Rate of every second. Traces as fine as the grid have no inside that must be made up. */
function secondRates(trace: Trace, seconds: number, options: LoadOptions): Float32Array {
  const rate = new Float32Array(seconds);
  if (options.path === 'steps' || trace.stepSeconds <= GRID_SECONDS) {
    for (let t = 0; t < seconds; t += 1) rate[t] = steppedRate(trace, t) * options.scale;
    return rate;
  }
  const grid = roughGrid(trace, createRandom(options.seed, `bridge ${trace.name}`));
  keepMeans(trace, grid);
  for (let t = 0; t < seconds; t += 1) {
    rate[t] = at(grid, Math.min(grid.length - 1, Math.floor(t / GRID_SECONDS))) * options.scale;
  }
  return rate;
}

/** Draws the arrivals of every second from the rates. */
export function drawArrivals(rate: Float32Array, random: Random): Int32Array {
  const arrivals = new Int32Array(rate.length);
  for (let t = 0; t < rate.length; t += 1) arrivals[t] = random.poisson(at(rate, t));
  return arrivals;
}

/** Length of a trace; one too short or too long to replay is refused. */
export function replayableSeconds({ name, rps, stepSeconds }: Trace): number {
  const seconds = Math.floor(rps.length * stepSeconds);
  if (seconds >= 600 && seconds <= MAX_SECONDS) return seconds;
  throw new NimbusError(
    'input.invalid',
    `${name}: ${seconds} s long; a replay needs 600 s to ${MAX_SECONDS} s`,
  );
}

/** Turns a trace into seconds of load, seeded. */
export function createLoad(trace: Trace, options: LoadOptions): Load {
  const seconds = Math.min(replayableSeconds(trace), (options.days ?? Infinity) * 86_400);
  const rate = secondRates(trace, seconds, options);
  const arrivals = drawArrivals(rate, createRandom(options.seed, `arrivals ${trace.name}`));
  const warmup = options.warmupShare ?? 0.4;
  const scoreFrom = Math.floor((seconds * warmup) / 60) * 60;
  return { name: trace.name, seconds, rate, arrivals, scoreFrom, outages: [] };
}
