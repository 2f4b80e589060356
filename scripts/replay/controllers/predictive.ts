import { HPA_SYNC_SECONDS } from '#shared/domain/peers/hpa.ts';
import {
  createAwsPredictive,
  createCrane,
  createPredictiveHpa,
  createTextbookQ,
  oraclePlan,
  dspPredictor,
  percentilePredictor,
  type Predictor,
  type HoltWintersSettings,
} from '#shared/domain/peers/index.ts';
import type { Load } from '../load.ts';
import { at, quantile } from '../numbers.ts';
import { createRandom } from '../random.ts';
import { kneeOf, type Controller, type RunSettings } from '../simulate.ts';
import { hpaInput, measuredRate, type PeerSettings } from './peers.ts';

/**
 * HPA extrapolated by its own recommendations. These stand in a ConfigMap: a restart costs nothing.
 * The model is its line, unless told otherwise.
 */
export function predictiveHpa(
  name: string,
  target: number,
  peer: PeerSettings,
  holtWinters?: HoltWintersSettings,
): Controller {
  const inner = createPredictiveHpa({
    ...peer,
    targetUtilization: target,
    ...(holtWinters === undefined ? {} : { holtWinters }),
  });
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide: (view) => inner.decide(hpaInput(view)),
  };
}

/**
 * Holt-Winters as an operator would set it up for a day: one sample per sync of 15 s. A longer sync
 * would look further ahead but slow the HPA down as well (60 s: 2.8 % violating minutes instead of
 * 1.0 on the development traces, `rough`, target 70 %, seed 1). History grows to one season more
 * than is stored, at 46 bytes a sample: two stored seasons are 0.8 MB, the example's four would be
 * 1.3 MB and beyond the 1 MiB a ConfigMap holds, on which the autoscaler stops. The weights are
 * tuned in its favour on those traces: of eleven tried the fewest violating minutes (0.67 %) at no
 * more than 1.05 x the cost of the linear model (1.24 %); the example's 0.9 / 0.9 / 0.9 costs
 * 2.2 x the oracle.
 */
const DAILY: HoltWintersSettings = {
  seasonalPeriods: 86_400 / 15,
  storedSeasons: 2,
  alpha: 0.9,
  beta: 0.1,
  gamma: 0.1,
};

export const seasonalHpa = (name: string, target: number, peer: PeerSettings): Controller =>
  predictiveHpa(name, target, peer, DAILY);

const targets = (target: number, peer: PeerSettings) => ({
  ...peer,
  targetUtilization: target,
  targetPerReplica: target * peer.capacityPerPod,
});

/** Crane's EffectiveHPA; by its DSP unless told otherwise. Its history lives in Prometheus: a restart costs nothing. */
export function crane(
  name: string,
  target: number,
  peer: PeerSettings,
  predictor: Predictor = dspPredictor(),
): Controller {
  const inner = createCrane(targets(target, peer), predictor);
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide: (view) => inner.decide({ ...hpaInput(view), requestsPerSecond: measuredRate(view) }),
  };
}

const BUCKETS = 1000; // as many as Crane's default of 0.1 to 100

/**
 * The same with Crane's percentile in place of its DSP: defaults, but for a histogram that reaches
 * as far as the largest fleet; the default's 100 is meant for cores and would be the forecast of
 * any service beyond 100 requests/s.
 */
export function cranePercentile(name: string, target: number, peer: PeerSettings): Controller {
  const maxValue = peer.maxReplicas * peer.capacityPerPod;
  const buckets = { maxValue, bucketSize: maxValue / BUCKETS };
  return crane(name, target, peer, percentilePredictor(buckets));
}

/** Predictive scaling in the style of AWS, history kept outside. */
export function awsPredictive(name: string, target: number, peer: PeerSettings): Controller {
  const inner = createAwsPredictive(targets(target, peer));
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide: (view) => inner.decide({ ...hpaInput(view), requestsPerSecond: measuredRate(view) }),
  };
}

/** The warning: learns by trial on the live system, from nothing. */
export function textbookQ(name: string, peer: PeerSettings, seed: number): Controller {
  const random = createRandom(seed, name);
  const make = () => createTextbookQ({ ...peer, random: () => random.next() });
  let inner = make();
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide(view) {
      const reading = view.telemetry.read(view.now);
      const rates = reading !== null && view.telemetry.grade !== 'cpu' ? reading : null;
      return inner.decide({
        atMs: view.atMs,
        replicas: view.desired,
        cpuUtilization: reading?.cpuUtilization ?? null,
        memoryUtilization: null,
        requestsPerSecond: rates === null ? null : rates.requests / rates.windowSeconds,
        lateRatio: rates === null || rates.requests === 0 ? null : rates.late / rates.requests,
      });
    },
    restart(kept) {
      if (!kept) inner = make();
    },
  };
}

const ORACLE_MARGIN = 0.016; // below the knee: a window's mean hides the load's own movement
const ORACLE_WINDOW_SECONDS = 15;

/** Mean arrivals/s in whole windows. */
const windowMeans = (load: Load): number[] =>
  Array.from({ length: Math.ceil(load.seconds / ORACLE_WINDOW_SECONDS) }, (_, i) => {
    const from = i * ORACLE_WINDOW_SECONDS;
    const to = Math.min(load.seconds, from + ORACLE_WINDOW_SECONDS);
    let total = 0;
    for (let t = from; t < to; t += 1) total += at(load.arrivals, t);
    return total / (to - from);
  });

/** Knows every arrival of the whole run; what everybody's cost is measured against. */
export function oracle(load: Load, settings: RunSettings, startupSeconds: number): Controller {
  const plan = oraclePlan(windowMeans(load), {
    capacityPerPod: settings.workload.capacityPerPod,
    maxUtilization: kneeOf(settings.workload) - ORACLE_MARGIN,
    windowSeconds: ORACLE_WINDOW_SECONDS,
    startupSeconds,
    startup: settings.startup,
    drainSeconds: settings.drainSeconds,
    minReplicas: settings.minReplicas,
    maxReplicas: settings.maxReplicas,
  });
  return { name: 'oracle', intervalSeconds: 1, decide: (view) => at(plan, view.now) };
}

/** A fixed fleet that the warm-up's 99.9th percentile needs at the target. */
export function staticFleet(
  name: string,
  target: number,
  load: Load,
  peer: PeerSettings,
): Controller {
  const peak = quantile(load.rate.slice(0, load.scoreFrom), 0.999);
  const replicas = Math.ceil(peak / (target * peer.capacityPerPod));
  return { name, intervalSeconds: 60, decide: () => replicas };
}
