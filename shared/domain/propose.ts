// What is proposed before anything forbids it: from forecast, price, knee and guardrail the best numbers
// of pods.
import {
  HORIZON_SECONDS_MAX,
  KEEP_PRICE,
  ORDER_REACH,
  SAFE_OVERLOAD,
  START_PRICE,
  Z90,
} from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { forecastNow, rememberForecast, tailOfForecaster, type Outlook } from './forecast.ts';
import { guardOf, surpriseLevel, type Guard } from './guardrail.ts';
import { at } from './maths.ts';
import type { Model } from './model.ts';
import type { Seen } from './observe.ts';
import { bestPods, riskOf, type Situation } from './plan.ts';
import { churnPrice, priceOf } from './price.ts';
import { chooseAction, MULTIPLIERS } from './q-learning.ts';
import { quantile } from './shape.ts';
import type { DecideOptions, Sample } from './types.ts';
import { capacityOf } from './capacity.ts';
import { kneeOf, startupSeconds, type Knee } from './workload.ts';

/** Everything a decision was made from; the record is built of it. */
export interface Plans {
  seen: Seen;
  outlook: Outlook;
  delay: ReturnType<typeof delayParts>;
  up: Situation;
  keep: Situation;
  capacity: number;
  knee: Knee;
  guard: Guard;
  guardPods: number;
  upPods: number;
  keepPods: number;
  action: number;
  greedy: number;
}

/** Mean plus 1.28 deviations: p90 of a delay, zero while unknown. */
const p90 = (stats: readonly number[]): number => at(stats, 0) + Z90 * Math.sqrt(at(stats, 1));

/**
 * Parts of the control delay, seconds. Start-up by its median: a horizon to its p90 costs more for the
 * late half of the pods than it saves.
 */
function delayParts(model: Model, sample: Sample, ageSeconds: number) {
  return {
    telemetrySeconds: ageSeconds,
    intervalSeconds: sample.intervalMs / 1000,
    chainSeconds: p90(model.delay.chain),
    applySeconds: p90(model.delay.apply),
    startupSeconds: startupSeconds(model, 0),
  };
}

function situation(model: Model, spec: PolicySpec, knee: number, k: number): Situation {
  const { need, needWeight } = model.plan;
  const capacity = capacityOf(model);
  const usual = need / Math.max(1e-9, needWeight) / (capacity * knee);
  return {
    series: model.series,
    forecaster: model.up,
    tail: tailOfForecaster(model.up, model.off.includes('shape')),
    capacity,
    knee,
    mean: Math.max(0.5, spec.minReplicas, usual),
    k,
    podPrice: model.off.includes('churn') ? 1 : START_PRICE,
  };
}

/** The same for a pod that is there already. */
const keeping = (model: Model, up: Situation): Situation => ({
  ...up,
  forecaster: model.keep,
  tail: tailOfForecaster(model.keep, model.off.includes('shape')),
  podPrice: model.off.includes('churn') ? 1 : KEEP_PRICE,
});

/** Demand quantile that stands for the price when the price is switched off. */
const PLAIN_OVERLOAD = 0.02;

function podsOf(model: Model, plan: Situation, most: number): number {
  if (!model.off.includes('price')) return bestPods(plan, most);
  const { forecaster, series } = plan;
  const z = quantile(plan.tail, PLAIN_OVERLOAD / plan.k ** 0.5);
  const demand = Math.exp(forecaster.mu + forecaster.sigma * z) - series.offset;
  return Math.ceil(demand / (plan.capacity * plan.knee));
}

/** Price of a violating minute under an action. */
const priceUnder = (model: Model, spec: PolicySpec, action: number): number =>
  priceOf(model, spec) * at(MULTIPLIERS, action);

/** What one decision is asked under. */
export interface Asked {
  spec: PolicySpec;
  options: DecideOptions;
}

/** Forecasts, prices, and takes the numbers of pods whose cost and risk are least. */
export function planAll(model: Model, seen: Seen, { spec, options }: Asked): Plans {
  const { sample } = seen;
  const delay = delayParts(model, sample, seen.ageSeconds ?? 0);
  const horizon = Math.min(
    HORIZON_SECONDS_MAX,
    delay.intervalSeconds + delay.chainSeconds + delay.applySeconds + delay.startupSeconds,
  );
  const before = model.decisions === 0 ? Infinity : surpriseLevel(model, 2);
  const outlook = forecastNow(model, sample.atMs, horizon);
  if (seen.fresh) rememberForecast(model, sample.atMs, outlook);
  const choice = chooseAction(model, spec, options.explore ?? 'none', options.random);
  const knee = kneeOf(model, spec);
  const up = situation(model, spec, knee.used, priceUnder(model, spec, choice.greedy));
  const keep = keeping(model, up);
  const ahead = (seen.ageSeconds ?? 0) + horizon + model.series.windowSeconds / 2;
  const guard = guardOf(model, sample, before, ahead);
  const most = spec.maxReplicas;
  const plans = {
    seen,
    outlook,
    delay,
    up,
    keep,
    capacity: up.capacity,
    knee,
    guard,
    guardPods: guardPods(model, guard, up),
    upPods: podsOf(model, up, most),
    keepPods: podsOf(model, keep, most),
    ...choice,
  };
  return choice.action === choice.greedy ? plans : explored(model, plans, { spec, options });
}

/** Tries another price; live only where overload stays unlikely. */
function explored(model: Model, plans: Plans, { spec, options }: Asked): Plans {
  const k = priceUnder(model, spec, plans.action);
  const upPods = podsOf(model, { ...plans.up, k }, spec.maxReplicas);
  const keepPods = podsOf(model, { ...plans.keep, k }, spec.maxReplicas);
  const safe = riskOf(plans.keep, Math.max(upPods, keepPods)) <= SAFE_OVERLOAD;
  if (options.explore === 'safe' && !safe) return { ...plans, action: plans.greedy };
  return { ...plans, upPods, keepPods };
}

/**
 * How far up to go once the fleet goes up at all: as a change has a price of its own, the next pods go
 * with it for less than they would have to earn alone (the order-up-to level of an (s, S) policy, Scarf
 * 1960).
 */
export function orderPods(model: Model, plans: Plans, spec: PolicySpec): number {
  if (model.off.includes('churn')) return plans.upPods;
  const k = priceUnder(model, spec, plans.action);
  const podPrice = plans.up.podPrice / (1 + ORDER_REACH * churnPrice(model, spec));
  return Math.max(plans.upPods, podsOf(model, { ...plans.up, k, podPrice }, spec.maxReplicas));
}

function guardPods(model: Model, guard: Guard, plan: Situation): number {
  if (model.off.includes('guardrail')) return 0;
  const certain = Math.ceil(guard.demand / (plan.capacity * plan.knee) - 1e-9);
  return Math.max(certain, guard.censoredPods);
}
