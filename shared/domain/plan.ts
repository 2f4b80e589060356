// The newsvendor: the number of pods whose cost and risk together are least.
import { fromLog, toLog } from './features.ts';
import { at } from './maths.ts';
import type { Forecaster, Series } from './model.ts';
import { survivalAt, type Tail } from './shape.ts';

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
  /** Mean need of the fleet, pods: the unit of cost. */
  mean: number;
  /** Price of a violating minute in mean-fleet-minutes. */
  k: number;
  /** What one more pod must earn, in prices of a pod that runs. */
  podPrice: number;
}

/** Probability that n pods are driven beyond the knee: violating minutes per minute. */
export function riskOf(situation: Situation, pods: number): number {
  const limit = toLog(situation.series, pods * situation.capacity * situation.knee);
  const { forecaster } = situation;
  return survivalAt(situation.tail, (limit - forecaster.mu) / forecaster.sigma);
}

/** Least pods that are not a plan for overload. */
function leastPods(situation: Situation): number {
  const { forecaster, series, tail } = situation;
  const demand = fromLog(series, forecaster.mu + forecaster.sigma * tail.overloadZ);
  return Math.max(0, Math.ceil(demand / (situation.capacity * situation.knee) - 1e-9));
}

/** argmin over n of podPrice · n / mean + K · risk(n), subject to risk ≤ OVERLOAD_MAX. */
export const bestPods = (situation: Situation, most: number): number =>
  at(bestPodsFor(situation, [situation.k], most), 0);

/** The same for a list of rising prices, reading each risk once. */
export function bestPodsFor(
  situation: Situation,
  prices: readonly number[],
  most: number,
): number[] {
  const least = leastPods(situation);
  const step = Math.max(1, Math.floor(least / CANDIDATES_MAX));
  const perStep = (step * situation.podPrice) / situation.mean;
  const highest = at(prices, prices.length - 1);
  const risks: number[] = [];
  for (let pods = least; pods <= most && risks.length < 2 * CANDIDATES_MAX; pods += step) {
    const risk = riskOf(situation, pods);
    risks.push(risk);
    // No number beyond can be better: a pod costs more than all the risk that is left.
    if (highest * risk <= perStep) break;
  }
  let start = 0;
  return prices.map((price) => {
    let best = start;
    for (let i = start + 1; i < risks.length; i++) {
      const gain = price * (at(risks, best) - at(risks, i));
      if (gain > (i - best) * perStep) best = i;
    }
    start = best; // a higher price never wants fewer pods
    return Math.min(most, least + best * step);
  });
}

/** What n running pods cost and risk together, mean-fleet-minutes per minute. */
export const totalOf = (situation: Situation, pods: number): number =>
  pods / situation.mean + situation.k * riskOf(situation, pods);
