import {
  ActionExecuted,
  AdviceGiven,
  AlertRaised,
  DecisionMade,
  PolicyLearned,
  RewardCalculated,
  StateObserved,
  type Action,
  type Advice,
  Decision,
  type Rewards,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { NimbusError } from '#shared/errors.ts';
import { isDuplicate } from './duplicate.ts';
import { BoundedMap } from './rings.ts';
import { TargetLog, type Measure, type Shares } from './target-log.ts';
import type { DecisionRecord } from './view.ts';

/** Limits of memory, shared by all targets: about 60 MB when full. */
const TOTAL = { beats: 120_000, minutes: 120_000, decisions: 4000 };
const ONE_TARGET: Shares = { beats: 21_600, minutes: 20_160, decisions: 2000 };
const LEAST: Shares = { beats: 180, minutes: 120, decisions: 8 };
const MAX_TARGETS = 1000;
const MAX_WAITING = 2048;
/** Every beat looks at every policy: one that the others left behind so far was deleted. */
const GONE_AFTER_MS = 300_000;
/** The same where another policy of the same target goes on: it was made anew. */
const REPLACED_AFTER_MS = 30_000;

/** When the event says it happened, milliseconds; else when it came. */
function timeOf(event: UnknownEvent, receivedAtMs: number): number {
  const parsed = event.time === undefined ? Number.NaN : Date.parse(event.time);
  return Number.isNaN(parsed) ? receivedAtMs : parsed;
}

/** Without the outcomes that travel along: each stands at its own decision. */
const Shown = Decision.omit({ matured: true });

type Patch = Partial<Pick<DecisionRecord, 'action' | 'advice' | 'outcome'>>;

/** What a change touched; the stream sends it on. */
export interface Changes {
  readonly target: (log: TargetLog) => void;
  readonly point: (log: TargetLog) => void;
  readonly decision: (record: DecisionRecord) => void;
}

/** Shares shrink when the number of targets doubles: cutting all logs for each new one would be slow. */
const sharesFor = (targets: number): Shares => {
  const room = 2 ** Math.ceil(Math.log2(targets));
  const share = (name: keyof Shares): number =>
    Math.max(LEAST[name], Math.min(ONE_TARGET[name], Math.floor(TOTAL[name] / room)));
  return { beats: share('beats'), minutes: share('minutes'), decisions: share('decisions') };
};

/** When the target was looked at last, or decided on where no look has come yet. */
const seenAtMs = (log: TargetLog): number =>
  log.observed?.observedAtMs ?? log.decisions(1)[0]?.atMs ?? 0;

/** The order of all lists of decisions: total, and within a target that of its log. */
const newestFirst = (a: DecisionRecord, b: DecisionRecord): number =>
  b.atMs - a.atMs || b.sequence - a.sequence || (a.id < b.id ? -1 : Number(a.id > b.id));

/** Of two policies on one target the one that works, not the duplicate. */
export function working(logs: readonly TargetLog[]): TargetLog[] {
  const some = logs.filter(({ observed }) => !observed || !isDuplicate(observed));
  return some.length > 0 ? some : [...logs];
}

function refuseSeveral(name: string, named: readonly TargetLog[]): void {
  const ids = [...new Set(named.map((log) => log.id))];
  if (ids.length < 2) return;
  const message = `must be one of ${ids.slice(0, 20).join(', ')}: the bare name is that of several`;
  throw new NimbusError('input.invalid', `target: ${message} (got ${name.slice(0, 80)})`, {
    fields: [{ path: 'target', message, value: JSON.stringify(name.slice(0, 78)) }],
  });
}

/**
 * The operator's memory of all targets, fed with events in any order and any number of times.
 * Every collection has a limit; with more targets each keeps less.
 */
export class History {
  readonly #logs = new Map<string, TargetLog>();
  readonly #records = new BoundedMap<string, DecisionRecord>(TOTAL.decisions);
  /** What arrived before its decision. */
  readonly #waiting = new BoundedMap<string, Patch>(MAX_WAITING);
  readonly #measure: Measure;
  readonly #changes: Changes;
  #shares = ONE_TARGET;
  readonly #takers: Readonly<Record<string, (event: UnknownEvent, atMs: number) => void>> = {
    [StateObserved.type]: (event) => this.#observed(StateObserved.parse(event).data),
    [DecisionMade.type]: (event, atMs) =>
      this.#decided(DecisionMade.parse(event).data, event, atMs),
    [ActionExecuted.type]: (event) => this.#executed(ActionExecuted.parse(event).data),
    [RewardCalculated.type]: (event) => this.#rewarded(RewardCalculated.parse(event).data),
    [PolicyLearned.type]: (event, atMs) => this.#learned(PolicyLearned.parse(event).data, atMs),
    [AdviceGiven.type]: (event) => this.#advised(AdviceGiven.parse(event).data),
    [AlertRaised.type]: (event) => void AlertRaised.parse(event),
  };

  constructor(measure: Measure, changes: Changes) {
    this.#measure = measure;
    this.#changes = changes;
  }

  /** Takes one event; throws `event.unusable` where its type or data are none of the vocabulary. */
  accept(event: UnknownEvent, receivedAtMs: number): void {
    const atMs = timeOf(event, receivedAtMs);
    const take = this.#takers[event.type];
    if (take === undefined) {
      throw new NimbusError('event.unusable', `type: no event of this system (got ${event.type})`, {
        fields: [{ path: 'type', message: 'expected a type of the vocabulary', value: event.type }],
      });
    }
    take(event, atMs);
  }

  /** Of the policies that are there; one that comes back brings its history along. */
  get logs(): TargetLog[] {
    const newest = new Map<string, number>();
    let last = 0;
    for (const log of this.#logs.values()) {
      last = Math.max(last, seenAtMs(log));
      newest.set(log.id, Math.max(newest.get(log.id) ?? 0, seenAtMs(log)));
    }
    const isThere = (log: TargetLog): boolean =>
      last - seenAtMs(log) < GONE_AFTER_MS &&
      (newest.get(log.id) ?? 0) - seenAtMs(log) < REPLACED_AFTER_MS;
    return [...this.#logs.values()].filter(isThere).sort((a, b) => a.id.localeCompare(b.id));
  }

  /**
   * By `namespace/name` of the target, the policy's UID, `namespace/name` of the policy, or the target's bare
   * name, in this order: a policy may be called like the target of another. Throws `input.invalid` where a
   * bare name could be several targets.
   */
  find(name: string): TargetLog | undefined {
    const [exact] = this.exactly(name);
    if (exact !== undefined) return exact;
    const { logs } = this;
    // Made anew for another target a policy is there twice for a while.
    const ofPolicy = logs.filter((log) => log.policyName === name);
    if (ofPolicy.length > 0) return ofPolicy.sort((a, b) => seenAtMs(b) - seenAtMs(a))[0];
    const named = logs.filter((log) => log.id.endsWith(`/${name}`));
    refuseSeveral(name, named);
    return working(named)[0];
  }

  /**
   * By `namespace/name` of the target or the policy's UID. Several where policies name workloads of
   * different kinds that are called alike, such as a Deployment and its HPA.
   */
  exactly(name: string): TargetLog[] {
    return working(this.logs.filter((log) => log.id === name || log.uid === name));
  }

  /** One of those that the lists have, which may reach further back than the newest of all targets. */
  decision(id: string): DecisionRecord | undefined {
    const isIt = (record: DecisionRecord): boolean => record.id === id;
    return this.#records.get(id) ?? this.logs.flatMap((log) => log.decisions(1, isIt))[0];
  }

  /**
   * Newest first, of one target or of all: those made before a time, or those behind the decision with
   * that id. One beat decides for all targets at the same instant: a time alone is no place in the list.
   */
  decisions(limit: number, before: number | string = Infinity, log?: TargetLog): DecisionRecord[] {
    const follows = this.#following(before);
    return (log === undefined ? this.logs : [log])
      .flatMap((each) => each.decisions(limit, follows))
      .sort(newestFirst)
      .slice(0, limit);
  }

  #following(before: number | string): (record: DecisionRecord) => boolean {
    if (typeof before === 'number') return (record) => record.atMs < before;
    const last = this.decision(before);
    if (last !== undefined) return (record) => newestFirst(last, record) < 0;
    const message = 'must be a time in Unix milliseconds or the id of a decision that is in memory';
    throw new NimbusError('input.invalid', `before: ${message} (got ${before.slice(0, 120)})`, {
      fields: [{ path: 'before', message, value: JSON.stringify(before.slice(0, 78)) }],
    });
  }

  #log(policyUid: string): TargetLog {
    const known = this.#logs.get(policyUid);
    if (known !== undefined) return known;
    if (this.#logs.size >= MAX_TARGETS) this.#forgetOldest();
    const log = new TargetLog(policyUid, this.#shares, this.#measure);
    this.#logs.set(policyUid, log);
    const shares = sharesFor(this.#logs.size);
    if (shares.beats !== this.#shares.beats || shares.decisions !== this.#shares.decisions) {
      this.#shares = shares;
      for (const each of this.#logs.values()) each.resize(shares);
    }
    return log;
  }

  #forgetOldest(): void {
    let oldest: TargetLog | undefined;
    for (const log of this.#logs.values()) {
      if (oldest === undefined || seenAtMs(log) < seenAtMs(oldest)) oldest = log;
    }
    if (oldest !== undefined) this.#logs.delete(oldest.uid);
  }

  #observed(state: ReturnType<typeof StateObserved.parse>['data']): void {
    const log = this.#log(state.policy.uid);
    if (!log.observe(state)) return;
    this.#changes.point(log);
    this.#changes.target(log);
  }

  #decided(decision: Decision, event: UnknownEvent, eventAtMs: number): void {
    this.#matured(decision.matured);
    if (this.#records.get(decision.id) !== undefined) return;
    const record: DecisionRecord = {
      ...Shown.parse(decision),
      atMs: decision.inputs?.atMs ?? eventAtMs,
      subject: event.subject ?? `${decision.policy.namespace}/${decision.policy.name}`,
      traceparent: event.traceparent ?? null,
      action: null,
      advice: null,
      outcome: null,
      ...this.#waiting.get(decision.id),
    };
    const log = this.#log(decision.policy.uid);
    this.#records.set(record.id, record);
    log.decide(record);
    this.#changes.decision(record);
    this.#changes.target(log);
  }

  #executed(action: Action): void {
    const { matured, ...shown } = action;
    this.#matured(matured);
    this.#patch(action.decisionId, { action: shown });
  }

  #advised(advice: Advice): void {
    this.#patch(advice.decisionId, { advice });
  }

  #rewarded(rewards: Rewards): void {
    for (const score of rewards.scores) {
      const matured = this.#patched(score.decisionId)?.outcome?.matured ?? null;
      this.#patch(score.decisionId, { outcome: { score, matured } });
    }
  }

  #matured(matured: Decision['matured']): void {
    for (const each of matured) {
      const known = this.#patched(each.decisionId)?.outcome;
      if (known?.matured?.maturedAtMs === each.maturedAtMs) continue; // it travels until learned
      this.#patch(each.decisionId, { outcome: { score: known?.score ?? null, matured: each } });
    }
  }

  #learned(learned: ReturnType<typeof PolicyLearned.parse>['data'], atMs: number): void {
    const log = this.#log(learned.policy.uid);
    log.learn(atMs, learned.learning);
    this.#changes.target(log);
  }

  #patched(decisionId: string): Patch | undefined {
    return this.#records.get(decisionId) ?? this.#waiting.get(decisionId);
  }

  #patch(decisionId: string, patch: Patch): void {
    const record = this.#records.get(decisionId);
    if (record === undefined) {
      this.#waiting.set(decisionId, { ...this.#waiting.get(decisionId), ...patch });
      return;
    }
    Object.assign(record, patch);
    this.#changes.decision(record);
    const log = this.#logs.get(record.policy.uid);
    if (patch.action !== undefined && log !== undefined) this.#changes.target(log);
  }
}
