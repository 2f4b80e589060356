// What one pod can do, learned from rate, CPU, latency and ready times.
import {
  LATE_BLOCK,
  LATE_MINUTE,
  STARTUP_PRIOR_SECONDS,
  STARTUP_SPREAD,
  Z90,
} from './constants.ts';
import {
  capacityKnown,
  capacityOf,
  countYoung,
  learnBound,
  learnCapacity,
  newCapacity,
} from './capacity.ts';
import type { PolicySpec } from '../events/index.ts';
import {
  estimateKnee,
  isBacklog,
  KNEE_HIGH,
  learnLateness,
  newLateness,
  type KneeEstimate,
} from './lateness.ts';
import { at, clamp } from './maths.ts';
import type { Model, Workload } from './model.ts';
import { HPA_TOLERANCE } from './peers/hpa.ts';
import type { Sample } from './types.ts';

/** A fleet that changes by no more is the same fleet: of hundreds of pods one is always on its way. */
const FLEET_CHANGE = 0.02;
/** CPU below which late requests are not those of a full pod. */
const BUSY = 0.7;
/** An overload is forgotten after so many blocks. */
const RECOVERY_BLOCKS = 2;
/** Pods are filled to this share of the user's CPU target at least: latency alone never makes more of them. */
const KNEE_LEAST = 0.5;

export const newWorkload = (): Workload => ({
  ...newCapacity(),
  ...newLateness(),
  block: [0, 0, 0, 0],
  startupMean: Math.log(STARTUP_PRIOR_SECONDS),
  startupVariance: STARTUP_SPREAD ** 2,
  startups: 0,
  ready: 0,
  steadySinceMs: 0,
});

export interface Knee extends KneeEstimate {
  /** What the planner fills pods to: LATE_BLOCK late, one deviation below the estimate. */
  used: number;
}

/** Fill at which a block makes its minute violating. */
const blockKnee = (knee: number, slope: number): number =>
  knee + Math.log(LATE_BLOCK / LATE_MINUTE) / slope;

/**
 * Fill of a pod while latency has not spoken: the user's CPU target. With CPU alone it never will,
 * and then the HPA's own tolerance counts as well: it would leave a use that much above alone.
 */
function kneeUnknown(model: Model, spec: PolicySpec): number {
  const target = spec.targetCPUUtilizationPercentage / 100;
  const accepted = model.demandUnit === 'pods' ? target * (1 + HPA_TOLERANCE) : target;
  return Math.min(accepted, KNEE_HIGH);
}

export function kneeOf(model: Model, spec: PolicySpec): Knee {
  if (model.told !== undefined) {
    const { knee, slope } = model.told;
    return { value: knee, deviation: 0, used: blockKnee(knee, slope), slope };
  }
  const estimate = estimateKnee(model.workload);
  const filled = blockKnee(estimate.value, estimate.slope) - estimate.deviation;
  const least = KNEE_LEAST * (spec.targetCPUUtilizationPercentage / 100);
  const learned = clamp(filled, least, KNEE_HIGH);
  const used = model.workload.lateSamples === 0 ? kneeUnknown(model, spec) : learned;
  return { ...estimate, used };
}

/** Log units: a start three times as slow as usual. */
const STARTUP_OUTLIER = Math.log(3);

/** A pod that took longer was ready before, or its clock is wrong. */
const STARTUP_SECONDS_MAX = 3600;

/** p90 of the time from creation to ready, seconds. */
export const startupSeconds = (model: Model, z = Z90): number =>
  Math.exp(model.workload.startupMean + z * Math.sqrt(model.workload.startupVariance));

export function learnStartups(model: Model, startups: readonly number[]): void {
  const { workload } = model;
  for (const seconds of startups) {
    if (!(seconds > 0 && seconds <= STARTUP_SECONDS_MAX)) continue;
    const gain = Math.max(0.05, 1 / (workload.startups + 2));
    // A pod that was not ready for a while and came back looks like a very slow start: it may move the
    // estimate no more than an honest threefold one.
    const bound = workload.startups < 3 ? Infinity : STARTUP_OUTLIER;
    const surprise = Math.log(Math.max(0.1, seconds)) - workload.startupMean;
    const error = Math.min(bound, Math.max(-bound, surprise));
    workload.startupMean += (workload.startups === 0 ? 0.9 : gain) * error;
    const spread = workload.startups === 0 ? STARTUP_SPREAD ** 2 : error * error;
    workload.startupVariance += gain * (spread - workload.startupVariance);
    workload.startupVariance = Math.max(workload.startupVariance, 0.05 ** 2);
    workload.startups++;
  }
}

