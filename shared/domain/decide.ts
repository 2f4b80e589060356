// The one decision: called live, in shadow, in replay and in training alike.
import { ACTIONS, NEUTRAL_ACTION } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { hpaOf } from './counterfactual.ts';
import { learnForecasts } from './forecast.ts';
import { at, clamp } from './maths.ts';
import type { Model } from './model.ts';
import { observe, noteDelay, type Seen } from './observe.ts';
import { matureDecisions, maturedOf, outcomeDue, rememberDecision } from './outcomes.ts';
import { bestPodsFor, riskOf } from './plan.ts';
import { adaptPrice, noteSpend, noteWorth, priceOf } from './price.ts';
import { planAll, type Asked, type Plans } from './propose.ts';
import { MULTIPLIERS } from './q-learning.ts';
import { recordOf } from './record.ts';
import { currentOf, shield, type Shielded } from './shield.ts';
import type { DecideOptions, Sample, Verdict } from './types.ts';

/** Registers the decision for its outcome, with what every other action would have asked for. */
function register(model: Model, plans: Plans, shielded: Shielded, { spec, options }: Asked): void {
  const { sample } = plans.seen;
  if (!outcomeDue(model, sample.atMs)) return;
  const base = priceOf(model, spec);
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
  const more = at(planned, Math.min(ACTIONS - 1, plans.greedy + 2)); // at 2.25 times the price
  noteWorth(model, risk, riskOf(plans.up, Math.max(shielded.to, more)));
}

function blind(model: Model, seen: Seen, spec: PolicySpec): Verdict {
  const from = currentOf(model, seen.sample, spec);
  const to = clamp(from, spec.minReplicas, spec.maxReplicas);
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
    model.lastAtMs = seen.sample.atMs;
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
