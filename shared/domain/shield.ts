// The shield: what stands between a plan and a change. Up at once; down only when it is proven.
import { RECENT_UP_BLOCKS } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { orderPods, type Plans } from './propose.ts';
import { CENSORED, forbidden, type Stop } from './forbid.ts';
import { COVERAGE_LEVELS } from './forecast.ts';
import { at } from './maths.ts';
import type { Model } from './model.ts';
import { riskOf, totalOf } from './plan.ts';
import { churnPrice } from './price.ts';
import type { Constraint, DecideOptions, Reason, Sample } from './types.ts';
import { startupSeconds } from './workload.ts';

/** Name under which the guardrail stands in the record. */
const GUARD = 'guardrail';
/** A pod that has not become ready in this many start-up times is not coming. */
const LATE_STARTS = 2;
/** Launches that are remembered apart. */
const LAUNCHES_MAX = 40;
/** More pods are started in the place of such, up to this share of those that serve. */
const LATE_SHARE = 0.25;
/** Floors that nobody renews for this long are given back, milliseconds. */
const PLAN_FORGOTTEN_MS = 600_000;
/** Outcomes after which coverage is judged, and how far it may be off at 90 %. */
const COVERAGE_OUTCOMES = 60;
const COVERAGE_TOLERANCE = 0.05;

export interface Shielded {
  kind: 'scale' | 'hold';
  reason: Reason;
  from: number;
  to: number;
  constraints: Constraint[];
}

/**
 * Pods that should have been ready by now and are not: they carry nothing, so more are needed. The pods
 * that a rollout starts beside those that serve are none of them. Where many do not start, more of
 * the same would not either: it is their image or their node.
 */
function lateStarters(model: Model, plans: Plans): number {
  const { plan } = model;
  noteLaunches(model, plans.seen.sample);
  const since = plans.seen.sample.atMs - LATE_STARTS * startupSeconds(model) * 1000;
  while (plan.addedMs.length > 0 && at(plan.addedMs, 0) < since) {
    plan.addedMs.shift();
    plan.added.shift();
  }
  let recent = 0;
  for (const added of plan.added) recent += added;
  const { desired, ready, starting } = plans.seen.sample.replicas;
  const most = Math.ceil(LATE_SHARE * ready);
  return Math.max(0, Math.min(starting - recent, desired - ready, most));
}

/** Notes the pods that were asked for since the last sample, by whomever. */
function noteLaunches({ plan }: Model, { atMs, replicas }: Sample): void {
  const launched = plan.fleet < 0 ? replicas.starting : replicas.desired - plan.fleet;
  plan.fleet = replicas.desired;
  if (launched <= 0) return;
  plan.addedMs.push(atMs);
  plan.added.push(launched);
  if (plan.added.length <= LAUNCHES_MAX) return;
  plan.addedMs.shift(); // the oldest two become one, of the later time
  plan.added.splice(0, 2, at(plan.added, 0) + at(plan.added, 1));
}

/** Largest answer of UP in the last two thirds of a block. */
function recentUp(model: Model, pods: number, nowMs: number): number {
  const { plan, series } = model;
  const since = nowMs - RECENT_UP_BLOCKS * series.blockSeconds * 1000;
  while (plan.upTimes.length > 0 && at(plan.upTimes, 0) < since) {
    plan.upTimes.shift();
    plan.upPods.shift();
  }
  while (plan.upPods.length > 0 && at(plan.upPods, plan.upPods.length - 1) <= pods) {
    plan.upTimes.pop();
    plan.upPods.pop();
  }
  plan.upTimes.push(nowMs);
  plan.upPods.push(pods);
  return at(plan.upPods, 0);
}

/** True when forecasts came true as often as they should, by enough outcomes. */
function calibrated(model: Model): boolean {
  const { covered, outcomes } = model.keep;
  if (outcomes < COVERAGE_OUTCOMES) return false;
  const level = at(COVERAGE_LEVELS, 2);
  const noise = 2 * Math.sqrt((level * (1 - level)) / Math.min(outcomes, 500));
  return at(covered, 2) / outcomes > level - COVERAGE_TOLERANCE - noise;
}

/** HPA's plain answer on the same CPU, for the warm-up; 0 where CPU is not known. */
function plainHpa(plans: Plans, spec: PolicySpec): number {
  const { cpuUtilization, replicas } = plans.seen.sample;
  if (cpuUtilization === null) return 0;
  return Math.ceil((cpuUtilization * replicas.ready * 100) / spec.targetCPUUtilizationPercentage);
}

/**
 * Least pods that may be left before the cooldown ends: KEEP's tail there is no more than what one
 * pod is worth. Without proof (young, badly calibrated) nothing may be taken away.
 */
function provenPods(model: Model, plans: Plans, from: number, wanted: number): number {
  if (!calibrated(model)) return from;
  const { keep } = plans;
  const accepted = 1 / (keep.k * keep.mean);
  let pods = wanted;
  while (pods < from && riskOf(keep, pods) > accepted) pods++;
  return pods;
}

/**
 * What keeping spare pods has cost against what a change costs: ski rental, at most twice the best
 * (Karlin et al. 1988).
 */
function worthDropping(
  model: Model,
  plans: Plans,
  { spec, from }: { spec: PolicySpec; from: number },
  to: number,
): boolean {
  if (model.off.includes('churn')) return true;
  const { keep } = plans;
  const gain = Math.max(0, totalOf(keep, from) - totalOf(keep, to));
  const minutes = Math.max(plans.seen.elapsedSeconds, plans.delay.intervalSeconds) / 60;
  model.plan.regret += gain * minutes;
  return model.plan.regret >= churnPrice(model, spec) / Math.sqrt(keep.mean);
}

