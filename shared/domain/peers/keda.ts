import { DEFAULT_BEHAVIOR, type Behavior } from './behavior.ts';
import {
  HPA_SYNC_SECONDS,
  HPA_TOLERANCE,
  newHpaState,
  settle,
  syncDue,
  type HpaState,
} from './hpa.ts';

export interface KedaSettings {
  /** Value of the metric that one replica shall have (AverageValue). */
  readonly threshold: number;
  readonly activationThreshold?: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly idleReplicas?: number;
  readonly pollingSeconds?: number;
  readonly cooldownSeconds?: number;
  /** An empty answer counts as 0; KEDA's Prometheus scaler ships with true. */
  readonly ignoreNullValues?: boolean;
  /** After so many errors in a row the metric is what this many replicas would need. */
  readonly fallback?: { readonly failureThreshold: number; readonly replicas: number };
  readonly behavior?: Behavior;
}

export interface KedaInput {
  readonly atMs: number;
  /** spec.replicas of the target. */
  readonly replicas: number;
  /** status.replicas: pods that exist, ready or not. */
  readonly existing: number;
  /** The trigger's value; null: the query gave nothing. */
  readonly value: number | null;
  readonly minReplicas?: number;
}

/** Plain JSON. */
export interface KedaState {
  hpa: HpaState;
  polledAtMs: number | null;
  activeAtMs: number | null;
  failures: number;
}

export const newKedaState = (): KedaState => ({
  hpa: newHpaState(),
  polledAtMs: null,
  activeAtMs: null,
  failures: 0,
});

interface Limits {
  readonly min: number;
  readonly max: number;
}

/** External AverageValue of an HPA: ready pods play no part. */
export function proposeByAverage(
  value: number,
  threshold: number,
  pods: { readonly replicas: number; readonly existing: number },
): number {
  const ratio = value / (threshold * Math.max(1, pods.existing));
  return Math.abs(1 - ratio) <= HPA_TOLERANCE ? pods.replicas : Math.ceil(value / threshold);
}

/** What the trigger is worth after KEDA's own handling of empty answers and errors. */
function triggerValue(settings: KedaSettings, state: KedaState, value: number | null) {
  if (value !== null) {
    state.failures = 0;
    return value;
  }
  if (settings.ignoreNullValues ?? true) return 0;
  state.failures += 1;
  const { fallback } = settings;
  const givesUp = fallback !== undefined && state.failures > fallback.failureThreshold;
  return givesUp ? fallback.replicas * settings.threshold : null;
}

/** Wakes a target that sleeps at zero or idles below its minimum. */
function wake(settings: KedaSettings, state: KedaState, input: KedaInput, min: number) {
  state.activeAtMs = input.atMs;
  const idles = settings.idleReplicas !== undefined && input.replicas < min;
  return input.replicas === 0 || idles ? Math.max(1, min) : null;
}

const isError = ({ ignoreNullValues }: KedaSettings, { value }: KedaInput): boolean =>
  value === null && !(ignoreNullValues ?? true);

/** Sends an inactive target to rest once the cooldown is over. An error is not inactivity. */
function rest(settings: KedaSettings, state: KedaState, input: KedaInput, min: number) {
  const floor = settings.idleReplicas ?? (min === 0 ? 0 : null);
  if (isError(settings, input) || floor === null || input.replicas <= floor) return null;
  const cooldownMs = (settings.cooldownSeconds ?? 300) * 1000;
  const over = state.activeAtMs === null || state.activeAtMs + cooldownMs < input.atMs;
  return over ? floor : null;
}

/** The scale loop, every polling interval. Null: leaves it to the HPA. */
function wakeOrRest(settings: KedaSettings, state: KedaState, input: KedaInput, min: number) {
  const pollingSeconds = settings.pollingSeconds ?? 30;
  if (!syncDue({ syncedAtMs: state.polledAtMs }, input.atMs, pollingSeconds)) return null;
  state.polledAtMs = input.atMs;
  const active = (input.value ?? 0) > (settings.activationThreshold ?? 0);
  return active ? wake(settings, state, input, min) : rest(settings, state, input, min);
}

function scaleByHpa(
  settings: KedaSettings,
  state: KedaState,
  input: KedaInput,
  limits: Limits,
): number {
  const value = triggerValue(settings, state, input.value);
  return settle(state.hpa, settings.behavior ?? DEFAULT_BEHAVIOR, {
    atMs: input.atMs,
    current: input.replicas,
    wanted: value === null ? null : proposeByAverage(value, settings.threshold, input),
    minReplicas: limits.min,
    maxReplicas: limits.max,
  });
}

/**
 * KEDA on one metric: a scale loop between 0 and 1, an HPA on an external AverageValue from there
 * on. With minReplicas ≥ 1 and no idle replicas, polling and cooldown do nothing.
 * Source: kedacore/keda pkg/scaling/executor and the HPA it makes.
 */
export function createKeda(settings: KedaSettings, state: KedaState = newKedaState()) {
  return {
    state,
    decide(input: KedaInput): number {
      const min = Math.min(input.minReplicas ?? settings.minReplicas, settings.maxReplicas);
      const woken = wakeOrRest(settings, state, input, min);
      if (woken !== null) state.hpa.answer = woken;
      if (woken !== null || input.replicas === 0) return woken ?? 0;
      if (!syncDue(state.hpa, input.atMs, HPA_SYNC_SECONDS)) return state.hpa.answer;
      state.hpa.syncedAtMs = input.atMs;
      const limits = { min, max: settings.maxReplicas };
      state.hpa.answer = scaleByHpa(settings, state, input, limits);
      return state.hpa.answer;
    },
  };
}
