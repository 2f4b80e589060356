/** A `behavior` rule of an HPA: at most this much change in the period. */
interface ScalingRule {
  readonly type: 'percent' | 'pods';
  readonly value: number;
  readonly periodSeconds: number;
}

/** One direction of an HPA's `behavior` block (autoscaling/v2). */
interface ScalingRules {
  readonly windowSeconds: number;
  readonly rules: readonly ScalingRule[];
  readonly select: 'max' | 'min' | 'disabled';
}

export interface Behavior {
  readonly up: ScalingRules;
  readonly down: ScalingRules;
}

/** The defaults of autoscaling/v2: up to +100 % or +4 pods in 15 s at once, down after 300 s. */
export const DEFAULT_BEHAVIOR: Behavior = {
  up: {
    windowSeconds: 0,
    rules: [
      { type: 'percent', value: 100, periodSeconds: 15 },
      { type: 'pods', value: 4, periodSeconds: 15 },
    ],
    select: 'max',
  },
  down: {
    windowSeconds: 300,
    rules: [{ type: 'percent', value: 100, periodSeconds: 15 }],
    select: 'max',
  },
};

/** Time in milliseconds and a number of replicas. */
export type Stamped = [atMs: number, replicas: number];

/** What an HPA remembers; plain JSON. Lost when its controller restarts. */
export interface BehaviorState {
  recommendations: Stamped[];
  added: Stamped[];
  removed: Stamped[];
}

export const newBehaviorState = (): BehaviorState => ({
  recommendations: [],
  added: [],
  removed: [],
});

export interface Bounds {
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

function forget(stamps: Stamped[], untilMs: number): void {
  let old = 0;
  for (const [atMs] of stamps) {
    if (atMs > untilMs) break;
    old += 1;
  }
  if (old > 0) stamps.splice(0, old);
}

const sumAfter = (stamps: readonly Stamped[], afterMs: number): number => {
  let total = 0;
  for (const [atMs, replicas] of stamps) if (atMs > afterMs) total += replicas;
  return total;
};

/** The limit a direction's rules set: how far replicas may be at most after this sync. */
function limitOf(
  rules: ScalingRules,
  sign: 1 | -1,
  startOf: (rule: ScalingRule) => number,
): number {
  const limits = rules.rules.map((rule) => {
    const start = startOf(rule);
    if (rule.type === 'pods') return start + sign * rule.value;
    const changed = start * (1 + (sign * rule.value) / 100);
    return sign > 0 ? Math.ceil(changed - 1e-9) : Math.trunc(changed + 1e-9);
  });
  const widest = (rules.select === 'max') === sign > 0;
  return widest ? Math.max(...limits) : Math.min(...limits);
}

const longest = (rules: ScalingRules): number =>
  rules.rules.reduce((seconds, rule) => Math.max(seconds, rule.periodSeconds), 0);

function rateLimit(
  state: BehaviorState,
  behavior: Behavior,
  atMs: number,
  [current, wanted]: readonly [number, number],
): number {
  if (wanted === current) return current;
  const rules = wanted > current ? behavior.up : behavior.down;
  if (rules.select === 'disabled') return current;
  const startOf = (rule: ScalingRule): number => {
    const since = atMs - rule.periodSeconds * 1000;
    return current - sumAfter(state.added, since) + sumAfter(state.removed, since);
  };
  return wanted > current
    ? Math.min(wanted, Math.max(current, limitOf(rules, 1, startOf)))
    : Math.max(wanted, Math.min(current, limitOf(rules, -1, startOf)));
}

/** Largest or smallest of `wanted` and the recommendations that are younger than the window. */
function extreme(state: BehaviorState, pick: 1 | -1, sinceMs: number, wanted: number): number {
  let found = wanted;
  for (const [atMs, replicas] of state.recommendations) {
    if (atMs > sinceMs && pick * replicas > pick * found) found = replicas;
  }
  return found;
}

/** A controller that remembers nothing takes what is there as its first recommendation. */
function startFrom(
  state: BehaviorState,
  step: { readonly atMs: number; readonly current: number },
): void {
  if (state.recommendations.length === 0) state.recommendations.push([step.atMs, step.current]);
}

/**
 * Turns a raw recommendation into what an HPA with a `behavior` block writes: stabilisation over
 * the windows, rate limits per period, bounds. Remembers the raw recommendation and its own change.
 * Source: kubernetes pkg/controller/podautoscaler/horizontal.go, autoscaling/v2 path.
 */
export function applyBehavior(
  state: BehaviorState,
  behavior: Behavior,
  step: { readonly atMs: number; readonly current: number; readonly wanted: number } & Bounds,
): number {
  const { atMs, current, wanted } = step;
  const keepMs = 1000 * Math.max(behavior.up.windowSeconds, behavior.down.windowSeconds);
  startFrom(state, step);
  forget(state.recommendations, atMs - keepMs);
  const up = extreme(state, -1, atMs - behavior.up.windowSeconds * 1000, wanted);
  const down = extreme(state, 1, atMs - behavior.down.windowSeconds * 1000, wanted);
  state.recommendations.push([atMs, wanted]);
  const stable = Math.min(Math.max(current, up), down);
  forget(state.added, atMs - 1000 * Math.max(longest(behavior.up), longest(behavior.down)));
  forget(state.removed, atMs - 1000 * Math.max(longest(behavior.up), longest(behavior.down)));
  const limited = rateLimit(state, behavior, atMs, [current, stable]);
  const next = Math.min(step.maxReplicas, Math.max(step.minReplicas, limited));
  if (next > current) state.added.push([atMs, next - current]);
  if (next < current) state.removed.push([atMs, current - next]);
  return next;
}

/** `behavior: nil`: per sync at most max(2 × current, 4), down to the largest of the last 300 s. */
export function applyLegacyBehavior(
  state: BehaviorState,
  step: { readonly atMs: number; readonly current: number; readonly wanted: number } & Bounds,
): number {
  const windowMs = 300_000;
  startFrom(state, step);
  forget(state.recommendations, step.atMs - windowMs);
  const stable = extreme(state, 1, step.atMs - windowMs, step.wanted);
  state.recommendations.push([step.atMs, step.wanted]);
  const limit = Math.max(2 * step.current, 4);
  return Math.min(step.maxReplicas, limit, Math.max(step.minReplicas, stable));
}
