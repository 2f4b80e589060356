// A decision with its whole record, and the event that carries it: see builders.ts for a bare one.
import { DecisionMade, type Decision, type UnknownEvent } from '#shared/events/index.ts';
import { aDecision } from './builders.ts';

const AT_MS = 1_700_000_000_000;
const estimate = (value: number) => ({ value, low: value * 0.9, high: value * 1.1, samples: 100 });
const quantiles = (q50: number) => ({
  q02: q50 * 0.8,
  q10: q50 * 0.9,
  q50,
  q80: q50 * 1.05,
  q90: q50 * 1.1,
  q98: q50 * 1.2,
});

/** Eight pods for 320 requests/s, two more because of the forecast. */
export function anExplainedDecision(over: Partial<Decision> = {}): Decision {
  return aDecision({
    id: 't1.target-uid.decider',
    sequence: 7,
    tick: 't1',
    policy: { namespace: 'shop', name: 'web', uid: 'policy-uid', generation: 1 },
    target: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web',
      uid: 'target-uid',
    },
    from: 8,
    to: 10,
    sentence: 'Adding 2: demand in 30 s is 80 % likely above what 8 carry.',
    inputs: {
      atMs: AT_MS,
      telemetryAgeMs: 500,
      requestsPerSecond: 320,
      lateRatio: 0,
      failedRatio: 0,
      latencyP95Ms: 84,
      cpuUtilization: 0.8,
      memoryUtilization: null,
      lagMessages: null,
      replicas: { desired: 8, ready: 8, starting: 0, draining: 0 },
      capacityPerPod: estimate(50),
      knee: estimate(0.82),
      startupSeconds: estimate(8),
      controlDelay: {
        telemetrySeconds: 0.5,
        intervalSeconds: 5,
        chainSeconds: 0.1,
        applySeconds: 0,
        startupSeconds: 8,
      },
    },
    forecast: { horizonSeconds: 13.6, up: quantiles(350), keep: quantiles(380), path: [] },
    price: { k: 13, k0: 13, lambda: 0, budgetBurn: null, sloReachable: true },
    options: [
      { replicas: 9, cost: 0.9, risk: 0.5, total: 1.4, overloadProbability: 0.12 },
      { replicas: 10, cost: 1, risk: 0.05, total: 1.05, overloadProbability: 0.01 },
    ],
    counterfactual: { hpa: 9, keda: 9, kpa: 8 },
    ...over,
  });
}

/** The event that carries a decision, with the ids that the chain derives. */
export function aDecisionEvent(over: Partial<Decision> = {}): UnknownEvent & { data: Decision } {
  const data = anExplainedDecision(over);
  return DecisionMade.build(
    {
      id: data.id,
      source: '/nimbusguard/decider',
      subject: 'shop/web',
      partitionkey: 'target-uid',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
    data,
  );
}
