// From policies and what was read of their targets to one observation each. Pure.
import {
  fieldProblems,
  podKey,
  PolicySpec,
  type ObservedState,
  type Problem,
} from '#shared/events/index.ts';
import type { Found, Pod, PolicyObject, ReadingsRequest, TargetState } from '#shared/ports.ts';

const STARTUP_WINDOW_MS = 600_000;
const MAX_STARTUPS = 100;
const MAX_STARTUP_SECONDS = 1800; // longer is a pod that was ready before and came back

/** A policy with its spec read, or with why it cannot be. */
export interface Checked {
  readonly policy: PolicyObject;
  readonly spec: PolicySpec;
  readonly problem: Problem | null;
}

const targetKey = (policy: PolicyObject, spec: PolicySpec): string => {
  const { apiVersion, kind, name } = spec.targetRef;
  return [policy.namespace, apiVersion.split('/')[0], kind, name].join('/');
};

/** Stands for a spec that cannot be read: nobody may act on it. */
const INVALID = PolicySpec.parse({
  targetRef: { apiVersion: 'unknown', kind: 'Unknown', name: 'unknown' },
  mode: 'off',
});

function check(policy: PolicyObject): Checked {
  const parsed = PolicySpec.safeParse(policy.spec);
  if (!parsed.success) {
    const fields = fieldProblems(parsed.error, policy.spec, 'spec');
    const message = fields.map(({ path, message: why }) => `${path}: ${why}`).join('; ');
    return {
      policy,
      spec: INVALID,
      problem: { reason: 'PolicyInvalid', message: message.slice(0, 2000) },
    };
  }
  // a policy that is being deleted may only give back what it took
  const spec = policy.deleting ? { ...parsed.data, mode: 'off' as const } : parsed.data;
  return { policy, spec, problem: null };
}

/** Reads each spec and finds second policies for one target. `policies` are oldest first: the first keeps it. */
export function checkPolicies(policies: readonly PolicyObject[]): Checked[] {
  const owners = new Map<string, PolicyObject>();
  return policies.map(check).map((checked) => {
    if (checked.problem !== null) return checked;
    const key = targetKey(checked.policy, checked.spec);
    const owner = owners.get(key);
    if (owner === undefined) {
      owners.set(key, checked.policy);
      return checked;
    }
    const message = `${key} already has the older policy ${owner.name}: delete one of the two`;
    return { ...checked, problem: { reason: 'Duplicate', message } };
  });
}

const startupsOf = (pods: readonly Pod[], nowMs: number): ObservedState['startups'] =>
  pods
    .flatMap(({ uid, createdAtMs, readyAtMs, restarts }) => {
      if (readyAtMs === null || restarts > 0 || readyAtMs < nowMs - STARTUP_WINDOW_MS) return [];
      const seconds = Math.max(0, (readyAtMs - createdAtMs) / 1000);
      if (seconds > MAX_STARTUP_SECONDS) return [];
      return [{ pod: podKey(uid), readyAtMs, seconds }];
    })
    .sort((a, b) => b.readyAtMs - a.readyAtMs)
    .slice(0, MAX_STARTUPS);

/** What to ask of the metrics about one target. */
export const readingsRequest = (
  { policy, spec }: Checked,
  state: TargetState,
): ReadingsRequest => ({
  policy: { namespace: policy.namespace, name: policy.name },
  source: spec.metrics.source,
  endpoint: spec.metrics.endpoint,
  port: spec.metrics.port,
  queries: spec.metrics.queries,
  sloLatencyMs: spec.slo.latencyMilliseconds,
  state,
});

const STALE_AFTER_MS = 60_000;

/** Telemetry that is missing where pods should give it, or too old to act on. */
function staleness(
  state: TargetState,
  readings: NonNullable<ObservedState['readings']>,
  nowMs: number,
): Problem | null {
  if (state.replicas.ready === 0) return null; // nobody to ask: not a fault of the telemetry
  if (readings.measuredAtMs === null) {
    const message = `no telemetry from ${state.replicas.ready} ready pods (source ${readings.source})`;
    return { reason: 'DataStale', message };
  }
  const ageMs = nowMs - readings.measuredAtMs;
  if (ageMs <= STALE_AFTER_MS) return null;
  return { reason: 'DataStale', message: `telemetry is ${Math.round(ageMs / 1000)} s old` };
}

export interface Look {
  readonly tick: string;
  readonly cause: 'beat' | 'alert';
  readonly alert?: ObservedState['alert'];
  readonly nowMs: number;
}

const problemOf = (
  found: Found<TargetState>,
  readings: ObservedState['readings'],
  nowMs: number,
): Problem | null => {
  if ('problem' in found) return found.problem;
  return readings === null ? null : staleness(found.found, readings, nowMs);
};

const ofTarget = (state: TargetState, nowMs: number) => ({
  target: state.target,
  replicas: state.replicas,
  unplaced: state.unplaced,
  startups: startupsOf(state.pods, nowMs),
  autoscaler: state.autoscaler,
});

const NO_TARGET = { target: null, replicas: null, unplaced: null, startups: [], autoscaler: null };

/** The observation of one policy. `readings` is null where there was no target to read. */
export function observation(
  look: Look,
  { policy, spec }: Checked,
  found: Found<TargetState>,
  readings: ObservedState['readings'],
): ObservedState {
  const { namespace, name, uid, generation, status } = policy;
  const applied = status.lastAppliedSequence ?? null;
  return {
    tick: look.tick,
    cause: look.cause,
    ...(look.alert === undefined ? {} : { alert: look.alert }),
    observedAtMs: look.nowMs,
    policy: {
      namespace,
      name,
      uid,
      generation,
      spec,
      ...(applied === null ? {} : { appliedSequence: applied }),
    },
    ...('found' in found ? ofTarget(found.found, look.nowMs) : NO_TARGET),
    readings,
    problem: problemOf(found, readings, look.nowMs),
  };
}
