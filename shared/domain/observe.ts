// Takes one sample in: what of it can be believed, and what it adds to the model.
import { capacityOf } from './capacity.ts';
import { STALE_MS } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { toLog } from './features.ts';
import { at, sane } from './maths.ts';
import type { Model } from './model.ts';
import { countOutcome } from './price.ts';
import { addToSeason } from './season.ts';
import { addToSeries } from './series.ts';
import { MEASURES, type Sample } from './types.ts';
import {
  adjustBlock,
  begin,
  beginSeason,
  demandOf,
  DEMAND_MAX,
  SKEW_MS,
  beginAgain,
} from './unit.ts';
import { learnStartups, learnWorkload } from './workload.ts';

/** Decayed means of delays remember about this many samples. */
const DELAY_MEMORY = 1 / 200;
/** Samples after which the usual age of the telemetry is known. */
const USUAL_AGE_SAMPLES = 200;

export interface Seen {
  sample: Sample;
  /** Demand per second (or busy pods); null where it is not known. */
  demand: number | null;
  ageSeconds: number | null;
  /** New telemetry since the last decision. */
  fresh: boolean;
  /** Telemetry too old, or of no known age: never a reason to scale down. */
  stale: boolean;
  /** A number was there that cannot be true (NaN, infinite, negative): the rest is doubted too. */
  suspect: boolean;
  elapsedSeconds: number;
}

const count = (value: number): number => Math.floor(sane(value) ?? 0);

/** Requests that no window can have: they would outweigh all that was learned. */
const REQUESTS_MAX = 1000 * DEMAND_MAX;
/** A whole large machine for every thousandth of a core that was asked for; more is a broken source. */
const USE_MAX = 1e6;
/** Parts of a whole; counters that are read apart may give a little more than one. */
const RATIO_MAX = 10;
/** Nobody looks back, or waits, for longer than a day. */
const WINDOW_MAX_MS = 86_400_000;

/** Demand beyond so many of the largest fleets changes nothing now, and one garbled read would stay for hours. */
const DEMAND_FLEETS = 20;

/** Less than this is nothing: what is divided by it would be infinite. */
const LEAST = 1e-9;

/** A number, or null where it is none or beyond what can be. */
function upTo(most: number, value: number | null): number | null {
  const known = sane(value);
  if (known === null || known > most) return null;
  return known < LEAST ? 0 : known;
}

/** The same, where zero is none either: a window without length. */
const positiveUpTo = (most: number, value: number | null): number | null =>
  upTo(most, value) === 0 ? null : upTo(most, value);

/** The sample with every number that cannot be true turned into null. */
function cleaned(sample: Sample): Sample {
  const { desired, ready, starting, draining } = sample.replicas;
  const measuredAtMs = sane(sample.measuredAtMs);
  return {
    atMs: sample.atMs,
    measuredAtMs: measuredAtMs === 0 ? null : measuredAtMs, // a clock that was never set
    windowMs: positiveUpTo(WINDOW_MAX_MS, sample.windowMs),
    requestsPerSecond: upTo(DEMAND_MAX, sample.requestsPerSecond),
    requests: upTo(REQUESTS_MAX, sample.requests),
    lateRatio: upTo(RATIO_MAX, sample.lateRatio),
    failedRatio: upTo(RATIO_MAX, sample.failedRatio),
    latencyP95Ms: upTo(WINDOW_MAX_MS, sample.latencyP95Ms),
    cpuUtilization: upTo(USE_MAX, sample.cpuUtilization),
    memoryUtilization: upTo(USE_MAX, sample.memoryUtilization),
    inFlight: upTo(REQUESTS_MAX, sample.inFlight),
    lagMessages: upTo(REQUESTS_MAX, sample.lagMessages),
    replicas: {
      desired: count(desired),
      ready: count(ready),
      starting: count(starting),
      draining: count(draining),
    },
    startups: sample.startups,
    intervalMs: Math.max(100, sane(sample.intervalMs) ?? 5_000),
  };
}

/** Whether a number was there that cannot be true. */
function isSuspect(raw: Sample, clean: Sample): boolean {
  for (const name of MEASURES) if (raw[name] !== null && clean[name] === null) return true;
  return false;
}

/** Decayed mean and variance in place: [mean, variance, samples]. */
export function noteDelay(stats: number[], seconds: number): void {
  const samples = at(stats, 2) + 1;
  const gain = Math.max(DELAY_MEMORY, 1 / samples);
  const error = seconds - at(stats, 0);
  stats[0] = at(stats, 0) + gain * error;
  stats[1] = (1 - gain) * (at(stats, 1) + gain * error * error);
  stats[2] = samples;
}

/**
 * A source that is always a minute late is a long control delay, which the forecast covers; stale
 * is what is older than usual. The usual age must have been seen for long: a source that stalls
 * today must not become usual by it.
 */
function staleAfterMs(model: Model, sample: Sample): number {
  const least = Math.max(STALE_MS, 3 * sample.intervalMs);
  const { age } = model.delay;
  return at(age, 2) < USUAL_AGE_SAMPLES ? least : Math.max(least, 2000 * at(age, 0));
}

