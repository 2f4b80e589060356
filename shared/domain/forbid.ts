// What forbids every scale-down on a beat: telemetry that cannot be trusted, demand that only seems to
// have gone, a service that is too young to be known.
import { capacityKnown } from './capacity.ts';
import { BLOCK_MEAN, REFERENCE_MEAN, WARMUP_SEASONS } from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import type { Model } from './model.ts';
import type { Plans } from './propose.ts';
import { meanOf } from './series.ts';
import type { Constraint, DecideOptions } from './types.ts';

/** Name of demand that is at least this, as it stands in the record. */
export const CENSORED = 'censored-demand';

/** Failed requests beyond this share, with falling demand, are an outage and not less demand. */
const DIP_FAILURES = 0.05;
/** Demand below this share of the mean over an hour's quarter (60 blocks) is falling. */
const DIP_DEMAND = 0.8;
/** CPU this many times above the expected is not explained by the demand. */
const UNEXPLAINED = 1.4;

/** What may stand against a move; the detail is only written where it does. */
export interface Stop {
  name: Constraint['name'];
  detail: () => string;
}

/** An outage: failures up and demand down. It holds on for two control delays. */
function dipping(model: Model, plans: Plans): boolean {
  const { sample, demand } = plans.seen;
  const failing = (sample.failedRatio ?? 0) > DIP_FAILURES;
  const falling = (demand ?? 0) < DIP_DEMAND * meanOf(model.series, REFERENCE_MEAN + 3);
  if (failing && falling) {
    model.plan.dipUntilMs = sample.atMs + 2000 * plans.outlook.horizonSeconds;
  }
  return sample.atMs < model.plan.dipUntilMs;
}

/**
 * CPU far above what the demand of the last block should need: a release or pods that warm up. The
 * demand alone is then no reason to take pods away.
 */
function unexplained(model: Model, plans: Plans): boolean {
  const { cpuUtilization: cpu, replicas } = plans.seen.sample;
  if (cpu === null || model.demandUnit === 'pods' || !capacityKnown(model)) return false;
  const expected = meanOf(model.series, BLOCK_MEAN) / (replicas.ready * plans.capacity);
  return cpu > 0.5 && cpu > UNEXPLAINED * expected;
}

/** What forbids every scale-down on this beat, first reason first. */
export function forbidden(
  model: Model,
  plans: Plans,
  spec: PolicySpec,
  options: DecideOptions,
): Stop[] {
  const { seen } = plans;
  const nowMs = seen.sample.atMs;
  const warm = model.startedAtMs + WARMUP_SEASONS * spec.seasonSeconds * 1000;
  const held = options.holdUntilMs ?? 0;
  const stops: Stop[] = [];
  const when = (applies: boolean, name: Constraint['name'], detail: () => string): void => {
    if (applies) stops.push({ name, detail });
  };
  when(seen.stale, 'data-stale', () => `telemetry is ${Math.round(seen.ageSeconds ?? 0)} s old`);
  when(seen.suspect, 'data-missing', () => 'a number of the telemetry cannot be true');
  when(!seen.fresh, 'data-stale', () => 'no new telemetry since the last decision');
  when(
    dipping(model, plans),
    'outage-dip',
    () => 'failures rose while demand fell: not less demand',
  );
  when(
    unexplained(model, plans),
    'unexplained-cpu',
    () => 'CPU is busier than these requests explain',
  );
  when(plans.guard.censoredPods > 0, CENSORED, () => 'CPU is full: demand is at least this');
  when(nowMs < warm, 'warm-up', () => 'installed a moment ago: nothing is taken away yet');
  when(nowMs < held, 'held-by-advice', () => 'an adviser asked to hold');
  return stops;
}