/**
 * The number that a decision starts from: the replicas where we own them, else what we asked for last,
 * unless that is so old that a floor made of it has been given back since.
 */
export function currentOf(model: Model, { atMs, replicas }: Sample, spec: PolicySpec): number {
  const { last } = model.plan;
  const forgotten = last < 0 || atMs - model.lastAtMs > PLAN_FORGOTTEN_MS;
  return spec.mode === 'act' || forgotten ? replicas.desired : last;
}

/** Collects what bit, in order. */
class Trail {
  readonly constraints: Constraint[] = [];
  to: number;
  constructor(to: number) {
    this.to = to;
  }
  move(to: number, { name, detail }: Stop): void {
    if (to === this.to) return;
    this.constraints.push({ name, detail: detail(), from: this.to, to });
    this.to = to;
  }
}

function lower(
  model: Model,
  plans: Plans,
  context: { spec: PolicySpec; options: DecideOptions; from: number },
  trail: Trail,
): void {
  const { spec, options, from } = context;
  for (const stop of forbidden(model, plans, spec, options)) {
    const hpa = stop.name === 'warm-up' ? plainHpa(plans, spec) : 0;
    trail.move(Math.max(from, Math.min(hpa, spec.maxReplicas)), stop);
    if (trail.to >= from) return;
  }
  const nowMs = plans.seen.sample.atMs;
  const rested = nowMs - model.plan.changedAtMs >= spec.cooldownSeconds * 1000;
  if (!rested) {
    const proven = provenPods(model, plans, from, trail.to);
    const seconds = Math.round((nowMs - model.plan.changedAtMs) / 1000);
    trail.move(proven, {
      name: 'cooldown',
      detail: () =>
        `${seconds} s of ${spec.cooldownSeconds} s since the last change, and not proven safe`,
    });
  }
  if (trail.to < from && !worthDropping(model, plans, context, trail.to)) {
    trail.move(from, { name: 'churn', detail: () => 'the saving does not pay for the change yet' });
  }
}

/** The reason that a hold gives for the constraint that made it. */
const HOLD_REASONS: Partial<Record<Constraint['name'], Reason>> = {
  cooldown: 'cooldown',
  'data-stale': 'no-data',
  'data-missing': 'no-data',
  'warm-up': 'warm-up',
  'held-by-advice': 'held',
  'max-replicas': 'bounds',
};

function holdReason(plans: Plans, { constraints }: Trail): Reason {
  if (plans.seen.stale) return 'no-data';
  return HOLD_REASONS[constraints.at(-1)?.name ?? 'churn'] ?? 'at-target';
}

function reasonOf(plans: Plans, from: number, trail: Trail, spec: PolicySpec): Reason {
  const { to } = trail;
  if (to < from) return from > spec.maxReplicas ? 'bounds' : 'spare';
  if (to === from) return holdReason(plans, trail);
  if (to === spec.minReplicas && plans.upPods < to) return 'bounds';
  const guarded = trail.constraints.some(({ name }) => name === GUARD || name === CENSORED);
  return guarded ? 'guardrail' : 'demand';
}

function note({ plan }: Model, nowMs: number, { from, to }: { from: number; to: number }): void {
  plan.last = to;
  if (to === from) return;
  plan.changedAtMs = nowMs;
  plan.regret = 0;
}

/** What is wanted before anything forbids it: UP and the guardrail, or KEEP on the way down. */
function want(model: Model, plans: Plans, spec: PolicySpec, from: number): Trail {
  const trail = new Trail(plans.upPods);
  if (plans.upPods > from) {
    trail.move(orderPods(model, plans, spec), {
      name: 'churn',
      detail: () => 'one change instead of several: a change has a price too',
    });
  }
  trail.move(Math.max(trail.to, plans.guardPods), {
    name: plans.guard.censoredPods > 0 ? CENSORED : GUARD,
    detail: () => `what is certain now needs ${plans.guardPods}`,
  });
  const late = lateStarters(model, plans);
  trail.move(trail.to + late, {
    name: 'not-ready',
    detail: () => `${late} of the pods asked for should be ready by now`,
  });
  const kept = recentUp(model, trail.to, plans.seen.sample.atMs);
  if (trail.to < from) {
    const keepPods = model.off.includes('keep') ? 0 : plans.keepPods + late;
    trail.to = Math.min(from, Math.max(trail.to, keepPods, kept));
  }
  bound(trail, spec);
  return trail;
}

/** Lets the plan through as far as it is safe, and says what stood against it. */
export function shield(
  model: Model,
  plans: Plans,
  spec: PolicySpec,
  options: DecideOptions,
): Shielded {
  const from = currentOf(model, plans.seen.sample, spec);
  const trail = want(model, plans, spec, from);
  if (trail.to < from) lower(model, plans, { spec, options, from }, trail);
  else model.plan.regret = 0;
  bound(trail, spec);
  const { constraints, to } = trail;
  const reason = reasonOf(plans, from, trail, spec);
  note(model, plans.seen.sample.atMs, { from, to });
  return { kind: to === from ? 'hold' : 'scale', reason, from, to, constraints };
}

function bound(trail: Trail, spec: PolicySpec): void {
  trail.move(Math.max(trail.to, spec.minReplicas), {
    name: 'min-replicas',
    detail: () => `the policy asks for at least ${spec.minReplicas}`,
  });
  trail.move(Math.min(trail.to, spec.maxReplicas), {
    name: 'max-replicas',
    detail: () => `the policy allows at most ${spec.maxReplicas}`,
  });
}
