// What a target is doing, in one state and plain words. Pure: same record, same instant, same words.
import { amount, whole } from '#shared/domain/amount.ts';
import type { Action, Decision, ObservedState } from '#shared/events/index.ts';
import { LATE_LIMIT, type Point } from './points.ts';
import { staleAfterMs } from './stale.ts';
import type { State } from './view.ts';

type Decided = Omit<Decision, 'matured'> & {
  readonly atMs: number;
  /** Null until the executor has answered. */
  readonly action: Pick<Action, 'outcome' | 'reason' | 'message'> | null;
};

/** What the words are made of. */
export interface Situation {
  readonly nowMs: number;
  readonly observed: ObservedState | undefined;
  readonly point: Point | undefined;
  readonly beatMs: number | null;
  readonly decision: Decided | undefined;
  /** The decision before it. */
  readonly previous: Decided | undefined;
  /** Since when it has been observed without a gap. */
  readonly observedSinceMs: number | null;
  /** Since when the executor has answered no decision; null where it answered the newest. */
  readonly unansweredSinceMs: number | null;
}

/** What changes nothing is told once a minute: of three in a row that were not somebody must know. */
const ROUTINE_MS = 60_000;
const MISSED_ROUTINES = 3;
/** Longer than an executor's cold start and its retries. */
const ANSWER_MS = 60_000;

/** A change is news for this long, even when its pods are ready at once. */
const ACTING_MS = 15_000;

const isStale = ({ nowMs, observed, beatMs }: Situation): boolean => {
  if (observed === undefined) return false;
  const silentMs = nowMs - observed.observedAtMs;
  return silentMs > staleAfterMs(beatMs) || observed.problem !== null;
};

/** In these modes a decision is an opinion, about a fleet that follows it. */
const ADVISORY: ReadonlySet<string> = new Set(['shadow', 'advise']);

/** What the executor says with these reasons stays true until somebody does something about it. */
const HELD_BACK: ReadonlySet<string> = new Set(['conflict', 'no-autoscaler', 'forbidden']);

const stillStands = (before: Decided, now: Decided): boolean =>
  before.action !== null &&
  HELD_BACK.has(before.action.reason) &&
  before.policy.generation === now.policy.generation;

/** The executor's answer; until it is there, what stands in the way since the decision before. */
function answerTo({ decision, previous }: Situation): Decided['action'] {
  if (decision === undefined) return null;
  if (decision.action !== null || previous === undefined) return decision.action;
  return stillStands(previous, decision) ? previous.action : null;
}

/** The function of the chain that has been silent for too long while the target is observed. */
function silenceOf(situation: Situation): string | null {
  const { nowMs, decision, beatMs, observedSinceMs, unansweredSinceMs } = situation;
  if (observedSinceMs === null) return null;
  const undecidedMs = nowMs - Math.max(observedSinceMs, decision?.atMs ?? 0);
  if (undecidedMs > MISSED_ROUTINES * Math.max(ROUTINE_MS, beatMs ?? 0))
    return `no decision for ${ago(undecidedMs)}; see in the chain whether the decider runs`;
  const unansweredMs = nowMs - Math.max(observedSinceMs, unansweredSinceMs ?? nowMs);
  return unansweredMs > ANSWER_MS
    ? `no answer of the executor for ${ago(unansweredMs)}; see in the chain whether it runs`
    : null;
}

/** What stands in the way of every change: the executor's words, or a silence; null where nothing. */
const blockOf = (situation: Situation): string | null => {
  const action = answerTo(situation);
  const isHeld = action !== null && HELD_BACK.has(action.reason);
  return isHeld ? action.message : silenceOf(situation);
};

const isActing = (situation: Situation): boolean => {
  const { nowMs, point, decision } = situation;
  const changed =
    decision?.kind === 'scale' &&
    !ADVISORY.has(decision.mode) &&
    answerTo(situation)?.outcome !== 'held' &&
    decision.from !== decision.to &&
    nowMs - decision.atMs < ACTING_MS;
  return changed || (point?.starting ?? 0) > 0;
};

