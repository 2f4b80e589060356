import type { Counters, Sample } from '#shared/domain/types.ts';
import type { LearningState, ObservedState, PolicySpec } from '#shared/events/index.ts';
import { changeOf } from './changes.ts';
import { PointLog, type PointShares } from './point-log.ts';
import { nextPoint, stepFor, toSeries, type Standing } from './points.ts';
import { quantile, Ring } from './rings.ts';
import { staleAfterMs } from './stale.ts';
import { hpaSentenceOf, remedyOf, sentenceOf, stateOf, whyOf, type Situation } from './state.ts';
import type { DecisionRecord, Series, State, TargetView } from './view.ts';

/** Raw counters into rates: the core's own, so that the charts show what it saw. */
export type Measure = (
  previous: Counters | null,
  state: ObservedState,
) => { sample: Sample | null; counters: Counters | null };

/** How much is kept of each target. */
export interface Shares extends PointShares {
  readonly decisions: number;
}

const MOST_ROWS = 1200; // about one per pixel of a wide chart
const MOST_RECENT_BEATS = 9;
const MOST_CHANGES = 400;
/**
 * Beats that were held up come in a bunch. Between looks so close together counters say nothing: of two
 * that ran at once the later may even have read the older value, which looks like a restarted counter.
 */
const SAME_LOOK_MS = 500;

type Learning = ReturnType<typeof LearningState.parse>;

/** Everything kept of one policy's target: bounded, oldest first out. */
export class TargetLog {
  readonly uid: string;
  observed: ObservedState | undefined;
  readonly #measure: Measure;
  readonly #points: PointLog;
  readonly #decisions: Ring<DecisionRecord>;
  readonly #intervals = new Ring<number>(MOST_RECENT_BEATS);
  #counters: Counters | null = null;
  #sample: Sample | null = null;
  #learning: { atMs: number; state: Learning } | undefined;
  #hpaSinceMs: number | null = null;
  #observedSinceMs: number | null = null;

  constructor(uid: string, shares: Shares, measure: Measure) {
    this.uid = uid;
    this.#measure = measure;
    this.#points = new PointLog(shares);
    this.#decisions = new Ring(shares.decisions);
  }

  resize(shares: Shares): void {
    this.#points.resize(shares);
    this.#decisions.resize(shares.decisions);
  }

  get id(): string {
    const { observed } = this;
    if (observed === undefined) {
      const last = this.#decisions.last;
      return last?.subject ?? this.uid;
    }
    const name = observed.target?.name ?? observed.policy.spec.targetRef.name;
    return `${observed.target?.namespace ?? observed.policy.namespace}/${name}`;
  }

  get policyName(): string {
    const policy = this.observed?.policy ?? this.#decisions.last?.policy;
    return policy === undefined ? this.uid : `${policy.namespace}/${policy.name}`;
  }

  /** Takes one observation; an older one than the last says nothing new. False: it was not newer. */
  observe(state: ObservedState): boolean {
    const previous = this.observed;
    if (previous !== undefined && state.observedAtMs <= previous.observedAtMs) return false;
    if (previous !== undefined && state.cause === 'beat') {
      this.#intervals.push(state.observedAtMs - previous.observedAtMs);
    }
    // A target that was deleted and made again shares nothing with the old one but its name.
    if (previous?.target?.uid !== state.target?.uid) this.#counters = null;
    this.#gap(state.observedAtMs);
    this.observed = state;
    this.#point(state);
    return true;
  }

