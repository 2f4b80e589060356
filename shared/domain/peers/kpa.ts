export interface KpaSettings {
  /** Requests/s (or concurrency) of one pod at 100 %. */
  readonly total: number;
  /** Share of it that is aimed at; 0.7 is the default 70 %. */
  readonly targetUtilization?: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly stableSeconds?: number;
  /** Share of the stable window that is the panic window. */
  readonly panicWindowShare?: number;
  readonly panicThreshold?: number;
  readonly maxScaleUpRate?: number;
  readonly maxScaleDownRate?: number;
  readonly scaleDownDelaySeconds?: number;
  readonly activationScale?: number;
  /** How long the last pod stays after the wish for zero. */
  readonly graceSeconds?: number;
}

export interface KpaInput {
  readonly atMs: number;
  readonly ready: number;
  /** Mean of the metric over the window before `atMs`; null: nothing was scraped. */
  readonly value: number | null;
  /** Seconds the value stands for; each becomes a bucket. */
  readonly windowSeconds: number;
  /** False while the activator cannot reach a pod: then there is no limit downwards. */
  readonly reachable?: boolean;
  readonly minReplicas?: number;
}

/** Plain JSON: one bucket per second of the stable window, newest last; null: nothing there. */
export interface KpaState {
  buckets: (number | null)[];
  /** Second that the last bucket stands for; null before the first write. */
  newest: number | null;
  first: number | null;
  panicAtMs: number | null;
  maxPanic: number;
  delayed: [atMs: number, replicas: number][];
  zeroSinceMs: number | null;
  started: boolean;
}

export const newKpaState = (): KpaState => ({
  buckets: [],
  newest: null,
  first: null,
  panicAtMs: null,
  maxPanic: 0,
  delayed: [],
  zeroSinceMs: null,
  started: false,
});

const STABLE_SECONDS = 60;

interface Plan {
  readonly target: number;
  readonly stableSeconds: number;
  readonly panicSeconds: number;
  readonly panicThreshold: number;
  readonly up: number;
  readonly down: number;
  readonly delayMs: number;
}

const planOf = (settings: KpaSettings): Plan => {
  const stableSeconds = settings.stableSeconds ?? STABLE_SECONDS;
  return {
    target: Math.max(0.01, settings.total * (settings.targetUtilization ?? 0.7)),
    stableSeconds,
    panicSeconds: Math.max(1, Math.round(stableSeconds * (settings.panicWindowShare ?? 0.1))),
    panicThreshold: settings.panicThreshold ?? 2,
    up: settings.maxScaleUpRate ?? 1000,
    down: settings.maxScaleDownRate ?? 2,
    delayMs: (settings.scaleDownDelaySeconds ?? 0) * 1000,
  };
};

const isThere = (value: number | null | undefined): value is number => typeof value === 'number';

/** Moves the buckets on to `second` and writes the value into those its window covers. */
function write(state: KpaState, second: number, input: KpaInput, length: number): void {
  const since = state.newest ?? second - 1;
  const moved = Math.min(length, Math.max(0, second - since));
  for (let i = 0; i < moved; i += 1) state.buckets.push(null);
  state.newest = Math.max(since, second);
  if (state.buckets.length > length) state.buckets.splice(0, state.buckets.length - length);
  if (input.value === null) return;
  // After a window without any data it starts anew: nothing is known of the time before.
  if (!state.buckets.some(isThere)) state.first = null;
  const covered = Math.min(state.buckets.length, Math.max(1, Math.round(input.windowSeconds)));
  state.buckets.fill(input.value, state.buckets.length - covered);
  state.first ??= second - covered + 1;
}

/** Where a window's data begins: what lies before a hole as long as the window is forgotten. */
function firstOf({ buckets, first, newest }: KpaState, last: number, window: number): number {
  let oldest = last;
  for (let i = last - 1; i >= 0; i -= 1) {
    if (isThere(buckets[i])) oldest = i;
    else if (oldest - i >= window) return oldest;
  }
  return (first ?? 0) - ((newest ?? 0) - buckets.length + 1);
}

/**
 * Mean over the newest `window` buckets. Holes between data count as 0; what is missing since the
 * newest data does not count, and 0 is the mean when that is the whole window.
 * Source: knative/serving pkg/autoscaler/aggregation/bucketing.go.
 */
