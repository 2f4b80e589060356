import {
  createModel,
  decide,
  learn,
  learningOf,
  measure,
  score,
  type Counters,
} from '#shared/domain/index.ts';
import { createHpa } from '#shared/domain/peers/index.ts';
import type {
  Decision,
  Learned,
  ObservedState,
  PolicySpec,
  Rewards,
} from '#shared/events/index.ts';

/** What the core made of one observation. */
export interface Thought {
  readonly decision: Decision;
  readonly scores: Rewards['scores'];
  readonly learning: Learned['learning'];
}

/** The real decision core behind a memory of its own, fed with one observation after the other. */
export function createCore(spec: PolicySpec, random: () => number) {
  const model = createModel();
  const hpa = createHpa({ targetUtilization: 0.7, minReplicas: 1, maxReplicas: spec.maxReplicas });
  let counters: Counters | null = null;
  let sequence = 0;
  return (state: ObservedState, id: string): Thought => {
    const read = measure(counters, state, 5000);
    counters = read.counters;
    sequence += 1;
    const options = { random, record: true, explore: 'safe', id, sequence } as const;
    const { record, kind, reason, from, to, constraints, matured } = decide(
      model,
      read.sample,
      spec,
      options,
    );
    if (record === undefined) throw new Error('the core was asked for a record and gave none');
    const { namespace, name, uid, generation } = state.policy;
    const scores = matured.map((each) => score(each, spec));
    learn(model, scores, spec);
    const { desired: replicas, ready, starting: unready } = read.sample.replicas;
    const utilization = read.sample.cpuUtilization;
    const plain = hpa.decide({
      ...{ atMs: state.observedAtMs, replicas, ready, unready, missing: 0, utilization },
    });
    const decision = {
      ...record,
      counterfactual: { ...record.counterfactual, hpa: record.counterfactual.hpa ?? plain },
      ...{ kind, reason, from, to, constraints, matured, id, sequence },
      tick: state.tick,
      policy: { namespace, name, uid, generation },
      target: state.target,
      mode: spec.mode,
      problem: null,
      holdsSince: 0,
    };
    return { decision, scores, learning: learningOf(model, spec, state.observedAtMs) };
  };
}
