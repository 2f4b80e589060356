export interface OracleSettings {
  /** Requests/s of one pod at 100 % CPU. */
  readonly capacityPerPod: number;
  /** Utilisation that no window may exceed. */
  readonly maxUtilization: number;
  readonly windowSeconds: number;
  /** Nominal start-up: what a relaunch costs. */
  readonly startupSeconds: number;
  /** Start-up seconds of the k-th pod launched; the clairvoyant knows them. */
  readonly startup: (launch: number) => number;
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

interface Need {
  /** First and last second, exclusive, that a pod is needed. */
  readonly from: number;
  readonly to: number;
  start: number;
}

const PASSES = 3; // launches change order when their start-ups differ; this settles it

/** Gives each need its launch time, so that its pod is ready in time. */
function schedule(needs: Need[], startup: OracleSettings['startup']): void {
  for (let pass = 0; pass < PASSES; pass += 1) {
    needs.sort((a, b) => a.start - b.start);
    needs.forEach((need, launch) => {
      need.start = Math.max(0, need.from - startup(launch));
    });
  }
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
  const { windowSeconds, startupSeconds, drainSeconds, minReplicas, maxReplicas } = settings;
  const perPod = settings.capacityPerPod * settings.maxUtilization;
  const pods = demand.map((rate) =>
    Math.min(maxReplicas, Math.max(minReplicas, Math.ceil(rate / perPod - 1e-9))),
  );
  const bridge = Math.floor((startupSeconds + drainSeconds) / windowSeconds);
  const needs: Need[] = [];
  for (let level = minReplicas + 1; level <= maxReplicas; level += 1) {
    for (const [first, last] of spansOf(pods, level, bridge)) {
      const from = first * windowSeconds;
      needs.push({ from, to: last * windowSeconds, start: from });
    }
  }
  schedule(needs, settings.startup);
  const plan = new Uint16Array(demand.length * windowSeconds).fill(minReplicas);
  for (const { start, to } of needs) {
    for (let t = start; t < to; t += 1) plan[t] = (plan[t] ?? 0) + 1;
  }
  return plan;
}