function average(state: KpaState, window: number): number {
  const { buckets } = state;
  const last = buckets.findLastIndex(isThere);
  const silent = buckets.length - 1 - last;
  if (last < 0 || silent >= window) return 0;
  let total = 0;
  for (let i = Math.max(0, buckets.length - window); i <= last; i += 1) total += buckets[i] ?? 0;
  return total / Math.min(window - silent, last - firstOf(state, last, window) + 1);
}

/** Enters, extends or leaves panic; in panic the largest wish so far stands. */
function panicked(
  state: KpaState,
  plan: Plan,
  atMs: number,
  wish: { readonly over: boolean; readonly stable: number; readonly panic: number },
): number {
  if (wish.over) state.panicAtMs = atMs;
  else if (state.panicAtMs !== null && state.panicAtMs + plan.stableSeconds * 1000 < atMs) {
    state.panicAtMs = null;
    state.maxPanic = 0;
  }
  if (state.panicAtMs === null) return wish.stable;
  state.maxPanic = Math.max(state.maxPanic, wish.stable, wish.panic);
  return state.maxPanic;
}

function delayDown(state: KpaState, plan: Plan, atMs: number, wanted: number): number {
  if (plan.delayMs === 0) return wanted;
  state.delayed = state.delayed.filter(([at]) => at > atMs - plan.delayMs);
  state.delayed.push([atMs, wanted]);
  return state.delayed.reduce((most, [, replicas]) => Math.max(most, replicas), 0);
}

/** Zero only after the grace period. */
function lastPod(state: KpaState, settings: KpaSettings, atMs: number, wanted: number): number {
  if (wanted > 0) {
    state.zeroSinceMs = null;
    return wanted;
  }
  state.zeroSinceMs ??= atMs;
  return atMs - state.zeroSinceMs >= (settings.graceSeconds ?? 30) * 1000 ? 0 : 1;
}

/** A wish for anything at all becomes at least the activation scale. */
const activated = (wish: number, scale: number): number => (wish > 0 ? Math.max(scale, wish) : 0);

function wanted(settings: KpaSettings, state: KpaState, plan: Plan, input: KpaInput) {
  if (!state.buckets.some(isThere)) return null;
  const stableRate = average(state, plan.stableSeconds);
  const panicRate = average(state, plan.panicSeconds);
  const ready = Math.max(1, input.ready);
  const most = Math.ceil(plan.up * ready);
  const least = (input.reachable ?? true) ? Math.floor(ready / plan.down) : 0;
  const wish = (rate: number): number =>
    activated(
      Math.min(most, Math.max(least, Math.ceil(rate / plan.target))),
      settings.activationScale ?? 1,
    );
  const over = Math.ceil(panicRate / plan.target) / ready >= plan.panicThreshold;
  const held = panicked(state, plan, input.atMs, {
    over,
    stable: wish(stableRate),
    panic: wish(panicRate),
  });
  return (input.reachable ?? true) ? delayDown(state, plan, input.atMs, held) : held;
}

/**
 * Knative's pod autoscaler: mean over 60 s, panic mode over 6 s, no tolerance band.
 * Null where it has no data and so no decision. Call it every 2 s for its own cadence.
 * Source: knative/serving pkg/autoscaler/scaling/autoscaler.go.
 */
export function createKpa(settings: KpaSettings, state: KpaState = newKpaState()) {
  const plan = planOf(settings);
  return {
    state,
    decide(input: KpaInput): number | null {
      if (!state.started) {
        // A restart with several pods starts in panic, so that nothing is dropped blindly.
        state.started = true;
        if (input.ready > 1) {
          state.panicAtMs = input.atMs;
          state.maxPanic = input.ready;
        }
      }
      write(state, Math.floor(input.atMs / 1000), input, plan.stableSeconds);
      const desired = wanted(settings, state, plan, input);
      if (desired === null) return null;
      const min = Math.min(input.minReplicas ?? settings.minReplicas, settings.maxReplicas);
      const bounded = Math.min(settings.maxReplicas, Math.max(min, desired));
      return lastPod(state, settings, input.atMs, bounded);
    },
  };
}
