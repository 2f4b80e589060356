// The full record of one decision: why 8 and not 7 or 9.
import { MULTIPLIERS, epsilonOf, greedyAction } from './q-learning.ts';
import type { Decision, PolicySpec } from '../events/index.ts';
import { counterfactualOf } from './counterfactual.ts';
import type { Plans } from './propose.ts';
import { explain } from './explain.ts';
import { COVERAGE_LEVELS, type Outlook } from './forecast.ts';
import { fromLog, toLog } from './features.ts';
import { at, clamp } from './maths.ts';
import type { Forecaster, Model } from './model.ts';
import type { Seen } from './observe.ts';
import { riskOf, type Situation } from './plan.ts';
import { basePrice, budgetBurn } from './price.ts';
import { quantile } from './shape.ts';
import type { DecisionRecord, Verdict } from './types.ts';
import { startupSeconds } from './workload.ts';

/** Numbers of pods shown on either side of the plan. */
const OPTIONS_BESIDE = 6;
/** Points of the forecast's path. */
const PATH_POINTS = 8;

const LEVELS = { q02: 0.98, q10: 0.9, q50: 0.5, q80: 0.2, q90: 0.1, q98: 0.02 } as const;

function quantilesOf(model: Model, plan: Situation) {
  const { forecaster, tail } = plan;
  const value = (level: number): number =>
    fromLog(model.series, forecaster.mu + forecaster.sigma * quantile(tail, level));
  return {
    q02: value(LEVELS.q02),
    q10: value(LEVELS.q10),
    q50: value(LEVELS.q50),
    q80: value(LEVELS.q80),
    q90: value(LEVELS.q90),
    q98: value(LEVELS.q98),
  };
}

/** Median and bands from now to the end of the control delay: the spread grows like a walk's. */
function pathOf(model: Model, plans: Plans, outlook: Outlook) {
  const { forecaster, tail } = plans.up;
  const now = toLog(model.series, plans.seen.demand ?? 0);
  const nowMs = plans.seen.sample.atMs;
  return Array.from({ length: PATH_POINTS + 1 }, (_, i) => {
    const share = i / PATH_POINTS;
    const middle = now + share * (forecaster.mu - now);
    const spread = forecaster.sigma * Math.sqrt(share);
    const value = (level: number): number =>
      fromLog(model.series, middle + spread * quantile(tail, level));
    return {
      atMs: Math.round(nowMs + share * outlook.horizonSeconds * 1000),
      q02: value(LEVELS.q02),
      q10: value(LEVELS.q10),
      q50: value(LEVELS.q50),
      q90: value(LEVELS.q90),
      q98: value(LEVELS.q98),
    };
  });
}

function optionsOf(plans: Plans, spec: PolicySpec, to: number): Decision['options'] {
  const plan = plans.up;
  const first = Math.max(0, Math.min(to, plans.upPods) - OPTIONS_BESIDE);
  const last = Math.min(spec.maxReplicas, Math.max(to, plans.upPods) + OPTIONS_BESIDE);
  const step = Math.max(1, Math.ceil((last - first) / 40));
  // Steps over a large fleet must not pass over what was wanted, what was decided, and the next ones.
  const beside = [plans.upPods, to].flatMap((pods) => [pods - 1, pods, pods + 1]);
  const shown = new Set(beside.filter((pods) => pods >= first && pods <= last));
  for (let replicas = first; replicas <= last; replicas += step) shown.add(replicas);
  const sorted = [...shown].sort((one, other) => one - other);
  return sorted.map((replicas) => {
    const cost = (plan.podPrice * replicas) / plan.mean;
    const overloadProbability = clamp(riskOf(plan, replicas), 0, 1);
    const risk = plan.k * overloadProbability;
    return { replicas, cost, risk, total: cost + risk, overloadProbability };
  });
}

function coverageOf(forecaster: Forecaster) {
  return COVERAGE_LEVELS.map((level, i) => ({
    level,
    observed: forecaster.outcomes > 0 ? at(forecaster.covered, i) / forecaster.outcomes : null,
    samples: forecaster.outcomes,
  }));
}