  #gap(atMs: number): void {
    const silentMs = atMs - (this.observed?.observedAtMs ?? -Infinity);
    if (silentMs > staleAfterMs(this.beatMs())) this.#observedSinceMs = atMs;
  }

  /** Adds a decision, or replaces the record with the same id. */
  decide(record: DecisionRecord): void {
    if (record.counterfactual.hpa !== null) this.#hpaSinceMs ??= record.atMs;
    this.#decisions.insert(record, isBefore); // events may overtake each other
    if (record.learning !== null) this.learn(record.atMs, record.learning);
  }

  learn(atMs: number, state: Learning): void {
    if (atMs >= (this.#learning?.atMs ?? 0)) this.#learning = { atMs, state };
  }

  /** Newest first, of those that are wanted. */
  decisions(limit: number, wanted?: (record: DecisionRecord) => boolean): DecisionRecord[] {
    return this.#decisions.newestFirst(limit, wanted);
  }

  state(nowMs: number): State {
    return stateOf(this.#situation(nowMs));
  }

  view(nowMs: number): TargetView {
    const situation = this.#situation(nowMs);
    const { mode, suspend, slo, minReplicas, maxReplicas, cooldownSeconds } = this.#spec();
    const { autoscaler, problem, observedAtMs } = this.observed ?? UNOBSERVED;
    const { counterfactual, id: lastDecisionId } = this.#decisions.last ?? UNDECIDED;
    const { inputs, forecast, price } = this.#informed() ?? UNINFORMED;
    return {
      id: this.id,
      policy: this.#policy(),
      target: this.#target(),
      state: stateOf(situation),
      sentence: sentenceOf(situation),
      why: whyOf(situation),
      hpaSentence: hpaSentenceOf(situation),
      remedy: remedyOf(situation),
      beatMs: this.beatMs(),
      bounds: { minReplicas, maxReplicas },
      now: this.#now(),
      workload: inputs === null ? null : workloadOf(inputs),
      learning: this.#learning?.state ?? null,
      versusHpa: this.#versusHpa(),
      ...{ mode, suspend, slo, cooldownSeconds, observedAtMs, autoscaler, problem },
      ...{ counterfactual, forecast, price, lastDecisionId },
    };
  }

  /** The charts of the last `rangeMs`; null: of all that is kept. */
  series(nowMs: number, rangeMs: number | null): Series {
    const points = this.#points.since(rangeMs === null ? 0 : nowMs - rangeMs);
    const fromMs = rangeMs === null ? (points[0]?.atMs ?? nowMs) : Math.max(0, nowMs - rangeMs);
    const stepSeconds = stepFor(nowMs - fromMs, MOST_ROWS);
    const changes = this.#decisions
      .newestFirst(MOST_CHANGES, (record) => record.atMs >= fromMs && record.from !== record.to)
      .map(changeOf)
      .reverse();
    return toSeries(this.id, points, { fromMs, toMs: nowMs, stepSeconds, changes });
  }

  /** The newest beat alone, for the stream. */
  newest(): Series | undefined {
    const last = this.#points.last;
    if (last === undefined) return undefined;
    return toSeries(this.id, [last], {
      fromMs: last.atMs,
      toMs: last.atMs,
      stepSeconds: 1,
      changes: [],
    });
  }

  #read(state: ObservedState): void {
    if (state.replicas === null || state.readings === null) {
      this.#sample = null;
      return;
    }
    const { sample, counters } = this.#measure(this.#counters, state);
    this.#sample = sample;
    this.#counters = counters;
  }

  #point(state: ObservedState): void {
    const last = this.#points.last;
    if (last !== undefined && state.observedAtMs - last.atMs < SAME_LOOK_MS) return;
    this.#read(state);
    this.#points.push(nextPoint(state.observedAtMs, this.#sample, this.#standing(), last));
  }

  /** The newest decision that was made on data. */
  #informed(): DecisionRecord | undefined {
    return this.#decisions.newestFirst(1, (record) => record.inputs !== null)[0];
  }

  #standing(): Standing {
    const inputs = this.#informed()?.inputs ?? null;
    return {
      podCapacity: inputs === null ? null : inputs.capacityPerPod.value * inputs.knee.value,
      hpaReplicas: this.#decisions.last?.counterfactual.hpa ?? null,
    };
  }

  #spec(): Pick<PolicySpec, keyof typeof NO_POLICY> {
    return (
      this.observed?.policy.spec ?? { ...NO_POLICY, mode: this.#decisions.last?.mode ?? 'off' }
    );
  }

  #target(): TargetView['target'] {
    return this.observed?.target ?? this.#decisions.last?.target ?? null;
  }

  #versusHpa(): TargetView['versusHpa'] {
    const last = this.#points.last;
    if (this.#hpaSinceMs === null || last === undefined) return null;
    return { sinceMs: this.#hpaSinceMs, ours: last.ourPodSeconds, hpa: last.hpaPodSeconds };
  }

  /** Usual time between two observations; null until it is known. */
  beatMs(): number | null {
    return quantile(this.#intervals.items, 0.5);
  }

  #situation(nowMs: number): Situation {
    const [decision, previous] = this.#decisions.newestFirst(2);
    return {
      ...{ nowMs, decision, previous, observedSinceMs: this.#observedSinceMs },
      unansweredSinceMs: this.#unansweredSinceMs(),
      observed: this.observed,
      point: this.#points.last,
      beatMs: this.beatMs(),
    };
  }

  #unansweredSinceMs(): number | null {
    const { items } = this.#decisions;
    const answered = items.findLastIndex(({ action }) => action !== null);
    return items[answered + 1]?.atMs ?? null;
  }

  #policy(): TargetView['policy'] {
    const policy = this.observed?.policy ?? this.#decisions.last?.policy;
    return {
      namespace: policy?.namespace ?? '',
      name: policy?.name ?? '',
      uid: policy?.uid ?? this.uid,
    };
  }

  #now(): TargetView['now'] {
    const replicas = this.observed?.replicas ?? null;
    const sample = this.#sample;
    if (sample === null) return { ...UNREAD, replicas };
    const { atMs, measuredAtMs, requestsPerSecond, lateRatio, failedRatio, latencyP95Ms } = sample;
    const { cpuUtilization, memoryUtilization, inFlight, lagMessages } = sample;
    return {
      telemetryAgeMs: measuredAtMs === null ? null : Math.max(0, atMs - measuredAtMs),
      ...{ requestsPerSecond, lateRatio, failedRatio, latencyP95Ms },
      ...{ cpuUtilization, memoryUtilization, inFlight, lagMessages, replicas },
    };
  }
}

const UNOBSERVED = { autoscaler: null, problem: null, observedAtMs: null };
const UNDECIDED = { counterfactual: { hpa: null, keda: null, kpa: null }, id: null };
const UNINFORMED = { inputs: null, forecast: null, price: null };
const UNREAD = {
  telemetryAgeMs: null,
  requestsPerSecond: null,
  lateRatio: null,
  failedRatio: null,
  latencyP95Ms: null,
  cpuUtilization: null,
  memoryUtilization: null,
  inFlight: null,
  lagMessages: null,
};

/** Shown until the first observation brings the policy: the defaults of the CRD. */
const NO_POLICY = {
  mode: 'off' as const,
  suspend: 'none' as const,
  slo: { latencyMilliseconds: 500, violatingMinutesPercent: 0.3, lateRequestsPercent: 0.4 },
  minReplicas: 1,
  maxReplicas: 50,
  cooldownSeconds: 300,
};

type Inputs = NonNullable<DecisionRecord['inputs']>;

const workloadOf = (inputs: Inputs): TargetView['workload'] => {
  const { capacityPerPod, knee, backgroundLateRatio, startupSeconds, controlDelay } = inputs;
  return { capacityPerPod, knee, backgroundLateRatio, startupSeconds, controlDelay };
};

const isBefore = (a: DecisionRecord, b: DecisionRecord): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
