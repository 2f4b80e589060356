import {
  applyBehavior,
  applyLegacyBehavior,
  DEFAULT_BEHAVIOR,
  newBehaviorState,
  type Behavior,
  type BehaviorState,
} from './behavior.ts';

export interface HpaSettings {
  /** Target of the resource metric: CPU used / requested; 0.7 is 70 %. */
  readonly targetUtilization: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly tolerance?: number;
  readonly syncSeconds?: number;
  /** `legacy` is the path of an HPA without a `behavior` block. */
  readonly behavior?: Behavior | 'legacy';
}

/** What an HPA sees at one sync. */
export interface HpaInput {
  readonly atMs: number;
  /** spec.replicas of the target. */
  readonly replicas: number;
  /** Pods whose metric counts. */
  readonly ready: number;
  /** Pods set aside: not ready yet, or younger than the metric's window. */
  readonly unready: number;
  /** Pods without a metric. */
  readonly missing: number;
  /** Mean use of the ready pods; null where the metric could not be had at all. */
  readonly utilization: number | null;
  /** In place of the setting, where something else moves `spec.minReplicas`. */
  readonly minReplicas?: number;
}

/** Plain JSON. */
export interface HpaState {
  behavior: BehaviorState;
  syncedAtMs: number | null;
  answer: number;
}

export const newHpaState = (): HpaState => ({
  behavior: newBehaviorState(),
  syncedAtMs: null,
  answer: 0,
});

export const HPA_TOLERANCE = 0.1;
export const HPA_SYNC_SECONDS = 15;
const EARLY_MS = 500; // a beat that comes a little early still counts as the sync

/** Whether the next sync is due; the caller's beat may be faster than the HPA's. */
export const syncDue = (
  state: { readonly syncedAtMs: number | null },
  atMs: number,
  syncSeconds: number,
): boolean => state.syncedAtMs === null || atMs - state.syncedAtMs >= syncSeconds * 1000 - EARLY_MS;

/** Whether a ratio asks for the other direction than the one before it. */
const opposed = (ratio: number, again: number): boolean => (ratio - 1) * (again - 1) < 0;

/** Use over target, both in whole percent as the HPA has them (the use is cut, not rounded). */
const ratioOf = (usage: number, target: number): number =>
  Math.trunc(usage * 100 + 1e-9) / Math.round(target * 100);

/** With pods set aside or silent: they count as idle when scaling up, as full when scaling down. */
function rebalanced(input: HpaInput, usage: number, target: number, tolerance: number): number {
  const ratio = ratioOf(usage, target);
  const { replicas, ready, missing } = input;
  if (ratio === 1) return replicas; // neither direction: nothing is assumed of silent pods
  const count = ready + missing + (ratio > 1 ? input.unready : 0);
  const assumed = ratio < 1 ? missing * Math.max(1, target) : 0;
  const again = ratioOf((usage * ready + assumed) / count, target);
  if (Math.abs(1 - again) <= tolerance || opposed(ratio, again)) return replicas;
  const wanted = Math.ceil(again * count);
  return (again - 1) * (wanted - replicas) < 0 ? replicas : wanted;
}

/**
 * Raw recommendation of the resource metric, before stabilisation and bounds; null where no metric
 * could be had. Source: kubernetes pkg/controller/podautoscaler/replica_calculator.go.
 */
export function proposeByUtilization(
  input: HpaInput,
  target: number,
  tolerance = HPA_TOLERANCE,
): number | null {
  if (input.utilization === null || input.ready <= 0) return null;
  const ratio = ratioOf(input.utilization, target);
  if (input.missing > 0 || (input.unready > 0 && ratio > 1)) {
    return rebalanced(input, input.utilization, target, tolerance);
  }
  return Math.abs(1 - ratio) <= tolerance ? input.replicas : Math.ceil(ratio * input.ready);
}

/** Replicas outside the bounds are put right without asking any metric; 0 switches an HPA off. */
function withoutMetric(replicas: number, min: number, max: number): number | null {
  if (replicas === 0) return 0;
  if (replicas > max) return max;
  return replicas < min ? min : null;
}

/**
 * From a raw recommendation to what is written. Null recommendation: nothing changes. The least an
 * HPA may go to is 1: with a minimum of 0 the API refuses one that has resource metrics alone.
 */
export function settle(
  state: HpaState,
  behavior: Behavior | 'legacy',
  step: {
    readonly atMs: number;
    readonly current: number;
    readonly wanted: number | null;
    readonly minReplicas: number;
    readonly maxReplicas: number;
  },
): number {
  const minReplicas = Math.max(1, step.minReplicas);
  const fixed = withoutMetric(step.current, minReplicas, step.maxReplicas);
  if (fixed !== null) return fixed;
  if (step.wanted === null) return step.current;
  const known = { ...step, minReplicas, wanted: step.wanted };
  return behavior === 'legacy'
    ? applyLegacyBehavior(state.behavior, known)
    : applyBehavior(state.behavior, behavior, known);
}

/** A HorizontalPodAutoscaler on CPU utilisation. Between syncs it repeats its last answer. */
export function createHpa(settings: HpaSettings, state: HpaState = newHpaState()) {
  const syncSeconds = settings.syncSeconds ?? HPA_SYNC_SECONDS;
  const behavior = settings.behavior ?? DEFAULT_BEHAVIOR;
  return {
    state,
    decide(input: HpaInput): number {
      if (!syncDue(state, input.atMs, syncSeconds)) return state.answer;
      state.syncedAtMs = input.atMs;
      state.answer = settle(state, behavior, {
        atMs: input.atMs,
        current: input.replicas,
        wanted: proposeByUtilization(input, settings.targetUtilization, settings.tolerance),
        minReplicas: Math.min(input.minReplicas ?? settings.minReplicas, settings.maxReplicas),
        maxReplicas: settings.maxReplicas,
      });
      return state.answer;
    },
  };
}
