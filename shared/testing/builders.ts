// Things to test with: each valid, each field to be replaced.
import {
  PolicySpec,
  StateObserved,
  type Decision,
  type ObservedState,
  type UnknownEvent,
} from '../events/index.ts';
import type { ControlledField, PolicyObject } from '../ports.ts';

export const NOW_MS = 1_790_000_000_000;

export const aSpec = (over: Partial<PolicySpec> = {}): PolicySpec =>
  PolicySpec.parse({
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    mode: 'act',
    maxReplicas: 20,
    metrics: { source: 'pods' },
    ...over,
  });

export const TARGET = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'web',
  uid: 'target-1',
};

/** What a workload of 50 req/s per pod looks like after `requests` arrivals per pod. */
export function aState(over: Partial<ObservedState> & { requests?: number } = {}): ObservedState {
  const { requests = 0, ...rest } = over;
  const observedAtMs = rest.observedAtMs ?? NOW_MS;
  return {
    tick: 't1',
    cause: 'beat',
    observedAtMs,
    policy: { namespace: 'shop', name: 'web', uid: 'policy-1', generation: 1, spec: aSpec() },
    target: TARGET,
    replicas: { desired: 2, ready: 2, starting: 0, draining: 0 },
    startups: [],
    readings: {
      source: 'pods',
      measuredAtMs: observedAtMs - 100,
      counters: ['a', 'b'].map((pod) => ({
        pod,
        startedAtMs: NOW_MS - 3_600_000,
        requests,
        inFlight: null,
        late: 0,
        failed: 0,
      })),
      rates: null,
      latencyP95Ms: 40,
      cpuUtilization: 0.5,
      memoryUtilization: 0.3,
      inFlight: 1,
      lagMessages: null,
      silentPods: 0,
    },
    autoscaler: null,
    problem: null,
    ...rest,
  };
}

export const aStateEvent = (state: ObservedState): UnknownEvent =>
  StateObserved.build(
    {
      id: `${state.tick}.${state.target?.uid ?? state.policy.uid}.observer`,
      source: '/nimbusguard/observer',
      subject: 'shop/web',
      partitionkey: state.target?.uid ?? state.policy.uid,
      time: new Date(state.observedAtMs).toISOString(),
    },
    state,
  );

export const aPolicy = (over: Partial<PolicyObject> = {}): PolicyObject => ({
  namespace: 'shop',
  name: 'web',
  uid: 'policy-1',
  resourceVersion: '1',
  generation: 1,
  createdAtMs: NOW_MS - 86_400_000,
  deleting: false,
  finalizers: [],
  spec: aSpec(),
  status: {},
  ...over,
});

export const aField = (over: Partial<ControlledField> = {}): ControlledField => ({
  target: TARGET,
  resourceVersion: '1',
  kind: 'replicas',
  path: 'spec.replicas',
  stored: 2,
  value: 2,
  high: 10_000,
  owner: 'kubectl',
  note: null,
  rival: null,
  ...over,
});

export const aDecision = (over: Partial<Decision> = {}): Decision => {
  const sequence = over.sequence ?? 1;
  return {
    id: `t${sequence}.target-1.decider`,
    sequence,
    tick: `t${sequence}`,
    policy: { namespace: 'shop', name: 'web', uid: 'policy-1', generation: 1 },
    target: TARGET,
    mode: 'act',
    kind: 'scale',
    reason: 'demand',
    from: 2,
    to: 5,
    sentence: 'Adding 3 now.',
    inputs: null,
    forecast: null,
    price: null,
    learning: null,
    options: [],
    constraints: [],
    counterfactual: { hpa: 3, keda: null, kpa: null },
    problem: null,
    holdsSince: 0,
    matured: [],
    ...over,
  };
};

const estimate = (value: number) => ({ value, low: value, high: value, samples: 100 });

export const anInput = (): NonNullable<Decision['inputs']> => ({
  atMs: NOW_MS,
  telemetryAgeMs: 100,
  requestsPerSecond: 80,
  lateRatio: 0,
  failedRatio: 0,
  latencyP95Ms: 40,
  cpuUtilization: 0.5,
  memoryUtilization: 0.3,
  lagMessages: null,
  replicas: { desired: 2, ready: 2, starting: 0, draining: 0 },
  capacityPerPod: estimate(50),
  knee: estimate(0.82),
  startupSeconds: estimate(8),
  controlDelay: {
    telemetrySeconds: 0.1,
    intervalSeconds: 5,
    chainSeconds: 0.1,
    applySeconds: 0,
    startupSeconds: 8,
  },
});
