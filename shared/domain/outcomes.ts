// Decisions wait until the pods they asked for have had time to matter; then their outcome is known.
import type { Matured } from '../events/index.ts';
import { at } from './maths.ts';
import type { Model, PendingDecision, PendingMatured } from './model.ts';
import { meanBetween } from './series.ts';

/** Decisions that wait, and outcomes that were not learned yet: eight of each, 4 KB together. */
const WAITING_MAX = 8;

export const outcomeDue = (model: Model, nowMs: number): boolean => nowMs >= model.nextOutcomeMs;

/** Keeps a decision until its outcome is known. */
export function rememberDecision(
  model: Model,
  decision: Omit<PendingDecision, 'fromMs' | 'toMs'>,
  horizonSeconds: number,
): void {
  const blockMs = model.series.blockSeconds * 1000;
  const horizonMs = horizonSeconds * 1000;
  // Telemetry that is always late makes each one wait longer: they must not push each other out.
  const waitMs = horizonMs + blockMs + 1000 * at(model.delay.age, 0);
  const spacingMs = Math.max(
    blockMs,
    (horizonMs + blockMs) / (WAITING_MAX - 2),
    waitMs / (WAITING_MAX - 1),
  );
  model.nextOutcomeMs = decision.atMs + spacingMs - 1;
  const fromMs = decision.atMs + horizonMs;
  model.pendingDecisions.push({ ...decision, fromMs, toMs: fromMs + blockMs });
  if (model.pendingDecisions.length > WAITING_MAX) model.pendingDecisions.shift();
}

/** Moves every decision whose interval is over to the outcomes that wait to be learned. */
export function matureDecisions(
  model: Model,
  now: { lateRatio: number | null; capacity: number; knee: number; slope: number },
): void {
  const latest = at(model.series.times, model.series.times.length - 1);
  let due = model.pendingDecisions[0];
  while (due !== undefined && due.toMs <= latest) {
    const demand = meanBetween(model.series, due.fromMs, due.toMs);
    if (demand !== null) model.matured.push({ ...due, demand, ...now });
    if (model.matured.length > WAITING_MAX) model.matured.shift();
    model.pendingDecisions.shift();
    due = model.pendingDecisions[0];
  }
}

const asEvent = (outcome: PendingMatured): Matured => ({
  decisionId: outcome.id,
  sequence: outcome.sequence,
  decidedAtMs: outcome.atMs,
  maturedAtMs: Math.round(outcome.toMs),
  action: outcome.action,
  from: outcome.from,
  to: outcome.to,
  demandPerSecond: outcome.demand,
  lateRatio: outcome.lateRatio,
  capacityPerPod: outcome.capacity,
  knee: outcome.knee,
  kneeSlope: outcome.slope,
  whatIfReplicas: outcome.whatIf,
  meanReplicas: outcome.mean,
  k: outcome.k,
  intervalSeconds: (outcome.toMs - outcome.fromMs) / 1000,
});

/** Outcomes that were not learned yet, in the form of the event. */
export const maturedOf = (model: Model): Matured[] => model.matured.map(asEvent);

/** Forgets outcomes that were learned. */
export function forgetLearned(model: Model, sequences: readonly number[]): void {
  if (model.matured.length === 0) return;
  model.matured = model.matured.filter((outcome) => !sequences.includes(outcome.sequence));
}
