// Scores a matured decision: what the action taken cost, and what each of the 21 would have cost.
import { KEEP_PRICE, LATE_BLOCK, LATE_MINUTE, LATE_SLOPE_PRIOR, START_PRICE } from './constants.ts';
import type { Matured, PolicySpec, Score } from '../events/index.ts';
import { lateWeight } from './price.ts';

/** Within a block the load still moves: a minute turns violating over this width of utilisation. */
const KNEE_WIDTH = 0.012;
/** Overload grows the backlog: it never becomes cheap, up to three times a late minute. */
const BACKLOG_MAX = 2;

interface Cost {
  efficiency: number;
  sla: number;
  stability: number;
}

/** Late requests beyond what a block at the knee has, as a share of all. */
function excessLate(matured: Matured, use: number): number {
  const slope = matured.kneeSlope ?? LATE_SLOPE_PRIOR;
  const late = LATE_BLOCK * Math.exp(Math.min(6, slope * (use - matured.knee)));
  return Math.max(0, Math.min(1, late) - LATE_BLOCK);
}

/** The planner's own prices: what a start costs beyond running, and what a dropped pod may cost again. */
function changeOf(matured: Matured, pods: number): number {
  const added = pods - matured.from;
  return added > 0 ? (START_PRICE - 1) * added : (KEEP_PRICE - 1) * added;
}

function costOf(matured: Matured, pods: number, weight: number): Cost {
  const use = matured.demandPerSecond / Math.max(1e-9, pods * matured.capacityPerPod);
  const violating = 1 / (1 + Math.exp(Math.min(40, (matured.knee - use) / KNEE_WIDTH)));
  const backlog = Math.min(BACKLOG_MAX, Math.max(0, use - 1));
  return {
    efficiency: pods / matured.meanReplicas,
    sla: matured.k * (violating + weight * (excessLate(matured, use) + backlog)),
    stability: changeOf(matured, pods) / matured.meanReplicas,
  };
}

const totalOf = (cost: Cost): number => cost.efficiency + cost.sla + cost.stability;

/**
 * The score of one matured decision, in mean-fleet-minutes per minute. Arrivals do not depend on
 * the decision, so the same demand tells what each action not taken would have earned.
 */
export function score(matured: Matured, spec: PolicySpec): Score {
  const weight = lateWeight(spec);
  const taken = costOf(matured, matured.to, weight);
  if (matured.lateRatio !== null) {
    const observed = matured.lateRatio > LATE_MINUTE ? 1 + weight * matured.lateRatio : 0;
    taken.sla = Math.max(taken.sla, matured.k * observed);
  }
  return {
    decisionId: matured.decisionId,
    sequence: matured.sequence,
    decidedAtMs: matured.decidedAtMs,
    maturedAtMs: matured.maturedAtMs,
    action: matured.action,
    reward: -totalOf(taken),
    ...taken,
    whatIf: matured.whatIfReplicas.map((pods) => -totalOf(costOf(matured, pods, weight))),
    outcome: outcomeOf(matured),
  };
}

function outcomeOf(matured: Matured): Score['outcome'] {
  const use = (pods: number): number =>
    matured.demandPerSecond / Math.max(1e-9, pods * matured.capacityPerPod);
  const late = matured.lateRatio !== null && matured.lateRatio > LATE_MINUTE;
  if (late || use(matured.to) > matured.knee) return 'too-late';
  if (matured.to <= matured.from) return 'steady';
  return use(matured.to - 1) > matured.knee * 0.9 || use(matured.from) > matured.knee
    ? 'needed'
    : 'spare';
}
