// What the usual autoscalers would have now, had they run this target all along on the same
// inputs: each keeps a fleet of its own, whose pods are ready at once (that flatters them).
import { MEANS_IN_BLOCKS } from './constants.ts';
import type { Decision, PolicySpec } from '../events/index.ts';
import type { Model, PeerStates } from './model.ts';
import type { Seen } from './observe.ts';
import { createHpa, createKeda, createKpa } from './peers/index.ts';
import { newHpaState, newKedaState, newKpaState } from './peers/index.ts';
import { meanOf } from './series.ts';

const begin = (replicas: number): PeerStates => {
  const keda = newKedaState();
  const hpa = newHpaState();
  hpa.answer = replicas;
  keda.hpa.answer = replicas;
  return { hpa, keda, kpa: newKpaState(), kpaAnswer: replicas };
};

interface Load {
  atMs: number;
  /** Requests/s of the newest sample, null on targets that only show CPU. */
  rate: number | null;
  /** Requests/s over a scrape. */
  scrapedRate: number;
  windowSeconds: number;
}

/** Mean age of what a scrape of 15 s tells. */
const SCRAPE_AGE_SECONDS = 7.5;

/** Demand as a scrape would have it: peers do not see the noise of a shorter window. */
function scraped(model: Model): number {
  const { blockSeconds } = model.series;
  const index = MEANS_IN_BLOCKS.findIndex((mean) => mean * blockSeconds >= SCRAPE_AGE_SECONDS);
  return meanOf(model.series, Math.max(0, index));
}

/** Asks the HPA of this target; every decision does, as its fleet is what ours may cost at most. */
export function hpaOf(model: Model, { sample }: Seen, capacity: number, spec: PolicySpec): number {
  const states = (model.peers ??= begin(sample.replicas.desired));
  const replicas = Math.max(1, states.hpa.answer);
  const { minReplicas, maxReplicas, targetCPUUtilizationPercentage } = spec;
  const targetUtilization = targetCPUUtilizationPercentage / 100;
  const hpa = createHpa({ targetUtilization, minReplicas, maxReplicas }, states.hpa);
  const utilization = Math.min(1, scraped(model) / capacity / replicas); // CPU shows no more than full
  return hpa.decide({
    atMs: sample.atMs,
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
  return keda.decide({ atMs: load.atMs, replicas, existing: replicas, value: load.scrapedRate });
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

/** HPA's last answer, and KEDA's and KPA's at the same target. Null where a peer could not tell. */
export function counterfactualOf(
  model: Model,
  { sample }: Seen,
  capacity: number,
  spec: PolicySpec,
): Decision['counterfactual'] {
  const states = (model.peers ??= begin(sample.replicas.desired));
  const rate = sample.requestsPerSecond;
  const load = {
    atMs: sample.atMs,
    rate,
    scrapedRate: scraped(model),
    windowSeconds: (sample.windowMs ?? sample.intervalMs) / 1000,
  };
  const threshold = (capacity * spec.targetCPUUtilizationPercentage) / 100;
  return {
    hpa: states.hpa.answer,
    keda: rate === null ? null : kedaOf(states, load, threshold, spec),
    kpa: rate === null ? null : kpaOf(states, load, capacity, spec),
  };
}
