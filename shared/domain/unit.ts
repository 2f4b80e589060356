// What demand is counted in, requests per second or busy pods where nothing counts requests, and what
// begins again when that, the season or the clock changes.
import { CAPACITY_PRIOR, OFFSET_IN_PODS, WARMUP_SEASONS } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { zeros } from './maths.ts';
import type { Model } from './model.ts';
import { seasonBins } from './season.ts';
import { blockSeconds, newSeries } from './series.ts';
import type { Sample } from './types.ts';
import { startupSeconds } from './workload.ts';

/** Clocks of source and observer may differ by this much before the age is not believed. */
export const SKEW_MS = 5_000;
/** No service is asked for more; larger numbers are a broken source. */
export const DEMAND_MAX = 1e9;
/** Rates that are away for this long, and six beats, are not expected back. */
const RATE_GONE_SECONDS = 180;
/** Rates that stay for this long after a time without are taken up again. */
const RATE_STAYS_SECONDS = 1800;

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
  const gone = Math.max(RATE_GONE_SECONDS, (6 * sample.intervalMs) / 1000);
  if (demandUnit === 'requests') return seconds > gone ? 'pods' : 'requests';
  const warmUntil = model.startedAtMs + WARMUP_SEASONS * model.seasonSeconds * 1000;
  const stays = sample.cpuUtilization === null ? gone : RATE_STAYS_SECONDS; // nothing else to go by
  return sample.atMs < warmUntil || seconds > stays ? 'requests' : 'pods';
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
  Object.assign(plan, {
    upTimes: [],
    upPods: [],
    fleet: -1,
    addedMs: [],
    added: [],
    dipUntilMs: 0,
  });
  plan.changedAtMs = Math.min(plan.changedAtMs, nowMs);
  price.updatedMs = Math.min(price.updatedMs, nowMs);
  workload.steadySinceMs = Math.min(workload.steadySinceMs, nowMs);
  model.startedAtMs = Math.min(model.startedAtMs, nowMs);
}

/** Demand in the model's unit; null where it is not known. */
export function demandOf(model: Model, sample: Sample): number | null {
  const { requestsPerSecond, cpuUtilization, replicas } = sample;
  if (model.demandUnit === 'requests') return requestsPerSecond;
  if (cpuUtilization === null || replicas.ready === 0) return null;
  return cpuUtilization * replicas.ready;
}

/** An empty profile: nothing of another season, or of another unit, fits its parts. */
export function beginSeason(model: Model, sample: Sample, spec: PolicySpec): void {
  const parts = seasonBins(spec.seasonSeconds, sample.intervalMs / 1000);
  model.seasonSeconds = spec.seasonSeconds;
  model.season = { bins: zeros(parts), visits: zeros(parts), bin: -1, sum: 0, weight: 0 };
}

/** Sets up what depends on the first sample: block, season and the unit of demand. */
export function begin(model: Model, sample: Sample, spec: PolicySpec): void {
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
export function adjustBlock(model: Model, sample: Sample): void {
  const wanted = blockSeconds(sample.intervalMs / 1000, startupSeconds(model, 0));
  const old = model.series.blockSeconds;
  if (old === 0 || Math.abs(Math.log(wanted / old)) > 0.3) model.series.blockSeconds = wanted;
}

/** Begins again what this sample makes worthless: times of a clock set back since, another unit. */
export function beginAgain(model: Model, sample: Sample, spec: PolicySpec): void {
  if (sample.atMs < model.lastAtMs - SKEW_MS) turnBack(model, sample.atMs);
  if (model.startedAtMs === 0) {
    model.demandUnit = sample.requestsPerSecond === null ? 'pods' : 'requests';
    return;
  }
  const unit = unitFor(model, sample);
  if (unit !== model.demandUnit) changeUnit(model, sample, unit, spec);
}