/** Believes what can be believed of a sample and takes it into the model. */
export function observe(model: Model, raw: Sample, spec: PolicySpec): Seen {
  const sample = cleaned(raw);
  const suspect = isSuspect(raw, sample);
  learnStartups(model, sample.startups);
  beginAgain(model, sample, spec);
  const demand = demandOf(model, sample);
  const measured = sample.measuredAtMs;
  const ageMs = measured === null ? null : sample.atMs - measured;
  const believable = ageMs !== null && ageMs >= -SKEW_MS;
  const stale = !believable || ageMs > staleAfterMs(model, sample);
  if (demand === null || measured === null || !believable) {
    return {
      sample,
      demand: null,
      ageSeconds: null,
      fresh: false,
      stale,
      suspect,
      elapsedSeconds: 0,
    };
  }
  if (model.startedAtMs === 0) begin(model, sample, spec);
  const fresh = measured > model.lastMeasuredMs;
  const seen = { sample, demand, ageSeconds: Math.max(0, ageMs / 1000), fresh, stale, suspect };
  if (!fresh) return { ...seen, elapsedSeconds: 0 };
  const elapsedSeconds = elapsedOf(model, sample, measured);
  seen.stale ||= spansGap(model, sample, elapsedSeconds);
  takeIn(model, seen, elapsedSeconds, spec);
  return { ...seen, elapsedSeconds };
}

function elapsedOf(model: Model, sample: Sample, measured: number): number {
  if (model.lastMeasuredMs === 0) return (sample.windowMs ?? sample.intervalMs) / 1000;
  return Math.max(0.05, Math.min(3600, (measured - model.lastMeasuredMs) / 1000));
}

/** Seconds between two new samples beyond which some are missing, whatever the source's own beat. */
const GAP_BEATS = 4;
const gapSeconds = ({ intervalMs }: Sample): number => (GAP_BEATS * intervalMs) / 1000 + 30;

/** Seconds between two new samples beyond which there was a gap. */
const usualElapsed = ({ series }: Model, sample: Sample): number =>
  Math.max(gapSeconds(sample), GAP_BEATS * series.windowSeconds);

/** Nobody knows when in a gap demand rose: no slope is measured across it, nor from a mean over it. */
function forgetSlope(
  { series }: Model,
  sample: Sample,
  { gap, elapsed }: { gap: boolean; elapsed: number },
): void {
  const afterGap = series.windowSeconds > Math.max(gapSeconds(sample), GAP_BEATS * elapsed);
  if (!gap && !afterGap) return;
  series.rate = -1;
  series.rateBefore = -1;
}

/** A window that covers this share of a gap is a mean over it. */
const MOST_OF_GAP = 0.9;

/** A mean over a gap in the telemetry, or over a jump of the clock, says nothing about now. */
const spansGap = (model: Model, sample: Sample, elapsed: number): boolean =>
  elapsed > usualElapsed(model, sample) && (sample.windowMs ?? 0) >= 1000 * MOST_OF_GAP * elapsed;

function takeIn(
  model: Model,
  seen: { sample: Sample; demand: number; ageSeconds: number },
  elapsed: number,
  spec: PolicySpec,
): void {
  const { sample } = seen;
  const demand = Math.min(seen.demand, DEMAND_FLEETS * spec.maxReplicas * capacityOf(model));
  const measured = sample.measuredAtMs ?? sample.atMs;
  // What spans a gap in the telemetry has no outcome that could be trusted.
  const gap = elapsed > usualElapsed(model, sample);
  const spans = spansGap(model, sample, elapsed);
  if (gap) {
    model.pendingForecasts = [];
    model.pendingDecisions = [];
  }
  forgetSlope(model, sample, { gap, elapsed });
  adjustBlock(model, sample);
  if (model.seasonSeconds !== spec.seasonSeconds) beginSeason(model, sample, spec);
  if (model.series.times.length === 0) {
    model.series.times.push(measured - elapsed * 1000);
    model.series.counts.push(model.series.total);
  }
  addToSeries(model.series, demand, measured, elapsed);
  addToSeason(model, measured - elapsed * 500, toLog(model.series, demand), {
    season: model.seasonSeconds,
    elapsed,
  });
  // The CPU of now does not go with a mean over a gap.
  const seconds = gap ? Math.min(elapsed, (sample.windowMs ?? Infinity) / 1000) : elapsed;
  if (!spans) learnWorkload(model, sample, seconds);
  countOutcome(model, sample, elapsed, spec);
  noteDelay(model.delay.age, seen.ageSeconds);
  noteNeed(model, demand, elapsed);
  model.lastMeasuredMs = measured;
}

/** Running mean of demand over a week of seasons. */
function noteNeed(model: Model, demand: number, elapsed: number): void {
  const { plan } = model;
  const keep = Math.exp(-elapsed / (7 * model.seasonSeconds));
  plan.need = plan.need * keep + demand * (1 - keep);
  plan.needWeight = plan.needWeight * keep + (1 - keep);
}
