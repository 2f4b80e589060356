import { at } from './numbers.ts';

/** One setting of ours: what it costs and what it violates. */
export interface Point {
  readonly cost: number;
  readonly value: number;
}

/** How a value was read off a curve. */
export type Reading =
  | 'between' // log-linear between two settings
  | 'cheaper' // neighbours more than 4 % apart: the cheaper one stands, which flatters nobody
  | 'largest' // the peer pays more than our dearest setting: that one stands
  | 'undercut'; // the peer pays less than our cheapest setting: nothing to compare

export interface Read {
  readonly value: number | null;
  readonly how: Reading;
}

const SMOOTH = 0.005; // percent: keeps logarithms of no violations at all finite
const MAX_STEP = 1.04; // in cost, between neighbours

/**
 * Value of the curve at `cost`: log-linear in (value + 0.005), never extrapolated. `maxStep`: how far
 * apart in cost two settings may be; wider where both curves are ours and have the same settings.
 */
export function readCurve(points: readonly Point[], cost: number, maxStep = MAX_STEP): Read {
  const sorted = [...points].sort((a, b) => a.cost - b.cost);
  const first = sorted[0];
  const last = sorted.at(-1);
  if (first === undefined || last === undefined || cost < first.cost) {
    return { value: null, how: 'undercut' };
  }
  if (cost >= last.cost) return { value: last.value, how: 'largest' };
  const above = sorted.findIndex((point) => point.cost > cost);
  const low = sorted[above - 1] ?? first;
  const high = sorted[above] ?? last;
  if (high.cost / low.cost > maxStep) return { value: low.value, how: 'cheaper' };
  const share = (cost - low.cost) / (high.cost - low.cost);
  const log = (value: number): number => Math.log(value + SMOOTH);
  const value = Math.exp(log(low.value) + (log(high.value) - log(low.value)) * share) - SMOOTH;
  return { value: Math.max(0, value), how: 'between' };
}

/** Least cost at which the curve is at or below `value`; null where it never is. */
export function costAtValue(points: readonly Point[], value: number): number | null {
  const sorted = [...points].sort((a, b) => a.cost - b.cost);
  const index = sorted.findIndex((point) => point.value <= value);
  const reached = sorted[index];
  if (reached === undefined) return null;
  const before = sorted[index - 1];
  if (before === undefined) return reached.cost;
  const log = (v: number): number => Math.log(v + SMOOTH);
  const drop = log(before.value) - log(reached.value);
  const share = drop > 0 ? (log(before.value) - log(value)) / drop : 1;
  return before.cost + (reached.cost - before.cost) * share;
}

const FLOOR = 0.0005; // percent: a ratio to nothing at all would be infinite
const GEO_SMOOTH = 0.05;

/** Peer over ours; where both have next to nothing they are equal. */
export const ratioOf = (peer: number, ours: number): number =>
  Math.max(FLOOR, peer) / Math.max(FLOOR, ours);

/** exp(mean of ln((peer + 0.05) / (ours + 0.05))). */
export function geoMeanRatio(peers: readonly number[], ours: readonly number[]): number {
  let total = 0;
  peers.forEach((peer, i) => {
    total += Math.log((peer + GEO_SMOOTH) / (at(ours, i) + GEO_SMOOTH));
  });
  return Math.exp(total / peers.length);
}
