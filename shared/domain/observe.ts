// Takes one sample in: what of it can be believed, and what it adds to the model.
import { CAPACITY_PRIOR, OFFSET_IN_PODS, STALE_MS, WARMUP_SEASONS } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { toLog } from './features.ts';
import { at, sane, zeros } from './maths.ts';
import type { Model } from './model.ts';
import { countOutcome } from './price.ts';
import { addToSeason, seasonBins } from './season.ts';
import { addToSeries, blockSeconds, newSeries } from './series.ts';
import { MEASURES, type Sample } from './types.ts';
import { learnStartups, learnWorkload, startupSeconds } from './workload.ts';

/** Clocks of source and observer may differ by this much before the age is not believed. */
const SKEW_MS = 5_000;
/** No service is asked for more; larger numbers are a broken source. */
const DEMAND_MAX = 1e9;
/** Decayed means of delays remember about this many samples. */
const DELAY_MEMORY = 1 / 200;
/** Rates that are away for this long, and six beats, are not expected back. */
const RATE_GONE_SECONDS = 180;
/** Rates that stay for this long after a time without are taken up again. */
const RATE_STAYS_SECONDS = 1800;
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

/** The sample with every number that cannot be true turned into null. */
function cleaned(sample: Sample): Sample {
  const { desired, ready, starting, draining } = sample.replicas;
  const rate = sane(sample.requestsPerSecond);
  return {
    atMs: sample.atMs,
    measuredAtMs: sane(sample.measuredAtMs),
    windowMs: sane(sample.windowMs),
    requestsPerSecond: rate !== null && rate > DEMAND_MAX ? null : rate,
    requests: sane(sample.requests),
    lateRatio: sane(sample.lateRatio),
    failedRatio: sane(sample.failedRatio),
    latencyP95Ms: sane(sample.latencyP95Ms),
    cpuUtilization: sane(sample.cpuUtilization),
    memoryUtilization: sane(sample.memoryUtilization),
    inFlight: sane(sample.inFlight),
    lagMessages: sane(sample.lagMessages),
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

/**
 * The unit that demand is to be counted in from now on. The first scrape of a counter has no rate yet,
 * only CPU; a source that is edited, or cut off, may have none any more. A rate that comes up during the
 * warm-up is taken at once, a later one when it has stayed. Once rates are gone for good CPU is left:
 * with full pods and nothing but rates to look at, nobody would ever act.
 */
function unitFor(model: Model, sample: Sample): Model['demandUnit'] {
  const { demandUnit } = model;
  const rated = sample.requestsPerSecond !== null;
  const other = demandUnit === 'pods' ? rated : !rated && sample.cpuUtilization !== null;
  if (!other) {
    model.otherUnitSinceMs = 0;
    return demandUnit;
  }
  if (model.otherUnitSinceMs === 0) model.otherUnitSinceMs = sample.atMs;
  const seconds = (sample.atMs - model.otherUnitSinceMs) / 1000;
  if (demandUnit === 'requests') {
    const gone = Math.max(RATE_GONE_SECONDS, (6 * sample.intervalMs) / 1000);
    return seconds > gone ? 'pods' : 'requests';
  }
  const warmUntil = model.startedAtMs + WARMUP_SEASONS * model.seasonSeconds * 1000;
  return sample.atMs < warmUntil || seconds > RATE_STAYS_SECONDS ? 'requests' : 'pods';
}

/** Counts in another unit: what is relative to it stays learned. The fleet rests for a cooldown. */
function changeUnit(
  model: Model,
  sample: Sample,
  unit: Model['demandUnit'],
  spec: PolicySpec,
): void {
  model.demandUnit = unit;
  model.otherUnitSinceMs = 0;
  model.lastMeasuredMs = 0;
  model.series = newSeries();
  forgetPending(model);
  model.plan.need = 0;
  model.plan.needWeight = 0;
  model.plan.changedAtMs = sample.atMs;
  model.keep.mu = Math.log(DEMAND_MAX); // nothing was forecast in this unit: nothing surprises
  for (const forecaster of [model.up, model.keep]) {
    forecaster.outcomes = 0; // what came true in the other unit proves nothing in this one
    forecaster.covered.fill(0);
  }
  setUnit(model, sample, spec);
}

function forgetPending(model: Model): void {
  model.pendingForecasts = [];
  model.pendingDecisions = [];
  model.nextSnapshotMs = 0;
  model.nextOutcomeMs = 0;
}

/** The clock was set back: what carries a time of the future would wait until that has come. */
function turnBack(model: Model, nowMs: number): void {
  const { plan, price, workload } = model;
  forgetPending(model);
  model.lastMeasuredMs = 0;
  model.otherUnitSinceMs = 0;
  model.series.times = [];
  model.series.counts = [];
  model.peers = null;
  Object.assign(plan, { upTimes: [], upPods: [], addedMs: [], added: [], dipUntilMs: 0 });
  plan.changedAtMs = Math.min(plan.changedAtMs, nowMs);
  price.updatedMs = Math.min(price.updatedMs, nowMs);
  workload.steadySinceMs = Math.min(workload.steadySinceMs, nowMs);
  model.startedAtMs = Math.min(model.startedAtMs, nowMs);
}

function demandOf(model: Model, sample: Sample): number | null {
  const { requestsPerSecond, cpuUtilization, replicas } = sample;
  if (model.demandUnit === 'requests') return requestsPerSecond;
  if (cpuUtilization === null || replicas.ready === 0) return null;
  return cpuUtilization * replicas.ready;
}

/** An empty profile: nothing of another season, or of another unit, fits its parts. */
function beginSeason(model: Model, sample: Sample, spec: PolicySpec): void {
  const parts = seasonBins(spec.seasonSeconds, sample.intervalMs / 1000);
  model.seasonSeconds = spec.seasonSeconds;
  model.season = { bins: zeros(parts), visits: zeros(parts), bin: -1, sum: 0, weight: 0 };
}

/** Sets up what depends on the first sample: block, season and the unit of demand. */
function begin(model: Model, sample: Sample, spec: PolicySpec): void {
  model.startedAtMs = sample.atMs;
  setUnit(model, sample, spec);
}

function setUnit(model: Model, sample: Sample, spec: PolicySpec): void {
  beginSeason(model, sample, spec);
  adjustBlock(model, sample);
  model.series.offset = OFFSET_IN_PODS * firstCapacity(model, sample);
}

/** A first idea of what a pod carries: only the scale of the logarithm's offset hangs on it. */
function firstCapacity(model: Model, sample: Sample): number {
  if (model.demandUnit === 'pods') return 1;
  const busy = (sample.cpuUtilization ?? 0) * sample.replicas.ready;
  const rate = sample.requestsPerSecond ?? 0;
  return busy > 0.02 && rate > 0 ? rate / busy : CAPACITY_PRIOR;
}

/** Follows the learned start-up time; a block changes only when it is off by a third. */
function adjustBlock(model: Model, sample: Sample): void {
  const wanted = blockSeconds(sample.intervalMs / 1000, startupSeconds(model, 0));
  const old = model.series.blockSeconds;
  if (old === 0 || Math.abs(Math.log(wanted / old)) > 0.3) model.series.blockSeconds = wanted;
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

/** What the sample must be counted in, by a clock that may have been set back. */
function takeUnit(model: Model, sample: Sample, spec: PolicySpec): void {
  if (sample.atMs < model.lastAtMs - SKEW_MS) turnBack(model, sample.atMs);
  if (model.startedAtMs === 0) {
    model.demandUnit = sample.requestsPerSecond === null ? 'pods' : 'requests';
    return;
  }
  const unit = unitFor(model, sample);
  if (unit !== model.demandUnit) changeUnit(model, sample, unit, spec);
}

/** Believes what can be believed of a sample and takes it into the model. */
export function observe(model: Model, raw: Sample, spec: PolicySpec): Seen {
  const sample = cleaned(raw);
  const suspect = isSuspect(raw, sample);
  learnStartups(model, sample.startups);
  takeUnit(model, sample, spec);
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

/** Seconds between two new samples beyond which there was a gap. */
const usualElapsed = ({ series }: Model, { intervalMs }: Sample): number =>
  Math.max((4 * intervalMs) / 1000 + 30, 4 * series.windowSeconds);

/** A mean over a gap in the telemetry, or over a jump of the clock, says nothing about now. */
const spansGap = (model: Model, sample: Sample, elapsed: number): boolean =>
  elapsed > usualElapsed(model, sample) && (sample.windowMs ?? 0) >= 900 * elapsed;

function takeIn(
  model: Model,
  seen: { sample: Sample; demand: number; ageSeconds: number },
  elapsed: number,
  spec: PolicySpec,
): void {
  const { sample, demand } = seen;
  const measured = sample.measuredAtMs ?? sample.atMs;
  // What spans a gap in the telemetry has no outcome that could be trusted.
  if (elapsed > usualElapsed(model, sample)) {
    model.pendingForecasts = [];
    model.pendingDecisions = [];
  }
  adjustBlock(model, sample);
  if (model.seasonSeconds !== spec.seasonSeconds) beginSeason(model, sample, spec);
  if (model.series.times.length === 0) {
    model.series.times.push(measured - elapsed * 1000);
    model.series.counts.push(0);
  }
  addToSeries(model.series, demand, measured, elapsed);
  addToSeason(model, measured - elapsed * 500, toLog(model.series, demand), {
    season: model.seasonSeconds,
    elapsed,
  });
  learnWorkload(model, sample, elapsed);
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