/** What the model has learned so far, for the record and the console. */
export function learningOf(
  model: Model,
  spec: PolicySpec,
  nowMs: number,
  action?: number,
): NonNullable<Decision['learning']> {
  const greedy = greedyAction(model);
  const taken = action ?? greedy;
  return {
    action: taken,
    multiplier: at(MULTIPLIERS, taken),
    epsilon: epsilonOf(model, spec),
    explored: taken !== greedy,
    qValues: [...model.q.values],
    updates: model.q.updates,
    coverage: coverageOf(model.keep),
    modelVersion: model.version,
    ageSeconds: model.startedAtMs === 0 ? 0 : (nowMs - model.startedAtMs) / 1000,
  };
}

function inputsOf(model: Model, plans: Plans): NonNullable<Decision['inputs']> {
  const { seen, capacity, knee } = plans;
  const { sample } = seen;
  const { workload } = model;
  const spread = capacity / Math.sqrt(1 + workload.busy);
  return {
    atMs: sample.atMs,
    telemetryAgeMs: seen.ageSeconds === null ? null : seen.ageSeconds * 1000,
    requestsPerSecond: sample.requestsPerSecond,
    lateRatio: sample.lateRatio,
    failedRatio: sample.failedRatio,
    latencyP95Ms: sample.latencyP95Ms,
    cpuUtilization: sample.cpuUtilization,
    memoryUtilization: sample.memoryUtilization,
    lagMessages: sample.lagMessages,
    replicas: sample.replicas,
    capacityPerPod: {
      value: capacity,
      low: Math.max(0, capacity - spread),
      high: capacity + spread,
      samples: workload.samples,
    },
    knee: {
      value: knee.value,
      low: knee.value - 1.2816 * knee.deviation,
      high: knee.value + 1.2816 * knee.deviation,
      samples: workload.lateSamples,
    },
    backgroundLateRatio: workload.background,
    startupSeconds: {
      value: startupSeconds(model, 0),
      low: startupSeconds(model, -1.2816),
      high: startupSeconds(model),
      samples: workload.startups,
    },
    controlDelay: plans.delay,
  };
}

function bare(model: Model, verdict: Verdict, seen: Seen, spec: PolicySpec): DecisionRecord {
  return {
    inputs: null,
    forecast: null,
    price: null,
    learning: learningOf(model, spec, seen.sample.atMs),
    options: [],
    counterfactual: { hpa: null, keda: null, kpa: null },
    sentence: explain({
      verdict,
      sample: seen.sample,
      ageSeconds: seen.ageSeconds,
      mode: spec.mode,
    }),
  };
}

/** Everything about a decision that goes into its event. `plans` is null where there was no data. */
export function recordOf(
  model: Model,
  { plans, seen }: { plans: Plans | null; seen: Seen },
  verdict: Verdict,
  spec: PolicySpec,
): DecisionRecord {
  if (plans === null) return bare(model, verdict, seen, spec);
  const up = quantilesOf(model, plans.up);
  return {
    inputs: inputsOf(model, plans),
    forecast: {
      horizonSeconds: plans.outlook.horizonSeconds,
      up,
      keep: quantilesOf(model, plans.keep),
      path: pathOf(model, plans, plans.outlook),
    },
    price: {
      k: plans.up.k,
      k0: basePrice(model, spec),
      lambda: model.price.lambda,
      budgetBurn: budgetBurn(model, spec),
      sloReachable: model.price.reachable,
    },
    learning: learningOf(model, spec, seen.sample.atMs, plans.action),
    options: optionsOf(plans, spec, verdict.to),
    counterfactual: counterfactualOf(model, seen, plans.capacity, spec),
    sentence: explain({
      verdict,
      sample: seen.sample,
      ageSeconds: seen.ageSeconds,
      mode: spec.mode,
      forecast: {
        seconds: plans.outlook.horizonSeconds,
        q50: up.q50,
        q80: up.q80,
        carried: verdict.to * plans.capacity * plans.knee.used,
        overloadBefore: riskOf(plans.up, verdict.from),
        overloadAfter: riskOf(plans.up, verdict.to),
        wantedPods: plans.upPods,
      },
    }),
  };
}
