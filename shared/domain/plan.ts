// The newsvendor: the number of pods whose cost and risk together are least.
import { OVERLOAD_MAX } from './constants.ts';
import { fromLog, toLog } from './features.ts';
import { at } from './maths.ts';
import type { Forecaster, Series } from './model.ts';
import { NODE_MASS, quantile, survivalAt, type Tail } from './shape.ts';

/** Fleets beyond this many candidates are searched in steps. */
const CANDIDATES_MAX = 48;

/** What a plan is made of: a distribution of demand, a workload, a price. */
export interface Situation {
  series: Series;
  forecaster: Forecaster;
  tail: Tail;
  /** Demand per second one pod carries at full use. */
  capacity: number;
  /** Utilisation beyond which a minute is violating. */
  knee: number;
  /** Estimated knee and slope of log lateness: the price of late requests short of the knee. */
  latency: { knee: number; slope: number; weight: number };
  /** Mean need of the fleet, pods: the unit of cost. */
  mean: number;
  /** Price of a violating minute in mean-fleet-minutes. */
  k: number;
  /** Demand at the nodes of the distribution; filled by `situate`. */
  demand: number[];
}

/** Fills the demand at the nodes; once per distribution. */
export function situate(situation: Omit<Situation, 'demand'>): Situation {
  const { series, forecaster, tail } = situation;
  const demand = new Array<number>(tail.nodes.length);
  for (let i = 0; i < demand.length; i++) {
    demand[i] = fromLog(series, forecaster.mu + forecaster.sigma * at(tail.nodes, i));
  }
  return { ...situation, demand };
}

/** Probability that n pods are driven beyond the knee. */
export function overload(situation: Situation, pods: number): number {
  const limit = toLog(situation.series, pods * situation.capacity * situation.knee);
  const { forecaster } = situation;
  return survivalAt(situation.tail, (limit - forecaster.mu) / forecaster.sigma);
}

/** Expected share of late requests with n pods, by the learned latency model. */
function expectedLate(situation: Situation, pods: number): number {
  const { latency, demand } = situation;
  const full = Math.max(1e-9, pods * situation.capacity);
  let sum = 0;
  for (let i = 0; i < demand.length; i++) {
    const exponent = latency.slope * (at(demand, i) / full - latency.knee);
    if (exponent < -7) continue;
    sum += at(NODE_MASS, i) * Math.min(1, 0.01 * Math.exp(Math.min(exponent, 5)));
  }
  return sum;
}

/** Risk of n pods in violating minutes per minute, late requests included at their weight. */
export function riskOf(situation: Situation, pods: number): number {
  const violation = overload(situation, pods);
  const { weight } = situation.latency;
  return weight > 0 ? violation + weight * expectedLate(situation, pods) : violation;
}

/** Least pods that are not a plan for overload. */
function leastPods(situation: Situation): number {
  const { forecaster, series } = situation;
  const z = quantile(situation.tail, OVERLOAD_MAX);
  const demand = fromLog(series, forecaster.mu + forecaster.sigma * z);
  return Math.max(0, Math.ceil(demand / (situation.capacity * situation.knee) - 1e-9));
}

/** argmin over n of n / mean + K · risk(n), subject to overload ≤ OVERLOAD_MAX. */
export function bestPods(situation: Situation, most: number): number {
  const least = leastPods(situation);
  const step = Math.max(1, Math.floor(least / CANDIDATES_MAX));
  const perPod = 1 / situation.mean;
  let best = least;
  let bestTotal = Infinity;
  for (let pods = least; pods <= most; pods += step) {
    const risk = situation.k * riskOf(situation, pods);
    const total = pods * perPod + risk;
    if (total < bestTotal) {
      bestTotal = total;
      best = pods;
    }
    // No number beyond can be better: a pod costs more than all the risk that is left.
    if (risk <= perPod * step || (pods - best) * perPod > 1 + risk) break;
  }
  return best;
}

/** The same for a list of rising prices, reading each risk once. */
export function bestPodsFor(
  situation: Situation,
  prices: readonly number[],
  most: number,
): number[] {
  const least = leastPods(situation);
  const step = Math.max(1, Math.floor(least / CANDIDATES_MAX));
  const perPod = 1 / situation.mean;
  const highest = at(prices, prices.length - 1);
  const risks: number[] = [];
  for (let pods = least; pods <= most && risks.length < 2 * CANDIDATES_MAX; pods += step) {
    const risk = riskOf(situation, pods);
    risks.push(risk);
    if (highest * risk <= perPod * step) break;
  }
  let start = 0;
  return prices.map((price) => {
    let best = start;
    for (let i = start + 1; i < risks.length; i++) {
      const gain = price * (at(risks, best) - at(risks, i));
      if (gain > (i - best) * step * perPod) best = i;
    }
    start = best; // a higher price never wants fewer pods
    return Math.min(most, least + best * step);
  });
}

/** What n pods cost and risk together, mean-fleet-minutes per minute. */
export const totalOf = (situation: Situation, pods: number): number =>
  pods / situation.mean + situation.k * riskOf(situation, pods);
