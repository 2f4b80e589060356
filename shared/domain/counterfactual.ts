// What the usual autoscalers would have now, had they run this target all along on the same
// inputs: each keeps a fleet of its own, whose pods are ready at once (that flatters them).
import type { Decision, PolicySpec } from '../events/index.ts';
import type { Model } from './model.ts';
import type { Seen } from './observe.ts';
import { createHpa, createKeda, createKpa } from './peers/index.ts';
import { newHpaState, newKedaState, newKpaState } from './peers/index.ts';
import type { HpaState, KedaState, KpaState } from './peers/index.ts';

/** States of the peers' own fleets. Plain JSON. */
export interface PeerStates {
  hpa: HpaState;
  keda: KedaState;
  kpa: KpaState;
  kpaAnswer: number;
}

const begin = (replicas: number): PeerStates => {
  const keda = newKedaState();
  const hpa = newHpaState();
  hpa.answer = replicas;
  keda.hpa.answer = replicas;
  return { hpa, keda, kpa: newKpaState(), kpaAnswer: replicas };
};

interface Load {
  atMs: number;
  /** Requests/s, null on targets that only show CPU. */
  rate: number | null;
  /** Demand in fully busy pods. */
  busyPods: number;
  windowSeconds: number;
}

function hpaOf(states: PeerStates, load: Load, spec: PolicySpec): number {
  const replicas = Math.max(1, states.hpa.answer);
  const { minReplicas, maxReplicas, targetCPUUtilizationPercentage } = spec;
  const targetUtilization = targetCPUUtilizationPercentage / 100;
  const hpa = createHpa({ targetUtilization, minReplicas, maxReplicas }, states.hpa);
  const utilization = Math.min(1, load.busyPods / replicas); // CPU cannot show more than full
  return hpa.decide({
    atMs: load.atMs,
    replicas,
    ready: replicas,
    unready: 0,
    missing: 0,
    utilization,
  });
}

function kedaOf(states: PeerStates, load: Load, threshold: number, spec: PolicySpec): number {
  const { minReplicas, maxReplicas } = spec;
  const replicas = states.keda.hpa.answer;
  const keda = createKeda({ threshold, minReplicas, maxReplicas }, states.keda);
  return keda.decide({ atMs: load.atMs, replicas, existing: replicas, value: load.rate });
}

function kpaOf(states: PeerStates, load: Load, total: number, spec: PolicySpec): number | null {
  const { minReplicas, maxReplicas, targetCPUUtilizationPercentage } = spec;
  const targetUtilization = targetCPUUtilizationPercentage / 100;
  const kpa = createKpa({ total, targetUtilization, minReplicas, maxReplicas }, states.kpa);
  const answer = kpa.decide({
    atMs: load.atMs,
    ready: states.kpaAnswer,
    value: load.rate,
    windowSeconds: load.windowSeconds,
  });
  states.kpaAnswer = answer ?? states.kpaAnswer;
  return answer;
}

/** Asks HPA, KEDA and KPA at the policy's CPU target. Null where a peer could not tell. */
export function counterfactualOf(
  model: Model,
  seen: Seen,
  capacity: number,
  spec: PolicySpec,
): Decision['counterfactual'] {
  const { sample, demand } = seen;
  if (demand === null) return { hpa: null, keda: null, kpa: null };
  model.peers ??= begin(sample.replicas.desired);
  const states = model.peers;
  const rate = sample.requestsPerSecond;
  const load = {
    atMs: sample.atMs,
    rate,
    busyPods: demand / capacity,
    windowSeconds: (sample.windowMs ?? sample.intervalMs) / 1000,
  };
  const threshold = (capacity * spec.targetCPUUtilizationPercentage) / 100;
  return {
    hpa: hpaOf(states, load, spec),
    keda: rate === null ? null : kedaOf(states, load, threshold, spec),
    kpa: rate === null ? null : kpaOf(states, load, capacity, spec),
  };
}