/** Rates need two looks: of the first one nobody knows whether all is well. */
const isUnmeasured = ({ point }: Situation): boolean =>
  (point?.requestsPerSecond ?? point?.cpuUtilization ?? null) === null;

const isLearning = (situation: Situation): boolean =>
  isUnmeasured(situation) ||
  situation.decision?.reason === 'warm-up' ||
  (situation.decision?.constraints.some(({ name }) => name === 'warm-up') ?? false);

export function stateOf(situation: Situation): State {
  const { observed, point } = situation;
  if (observed === undefined) return 'waiting';
  const { spec } = observed.policy;
  if (spec.suspend !== 'none' || spec.mode === 'off') return 'stopped';
  if (isStale(situation)) return 'stale';
  if ((point?.lateRatio ?? 0) > LATE_LIMIT) return 'violating';
  return blockOf(situation) === null ? workOf(situation) : 'blocked';
}

/** What it does where nothing is wrong. */
function workOf(situation: Situation): State {
  if (isActing(situation)) return 'acting';
  return isLearning(situation) ? 'learning' : 'healthy';
}

const pods = (n: number): string => (n === 1 ? '1 pod' : `${String(n)} pods`);
const percent = (share: number): string => {
  const value = share * 100;
  if (value > 0 && value < 1) return '< 1 %';
  return value > 99 && value < 100 ? '> 99 %' : `${value.toFixed(0)} %`;
};
const ago = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${String(seconds)} s`;
  return seconds < 7200
    ? `${String(Math.round(seconds / 60))} min`
    : `${String(Math.round(seconds / 3600))} h`;
};

const nameOf = (observed: ObservedState): string =>
  observed.target?.name ?? observed.policy.spec.targetRef.name;

const serving = (observed: ObservedState, point: Point | undefined): string => {
  const { ready, starting, requestsPerSecond: load } = point ?? UNKNOWN;
  const count = ready ?? observed.replicas?.ready;
  const fleet = count === undefined ? 'pods unknown' : pods(count);
  const coming = starting === null || starting === 0 ? '' : ` and ${String(starting)} starting`;
  return `${fleet}${coming} for ${load === null ? 'an unknown load' : `${amount(load)} req/s`}`;
};

const quality = (observed: ObservedState, point: Point | undefined): string => {
  const slo = observed.policy.spec.slo.latencyMilliseconds;
  const { latencyP95Ms: p95, lateRatio } = point ?? UNKNOWN;
  const latency = p95 === null ? 'p95 unknown' : `p95 ${whole(p95)} ms (SLO ${whole(slo)})`;
  const late = lateRatio ?? 0;
  return late > LATE_LIMIT ? `${latency}, ${percent(late)} of the requests late` : latency;
};

const UNKNOWN = {
  ready: null,
  starting: null,
  requestsPerSecond: null,
  latencyP95Ms: null,
  lateRatio: null,
};

/** "consumer-workload: 8 pods for 412 req/s, p95 84 ms (SLO 500)." */
export function sentenceOf(situation: Situation): string {
  const { observed, point, nowMs } = situation;
  if (observed === undefined) return 'Waiting for the first observation.';
  const name = nameOf(observed);
  if (isStale(situation) && observed.problem === null) {
    return `${name}: no observation for ${ago(nowMs - observed.observedAtMs)}. The last one said ${serving(observed, point)}.`;
  }
  if (observed.problem !== null) return `${name}: ${observed.problem.message}`;
  return `${name}: ${serving(observed, point)}, ${quality(observed, point)}.`;
}

/** The first clause of a decision's sentence says what the headline says already. */
const LEAD = /^\d+ pods? (?:for|at|with) .*?\. (?=[A-Z])/;
const NOW = / now(?=:)/;

/** "It would have 10 pods now, 7 more: mode advise writes nothing." */
function opinion({ to, mode }: Pick<Decision, 'to' | 'mode'>, point: Point | undefined): string {
  const { ready, starting } = point ?? UNKNOWN;
  const difference = ready === null ? 0 : to - ready - (starting ?? 0);
  const size = String(Math.abs(difference));
  const compared = difference === 0 ? '' : `, ${size} ${difference > 0 ? 'more' : 'fewer'}`;
  return `It would have ${pods(to)} now${compared}: mode ${mode} writes nothing.`;
}

/** "Adding 2 now: demand in 33 s is 80 % likely at most 460 req/s …" Null before a decision. */
export function whyOf(situation: Situation): string | null {
  const { nowMs, decision, point } = situation;
  if (decision === undefined) return null;
  const knows = decision.reason !== 'problem'; // without a target its number is none
  if (knows && ADVISORY.has(decision.mode)) return opinion(decision, point);
  const words = decision.sentence.replace(LEAD, '');
  const ageMs = nowMs - decision.atMs;
  if (decision.kind === 'scale' && answerTo(situation)?.outcome === 'held')
    return `Wanted, not done: ${words.replace(NOW, '')}`;
  const isNews = ageMs < (decision.kind === 'hold' ? MISSED_ROUTINES * ROUTINE_MS : ACTING_MS);
  if (isNews) return words;
  return `${ago(ageMs)} ago: ${words.replace(NOW, '')}`;
}

/** "HPA would have 6 pods now, 2 fewer." Null where it could not tell. */
export function hpaSentenceOf({ decision, point }: Situation): string | null {
  const hpa = decision?.counterfactual.hpa;
  if (hpa === undefined || hpa === null) return null;
  const { ready, starting } = point ?? UNKNOWN;
  if (ready === null) return `HPA would have ${pods(hpa)} now.`;
  const difference = hpa - ready - (starting ?? 0);
  if (difference === 0) return `HPA would have the same ${pods(hpa)} now.`;
  const size = String(Math.abs(difference));
  return `HPA would have ${pods(hpa)} now, ${size} ${difference > 0 ? 'more' : 'fewer'}.`;
}

const PROBLEM_REMEDY: Readonly<Record<string, string>> = {
  TargetMissing: 'Create the target, or correct targetRef of the policy.',
  TargetUnsupported: 'Point targetRef at a kind that NimbusGuard can scale.',
  TargetUnreadable:
    'Nothing is changed meanwhile, and every beat tries again. The message names the request that failed.',
  DataStale: 'Nothing is scaled down meanwhile. Check that the pods answer /metrics.',
  PolicyInvalid: 'Correct the policy; the message names the field.',
  Duplicate: 'Delete one of the two policies of this target.',
  Forbidden: 'Grant the observer the right that the message names.',
};

export function remedyOf(situation: Situation): string | null {
  const { observed } = situation;
  if (observed === undefined) return null;
  const { spec } = observed.policy;
  if (spec.suspend !== 'none') {
    return `The kill switch is on (${spec.suspend}): nothing is written until somebody lets it go on.`;
  }
  if (spec.mode === 'off') return 'The policy has mode off: set another mode to go on.';
  if (observed.problem !== null) return PROBLEM_REMEDY[observed.problem.reason] ?? null;
  const block = blockOf(situation);
  if (block !== null) return `Nothing is written: ${block}.`;
  return isStale(situation)
    ? 'Check that the observer runs and the beat (PingSource) ticks.'
    : limitOf(situation);
}

/** More is wanted than may be had: that stays so until somebody gives it room. */
function limitOf({ decision }: Situation): string | null {
  const limit = (name: string) => decision?.constraints.find((each) => each.name === name);
  const unplaced = limit('no-room');
  if (unplaced !== undefined) return `${unplaced.detail}: give the cluster room.`;
  const capped = limit('max-replicas');
  if (capped === undefined) return null;
  return `${pods(capped.from)} are wanted, and ${capped.detail}: raise maxReplicas if this lasts.`;
}
