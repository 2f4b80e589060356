// The one decision: called live, in shadow, in replay and in training alike.
import {
  ACTIONS,
  HORIZON_SECONDS_MAX,
  KEEP_PRICE,
  NEUTRAL_ACTION,
  SAFE_OVERLOAD,
  START_PRICE,
  Z90,
} from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { hpaOf } from './counterfactual.ts';
import {
  forecastNow,
  learnForecasts,
  rememberForecast,
  tailOfForecaster,
  type Outlook,
} from './forecast.ts';
import { guardOf, surpriseLevel, type Guard } from './guardrail.ts';
import { at, clamp } from './maths.ts';
import type { Model } from './model.ts';
import { observe, noteDelay, type Seen } from './observe.ts';
import { matureDecisions, maturedOf, outcomeDue, rememberDecision } from './outcomes.ts';
import { bestPods, bestPodsFor, riskOf, type Situation } from './plan.ts';
import { adaptPrice, noteSpend, noteWorth, priceOf } from './price.ts';
import { chooseAction, MULTIPLIERS } from './q-learning.ts';
import { recordOf } from './record.ts';
import { shield, type Shielded } from './shield.ts';
import { quantile } from './shape.ts';
import type { DecideOptions, Sample, Verdict } from './types.ts';
import { capacityOf, kneeOf, startupSeconds, type Knee } from './workload.ts';

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

/** Parts of the control delay, seconds. */
function delayParts(model: Model, sample: Sample, ageSeconds: number) {
  return {
    telemetrySeconds: ageSeconds,
    intervalSeconds: sample.intervalMs / 1000,
    chainSeconds: p90(model.delay.chain),
    applySeconds: p90(model.delay.apply),
    startupSeconds: startupSeconds(model),
  };
}

function situation(model: Model, spec: PolicySpec, knee: number, k: number): Situation {
  const { need, needWeight } = model.plan;
  return {
    series: model.series,
    forecaster: model.up,
    tail: tailOfForecaster(model.up, model.off.includes('shape')),
    capacity: capacityOf(model),
    knee,
    mean: Math.max(0.5, spec.minReplicas, need / Math.max(1e-9, needWeight) / knee),
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

/** What one decision is asked under. */
interface Asked {
  spec: PolicySpec;
  options: DecideOptions;
}

function planAll(model: Model, seen: Seen, { spec, options }: Asked): Plans {
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
  const base = priceOf(model);
  const knee = kneeOf(model, spec);
  const up = situation(model, spec, knee.used, base * at(MULTIPLIERS, choice.greedy));
  const keep = keeping(model, up);
  const ahead = (seen.ageSeconds ?? 0) + horizon - delay.startupSeconds + startupSeconds(model, 0);
  const guard = guardOf(model, sample, before, ahead + model.series.windowSeconds / 2);
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
  return choice.action === choice.greedy ? plans : explored(model, plans, base, { spec, options });
}

/** Tries another price; live only where overload stays unlikely. */
function explored(model: Model, plans: Plans, base: number, { spec, options }: Asked): Plans {
  const k = base * at(MULTIPLIERS, plans.action);
  const upPods = podsOf(model, { ...plans.up, k }, spec.maxReplicas);
  const keepPods = podsOf(model, { ...plans.keep, k }, spec.maxReplicas);
  const safe = riskOf(plans.keep, Math.max(upPods, keepPods)) <= SAFE_OVERLOAD;
  if (options.explore === 'safe' && !safe) return { ...plans, action: plans.greedy };
  return { ...plans, upPods, keepPods };
}

function guardPods(model: Model, guard: Guard, plan: Situation): number {
  if (model.off.includes('guardrail')) return 0;
  const certain = Math.ceil(guard.demand / (plan.capacity * plan.knee) - 1e-9);
  return Math.max(certain, guard.censoredPods);
}

/** Registers the decision for its outcome, with what every other action would have asked for. */
function register(model: Model, plans: Plans, shielded: Shielded, { spec, options }: Asked): void {
  const { sample } = plans.seen;
  if (!outcomeDue(model, sample.atMs)) return;
  const base = priceOf(model);
  const prices = MULTIPLIERS.map((multiplier) => base * multiplier);
  const added = bestPodsFor(plans.up, prices, spec.maxReplicas);
  const kept = bestPodsFor(plans.keep, prices, spec.maxReplicas);
  const planned = added.map((pods, action) => {
    const least = Math.max(pods, Math.min(at(kept, action), shielded.from));
    return clamp(least, spec.minReplicas, spec.maxReplicas);
  });
  const sequence = options.sequence ?? model.decisions;
  rememberDecision(
    model,
    {
      id: options.id ?? String(sequence),
      sequence,
      atMs: sample.atMs,
      action: plans.action,
      from: shielded.from,
      to: shielded.to,
      whatIf: planned,
      mean: plans.up.mean,
      k: base,
    },
    plans.outlook.horizonSeconds,
  );
  const risk = riskOf(plans.up, shielded.to);
  const more = at(planned, Math.min(ACTIONS - 1, NEUTRAL_ACTION + 2));
  noteWorth(model, risk, riskOf(plans.up, Math.max(shielded.to, more)));
}

function blind(model: Model, seen: Seen, spec: PolicySpec): Verdict {
  const { desired } = seen.sample.replicas;
  const from = spec.mode === 'act' || model.plan.last < 0 ? desired : model.plan.last;
  const to = Math.max(from, spec.minReplicas);
  return {
    kind: to === from ? 'hold' : 'scale',
    reason: to === from ? 'no-data' : 'bounds',
    from,
    to,
    action: NEUTRAL_ACTION,
    constraints: [
      { name: 'data-missing', from, to, detail: 'no demand could be read: holding what is there' },
    ],
    matured: maturedOf(model),
  };
}

/**
 * Decides how many pods one target gets. Takes the sample into the model, forecasts demand over
 * the control delay as a distribution, takes the number of pods whose cost and risk are least,
 * and lets the shield have the last word. The same model, sample, policy and random numbers give
 * the same decision, with the record or without it.
 */
export function decide(
  model: Model,
  raw: Sample,
  spec: PolicySpec,
  options: DecideOptions,
): Verdict {
  const seen = observe(model, raw, spec);
  if (options.chainSeconds !== undefined) noteDelay(model.delay.chain, options.chainSeconds);
  if (options.applySeconds !== undefined) noteDelay(model.delay.apply, options.applySeconds);
  if (seen.demand === null) {
    const verdict = blind(model, seen, spec);
    model.plan.last = verdict.to;
    if (options.record) verdict.record = recordOf(model, { plans: null, seen }, verdict, spec);
    return verdict;
  }
  if (seen.fresh) learnForecasts(model);
  const plans = planAll(model, seen, { spec, options });
  const shielded = shield(model, plans, spec, options);
  register(model, plans, shielded, { spec, options });
  matureDecisions(model, {
    lateRatio: seen.sample.lateRatio,
    capacity: plans.capacity,
    knee: plans.knee.used,
    slope: plans.knee.slope,
  });
  noteSpend(model, seen.sample, hpaOf(model, seen, plans.capacity, spec), seen.elapsedSeconds);
  adaptPrice(model, spec, seen.sample.atMs);
  model.decisions++;
  model.lastAtMs = seen.sample.atMs;
  const verdict: Verdict = { ...shielded, action: plans.action, matured: maturedOf(model) };
  if (options.record) verdict.record = recordOf(model, { plans, seen }, verdict, spec);
  return verdict;
}
