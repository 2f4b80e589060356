// How far each ReplicaSet of a Deployment may move at once. Pure.

export interface SetSize {
  readonly name: string;
  /** Pods it is asked for, and pods of it that are ready. */
  readonly wanted: number;
  readonly ready: number;
}

export interface RolloutLimits {
  /** Replicas of the Deployment. */
  readonly desired: number;
  readonly strategy: 'RollingUpdate' | 'Recreate';
  readonly maxSurge: number | string;
  readonly maxUnavailable: number | string;
  /** Pods of old sets that still exist, terminating ones included. */
  readonly oldPods: number;
}

/** `3` or `25%` of a whole. */
const share = (value: number | string, whole: number, round: (n: number) => number): number => {
  if (typeof value === 'number') return value;
  const percent = Number.parseFloat(value);
  return value.endsWith('%') ? round((whole * percent) / 100) : percent;
};

function rolling(
  next: SetSize,
  living: readonly SetSize[],
  limits: RolloutLimits,
): Map<string, number> {
  const { desired } = limits;
  const surge = share(limits.maxSurge, desired, Math.ceil);
  const given = share(limits.maxUnavailable, desired, Math.floor);
  const unavailable = surge === 0 && given === 0 ? 1 : given;
  const total = next.wanted + living.reduce((sum, { wanted }) => sum + wanted, 0);
  const room = Math.max(0, desired + surge - total);
  const plan = new Map([[next.name, Math.min(desired, next.wanted + room)]]);
  // New pods that are not ready yet carry nothing: old ones stay for them.
  let spare = total - (desired - unavailable) - (next.wanted - next.ready);
  for (const { name, wanted } of living) {
    const taken = Math.min(wanted, Math.max(0, spare));
    spare -= taken;
    if (taken > 0) plan.set(name, wanted - taken);
  }
  return plan;
}

/**
 * New sizes by name. Follows the Deployment controller of Kubernetes: the new set grows by what the
 * surge allows, old ones shrink by what may be unavailable; pods of old sets that are not ready are
 * given up first, by the ReplicaSet itself.
 */
export function planRollout(
  next: SetSize,
  old: readonly SetSize[],
  limits: RolloutLimits,
): Map<string, number> {
  const living = old.filter(({ wanted }) => wanted > 0);
  if (limits.strategy === 'Recreate') {
    const isClear = living.length === 0 && limits.oldPods === 0;
    return new Map(isClear ? [[next.name, limits.desired]] : living.map(({ name }) => [name, 0]));
  }
  return living.length === 0
    ? new Map([[next.name, limits.desired]])
    : rolling(next, living, limits);
}
