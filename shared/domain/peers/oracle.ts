export interface OracleSettings {
  /** Requests/s of one pod at 100 % CPU. */
  readonly capacityPerPod: number;
  /** Utilisation that no window may exceed. */
  readonly maxUtilization: number;
  readonly windowSeconds: number;
  /** A pod is launched this long before it is needed. */
  readonly leadSeconds: number;
  readonly drainSeconds: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** Windows in which the pod of one level is needed, holes shorter than a relaunch bridged. */
function spansOf(needs: readonly number[], level: number, bridge: number): [number, number][] {
  const spans: [number, number][] = [];
  needs.forEach((need, i) => {
    if (need < level) return;
    const last = spans.at(-1);
    if (last !== undefined && i - last[1] <= bridge) last[1] = i + 1;
    else spans.push([i, i + 1]);
  });
  return spans;
}

/**
 * The clairvoyant plan: the fewest replica-seconds that keep every window's utilisation at or
 * below the limit, each pod launched its start-up time early. Level by level, a pod is kept over
 * a hole when that costs less than draining and launching another: the least for each level alone,
 * and levels do not touch each other, so the least of all.
 * @param demand mean requests/s per window
 * @returns replicas to ask for at every second
 */
export function oraclePlan(demand: readonly number[], settings: OracleSettings): Uint16Array {
  const { windowSeconds, leadSeconds, drainSeconds, minReplicas, maxReplicas } = settings;
  const perPod = settings.capacityPerPod * settings.maxUtilization;
  const needs = demand.map((rate) =>
    Math.min(maxReplicas, Math.max(minReplicas, Math.ceil(rate / perPod - 1e-9))),
  );
  const seconds = demand.length * windowSeconds;
  const plan = new Uint16Array(seconds).fill(minReplicas);
  const bridge = Math.floor((leadSeconds + drainSeconds) / windowSeconds);
  for (let level = minReplicas + 1; level <= maxReplicas; level += 1) {
    for (const [from, to] of spansOf(needs, level, bridge)) {
      const start = Math.max(0, from * windowSeconds - leadSeconds);
      for (let t = start; t < to * windowSeconds; t += 1) plan[t] = (plan[t] ?? 0) + 1;
    }
  }
  return plan;
}