/** Learns capacity and latency from one fresh sample of a fleet that was steady in its window. */
export function learnWorkload(model: Model, sample: Sample, seconds: number): void {
  const { workload } = model;
  const { ready } = sample.replicas;
  const measuredMs = sample.measuredAtMs ?? sample.atMs;
  if (Math.abs(ready - workload.ready) > FLEET_CHANGE * ready) {
    workload.ready = ready;
    workload.steadySinceMs = sample.atMs;
  }
  countYoung(model, sample, seconds);
  if (model.demandUnit === 'requests') learnBound(model, sample, seconds);
  const windowMs = sample.windowMs ?? seconds * 1000;
  // The backlog of an overload makes requests late long after use is back to normal.
  if (overloaded(model, sample)) {
    workload.steadySinceMs = measuredMs + RECOVERY_BLOCKS * model.series.blockSeconds * 1000;
  }
  if (ready === 0 || measuredMs - windowMs < workload.steadySinceMs) {
    workload.block = [0, 0, 0, 0];
    return;
  }
  learnCapacity(model, sample, seconds);
  if (capacityKnown(model)) gather(model, sample, seconds);
}

/**
 * Whether more came than was served. CPU, where it is known, has the word: use by a wrong capacity would
 * keep the capacity from ever being learned, and requests that are late at half of the CPU wait for
 * something else.
 */
function overloaded(model: Model, sample: Sample): boolean {
  const { cpuUtilization: cpu, lateRatio } = sample;
  if (!cpu) return isBacklog(utilisation(model, sample), lateRatio ?? 0);
  return isBacklog(cpu, cpu > BUSY ? (lateRatio ?? 0) : 0);
}

/** True where demand moved by more than noise and a fifth: its mean then hides its peak. */
function moving({ series, demandUnit }: Model): boolean {
  const noise = demandUnit === 'pods' ? 0 : Math.sqrt(series.rate / series.windowSeconds);
  return Math.abs(series.rate - series.rateBefore) > 0.2 * series.rate + 3 * noise;
}

/** A window longer than the time since the last look by this reaches back to what that look told. */
const OVERLAP = 1.5;

/** Requests since the last look: each late one of a source whose windows overlap would count several times. */
function requestsOf({ requests, windowMs }: Sample, seconds: number): number | null {
  if (requests === null || windowMs === null) return requests;
  const overlaps = windowMs > OVERLAP * seconds * 1000;
  return overlaps ? (requests * seconds * 1000) / windowMs : requests;
}

/**
 * Sums samples of one steady fleet to a block before lateness is learned from them: a rate over
 * two seconds is so noisy that the slope would come out too flat and the knee too high.
 */
function gather(model: Model, sample: Sample, seconds: number): void {
  const { workload, series } = model;
  const { ready } = sample.replicas;
  const use = utilisation(model, sample);
  if (use === null || sample.lateRatio === null) return;
  if (moving(model)) {
    workload.block = [0, 0, 0, 0];
    return;
  }
  const requests = requestsOf(sample, seconds) ?? use * ready * capacityOf(model) * seconds;
  const sums = [seconds, use * seconds, requests, requests * Math.min(1, sample.lateRatio)];
  const block = workload.block.map((value, i) => value + at(sums, i));
  const full = at(block, 0) >= series.blockSeconds * 0.99;
  workload.block = full ? [0, 0, 0, 0] : block;
  if (!full) return;
  const [total, uses, all, late] = [at(block, 0), at(block, 1), at(block, 2), at(block, 3)];
  learnLateness(workload, { seconds: total, use: uses / total, requests: all, late });
}

/** Demand over what the ready pods can do; null where either is unknown. */
function utilisation(model: Model, sample: Sample): number | null {
  const { ready } = sample.replicas;
  if (sample.requestsPerSecond === null) return sample.cpuUtilization;
  return ready > 0 ? sample.requestsPerSecond / (ready * capacityOf(model)) : null;
}
