// The shape of standardised errors: a decaying histogram over a Student-t(4) prior, as survival
// function S(z) = P(error > z·σ). Bins are even in asinh(z): fine in the middle, wide in the tails.
import {
  OVERLOAD_MAX,
  SHAPE_BINS,
  SHAPE_PRIOR_WEIGHT,
  SHAPE_U_LOW,
  SHAPE_U_STEP,
} from './constants.ts';
import { at, clamp } from './maths.ts';

/** P(T > x) of a Student t with four degrees of freedom, scaled to variance one. */
function studentTail(z: number): number {
  const x = z * Math.SQRT2;
  const root = Math.sqrt(4 + x * x);
  return 0.5 - (x * (6 + x * x)) / (2 * root * root * root);
}

const edge = (index: number): number => Math.sinh(SHAPE_U_LOW + index * SHAPE_U_STEP);

const PRIOR = Array.from({ length: SHAPE_BINS + 1 }, (_, i) => studentTail(edge(i)));
const EDGES = Array.from({ length: SHAPE_BINS + 1 }, (_, i) => edge(i));

/** The survival function in the form that decisions read: derived from the histogram alone. */
export interface Tail {
  /** S at each bin edge. */
  survival: number[];
  /** The z with S(z) = OVERLOAD_MAX: no plan goes below it. */
  overloadZ: number;
}

/** Decays the histogram and counts one more standardised error. */
export function addToShape(shape: number[], z: number, keep: number): void {
  for (let i = 0; i < shape.length; i++) shape[i] = at(shape, i) * keep;
  const u = (Math.asinh(clamp(z, -50, 50)) - SHAPE_U_LOW) / SHAPE_U_STEP;
  const bin = clamp(Math.floor(u), 0, SHAPE_BINS - 1);
  shape[bin] = at(shape, bin) + 1;
}

/** Builds the survival function; an empty histogram gives the prior. */
export function tailOf(shape: readonly number[]): Tail {
  let total = SHAPE_PRIOR_WEIGHT;
  for (const count of shape) total += count;
  const survival = new Array<number>(SHAPE_BINS + 1);
  let above = 0;
  survival[SHAPE_BINS] = (SHAPE_PRIOR_WEIGHT * at(PRIOR, SHAPE_BINS)) / total;
  for (let i = SHAPE_BINS - 1; i >= 0; i--) {
    above += at(shape, i);
    survival[i] = (above + SHAPE_PRIOR_WEIGHT * at(PRIOR, i)) / total;
  }
  return { survival, overloadZ: quantileOf(survival, OVERLOAD_MAX) };
}

/** P(standardised error > z). Between edges linear, beyond the last it falls like z⁻⁴. */
export function survivalAt(tail: Tail, z: number): number {
  const u = (Math.asinh(z) - SHAPE_U_LOW) / SHAPE_U_STEP;
  if (u <= 0) return at(tail.survival, 0);
  if (u >= SHAPE_BINS) {
    return at(tail.survival, SHAPE_BINS) * Math.pow(at(EDGES, SHAPE_BINS) / z, 4);
  }
  const i = Math.floor(u);
  const share = u - i;
  return at(tail.survival, i) * (1 - share) + at(tail.survival, i + 1) * share;
}

/** The z with S(z) = level; clipped to the histogram's range. */
export const quantile = (tail: Tail, level: number): number => quantileOf(tail.survival, level);

function quantileOf(survival: readonly number[], level: number): number {
  let i = 0;
  while (i < SHAPE_BINS - 1 && at(survival, i + 1) > level) i++;
  const high = at(survival, i);
  const low = at(survival, i + 1);
  const share = high > low ? clamp((high - level) / (high - low), 0, 1) : 0;
  return Math.sinh(SHAPE_U_LOW + (i + share) * SHAPE_U_STEP);
}
