// From the core's verdict to the decision that travels, and whether it travels at all. Pure.
import type { Verdict } from '#shared/domain/index.ts';
import {
  CONSTRAINTS_MAX,
  DETAIL_MAX_CHARS,
  MATURED_MAX,
  SENTENCE_MAX_CHARS,
  type Decision,
  type ObservedState,
} from '#shared/events/index.ts';
import type { DecideEntry, Ledger } from './ledger.ts';

const SILENCE_MS = 52_000; // at least one decision a minute: the beat before it must do, early or late

/** Problems that leave nothing to decide about; stale data is the core's business. */
export const isBlocked = ({ problem, target, policy }: ObservedState): boolean =>
  target === null ||
  policy.spec.mode === 'off' ||
  (problem !== null && problem.reason !== 'DataStale');

export type Outcome = Pick<
  Decision,
  'kind' | 'reason' | 'from' | 'to' | 'sentence' | 'constraints' | 'matured'
> &
  Pick<Decision, 'inputs' | 'forecast' | 'price' | 'learning' | 'options' | 'counterfactual'>;

const NOTHING_KNOWN = {
  inputs: null,
  forecast: null,
  price: null,
  learning: null,
  options: [],
  counterfactual: { hpa: null, keda: null, kpa: null },
};

/** A hold without the core: the policy is off, or its target cannot be had. */
function withoutCore({ problem, replicas, policy }: ObservedState): Outcome {
  const at = replicas?.desired ?? 0;
  const off = problem === null;
  const holding = replicas === null ? 'Holding' : `Holding at ${at}`;
  const sentence = off
    ? `${holding}: the policy is off.`
    : `${holding}: ${problem.message.slice(0, 500)}.`;
  return {
    ...NOTHING_KNOWN,
    kind: 'hold',
    reason: policy.spec.mode === 'off' && off ? 'off' : 'problem',
    from: at,
    to: at,
    sentence,
    constraints: off
      ? []
      : [{ name: 'problem', from: at, to: at, detail: problem.message.slice(0, DETAIL_MAX_CHARS) }],
    matured: [],
  };
}

type Constraints = Outcome['constraints'];

/** The constraints with what had the last word; the last of a full list makes room for it. */
const noted = ({ constraints }: Outcome, last: Constraints[number]): Constraints => [
  ...constraints.slice(0, CONSTRAINTS_MAX - 1),
  last,
];

/** The kill switch: whatever the core wanted, nothing changes. */
function suspended(outcome: Outcome, how: string): Outcome {
  const { from, to } = outcome;
  return {
    ...outcome,
    kind: 'hold',
    reason: 'held',
    to: from,
    sentence: `Holding at ${from}: the policy is suspended (${how}).`,
    constraints: noted(outcome, {
      name: 'suspended',
      from: to,
      to: from,
      detail: `spec.suspend is ${how}`,
    }),
  };
}

/** While pods wait for a place, more of them would only wait as well. */
function withoutRoom(
  outcome: Outcome,
  { pods, message }: NonNullable<ObservedState['unplaced']>,
): Outcome {
  const { from, to } = outcome;
  const waiting = `${pods} ${pods === 1 ? 'pod has' : 'pods have'} no place`;
  const detail = `${waiting}: ${message}`.slice(0, DETAIL_MAX_CHARS);
  const constraints = noted(outcome, { name: 'no-room', from: to, to: Math.min(from, to), detail });
  if (to <= from) return { ...outcome, constraints };
  return {
    ...outcome,
    kind: 'hold',
    reason: 'bounds',
    to: from,
    sentence: `Holding at ${from} although ${to} are wanted: ${detail}.`.slice(
      0,
      SENTENCE_MAX_CHARS,
    ),
    constraints,
  };
}

/** What is decided, after the switches that stand above the core. */
export function outcomeOf(state: ObservedState, verdict: Verdict | null): Outcome {
  if (verdict === null) return withoutCore(state);
  const { kind, reason, from, to, constraints, record, matured } = verdict;
  const outcome: Outcome = {
    ...NOTHING_KNOWN,
    sentence: `${kind === 'hold' ? 'Holding' : 'Scaling'} from ${from} to ${to}.`,
    ...record,
    kind,
    reason,
    from,
    to,
    constraints: constraints.slice(0, CONSTRAINTS_MAX),
    matured: matured.slice(0, MATURED_MAX),
  };
  const { suspend } = state.policy.spec;
  if (suspend !== 'none') return suspended(outcome, suspend);
  return state.unplaced ? withoutRoom(outcome, state.unplaced) : outcome;
}

/** Only these modes change something: elsewhere the same wish again is no news. */
const acts = (state: ObservedState): boolean =>
  state.policy.spec.mode === 'act' || state.policy.spec.mode === 'floor';

/** A change, a new reason, the answer to an alert, or the first word on a changed policy. */
function isNews(
  state: ObservedState,
  outcome: Outcome,
  sent: NonNullable<Ledger['sent']>,
): boolean {
  if (state.cause === 'alert') return true;
  if (state.policy.generation !== sent.generation || state.policy.spec.mode !== sent.mode)
    return true;
  if (outcome.kind === 'scale' && acts(state)) return true;
  return outcome.kind !== sent.kind || outcome.reason !== sent.reason || outcome.to !== sent.to;
}

/**
 * Whether the decision is sent. What is no news is not, except at least once a minute: as `routine`,
 * which carries matured outcomes and says that we live, and needs nobody's comment.
 */
export function travels(
  state: ObservedState,
  outcome: Outcome,
  sent: Ledger['sent'],
): Pick<DecideEntry, 'sent' | 'routine'> {
  if (sent === null || isNews(state, outcome, sent)) return { sent: true, routine: false };
  const silentMs = state.observedAtMs - sent.atMs; // negative: the clock was set back since
  const isDue = silentMs >= SILENCE_MS || silentMs < 0;
  return { sent: isDue, routine: isDue };
}

/** The whole record. `entry` gives what must be the same when the input comes again. */
export function decisionOf(state: ObservedState, entry: DecideEntry, outcome: Outcome): Decision {
  const { namespace, name, uid, generation, spec } = state.policy;
  return {
    ...outcome,
    id: entry.id,
    sequence: entry.sequence,
    tick: state.tick,
    policy: { namespace, name, uid, generation },
    target: state.target,
    mode: spec.mode,
    sentence: outcome.sentence.slice(0, SENTENCE_MAX_CHARS),
    problem: state.problem,
    holdsSince: entry.holdsSince,
  };
}

/** Brings the ledger up to a new decision, except for its journal. */
export function advance(
  ledger: Ledger,
  state: ObservedState,
  entry: DecideEntry,
  outcome: Outcome,
): void {
  ledger.sequence = entry.sequence;
  ledger.observedAtMs = state.observedAtMs;
  ledger.holdsSince = entry.sent ? 0 : ledger.holdsSince + 1;
  if (!entry.sent) return;
  const { kind, reason, to } = outcome;
  const { generation, spec } = state.policy;
  ledger.sent = { atMs: state.observedAtMs, kind, reason, to, mode: spec.mode, generation };
}
