// How late requests depend on use, and from it the knee: a Poisson regression on what is remembered
// of each level of use, beside a background of requests that are late whatever the use.
import { LATE_MINUTE, LATE_SLOPE_PRIOR, WORKLOAD_MEMORY_SECONDS } from './constants.ts';
import { at, clamp, zeros } from './maths.ts';
import type { Workload } from './model.ts';

/** Bins of use from 0 to 1 in which late requests are counted: lateness doubles or triples over one. */
const USE_BINS = 25;
/** Use at which lateness is centred: where knees usually are. */
const USE_CENTRE = 0.8;
/** The prior: log lateness at the centre and its slope, and their deviations. */
const PRIOR = [Math.log(LATE_MINUTE), LATE_SLOPE_PRIOR] as const;
const PRIOR_PRECISION = [1 / 1.6 ** 2, 1 / 7 ** 2] as const;
/** Log lateness at the centre and its slope stay within these. */
const LATE_RANGE = [-12, 12] as const;
const SLOPE_RANGE = [5, 80] as const;
/** No knee lies below or beyond these. */
const KNEE_LOW = 0.2;
export const KNEE_HIGH = 0.95;

/** Late requests come in bursts: each tells as much as this share of an independent one. */
const LATE_INDEPENDENCE = 0.3;
/** Deviations by which the late requests of one block may exceed what was expected. */
const SURPRISE = 5;
/** More late requests than this are a backlog, which says nothing about the utilisation now. */
export const BACKLOG_LATE = 0.3;
/** Use beyond which a queue grows without end. */
const USE_FULL = 0.94;

/** The lowest and the highest use are those of so much of the requests, and of so many at least. */
const END_SHARE = 0.2;
const END_REQUESTS = 10_000;
/** Use must differ by this much before a background can be told from a queue, which grows 40-fold over it. */
const SPREAD = 0.15;
/** Of the late requests that a minute may have, the queue keeps at least this share for itself. */
const QUEUE_SHARE = 0.3;

/** How far one step of the fit may move log lateness at any use that was seen. */
const SCORING_REACH = 2;

type Lateness = Pick<Workload, 'late' | 'information' | 'background' | 'lateSamples' | 'byUse'>;

export const newLateness = (): Lateness => ({
  late: [...PRIOR],
  information: [PRIOR_PRECISION[0], 0, PRIOR_PRECISION[1]],
  background: 0,
  lateSamples: 0,
  byUse: zeros(3 * USE_BINS),
});

/** True where lateness tells of a queue that grew before, and not of the use now. */
export const isBacklog = (use: number | null, lateRatio: number): boolean =>
  (use ?? 0) > USE_FULL || lateRatio > BACKLOG_LATE;

/** Mean use and lateness of the lowest (`direction` 1) or highest (−1) END_SHARE of the requests. */
function endOf(
  byUse: readonly number[],
  requests: number,
  direction: 1 | -1,
): { use: number; late: number } {
  const sums = [0, 0, 0];
  for (let i = 0; i < USE_BINS && at(sums, 0) < requests; i++) {
    const bin = direction === 1 ? i : USE_BINS - 1 - i;
    for (let part = 0; part < 3; part++) sums[part] = at(sums, part) + at(byUse, 3 * bin + part);
  }
  return { use: at(sums, 1) / at(sums, 0), late: at(sums, 2) / at(sums, 0) };
}

/**
 * Share of requests that are late at whatever use: a slow endpoint, a noisy machine. More pods do
 * not help them, so they say nothing about the knee. It is the lateness at the lowest use; 0 until
 * use has varied, as one level cannot tell a background from a queue.
 */
function backgroundOf({ byUse }: Lateness): number {
  let all = 0;
  for (let place = 0; place < byUse.length; place += 3) all += at(byUse, place);
  const requests = END_SHARE * all;
  if (requests < END_REQUESTS) return 0;
  const lowest = endOf(byUse, requests, 1);
  return endOf(byUse, requests, -1).use - lowest.use < SPREAD ? 0 : lowest.late;
}

/** Inverse of the symmetric 2 × 2 information matrix [a, b; b, c]. */
function invert(information: readonly number[]): [number, number, number] {
  const [a, b, c] = [at(information, 0), at(information, 1), at(information, 2)];
  const determinant = a * c - b * b;
  return [c / determinant, -b / determinant, a / determinant];
}

export interface KneeEstimate {
  /** Utilisation beyond which more than 1 % is late. */
  value: number;
  deviation: number;
  /** Increase of log lateness per unit of utilisation. */
  slope: number;
}

/** The use at which queue and background together make a minute violating. */
export function estimateKnee(lateness: Lateness): KneeEstimate {
  const slope = at(lateness.late, 1);
  const left = Math.max(QUEUE_SHARE * LATE_MINUTE, LATE_MINUTE - lateness.background);
  const distance = (Math.log(left) - at(lateness.late, 0)) / slope;
  const value = clamp(USE_CENTRE + distance, KNEE_LOW, KNEE_HIGH);
  const x = value - USE_CENTRE;
  const [v00, v01, v11] = invert(lateness.information);
  const deviation = Math.sqrt(Math.max(0, v00 + 2 * x * v01 + x * x * v11)) / slope;
  return { value, deviation, slope };
}

const queueLateness = ({ late }: Lateness, use: number): number =>
  Math.exp(at(late, 0) + at(late, 1) * (use - USE_CENTRE));

/** Counts a block under its use, and fits lateness over use to all that is remembered. */
export function learnLateness(
  lateness: Lateness,
  block: { seconds: number; use: number; requests: number; late: number },
): void {
  const { seconds, use, requests, late } = block;
  if (requests < 1 || isBacklog(use, late / requests)) return;
  const { byUse } = lateness;
  const keep = Math.exp(-seconds / WORKLOAD_MEMORY_SECONDS);
  for (let i = 0; i < byUse.length; i++) byUse[i] = at(byUse, i) * keep;
  // A surprise counts in part at first, and whole once it has come often: one bad block is no knee.
  const expected = requests * Math.min(1, lateness.background + queueLateness(lateness, use));
  const believed = Math.min(late, expected + SURPRISE * Math.sqrt(expected + 1));
  const place = 3 * Math.floor(use * USE_BINS);
  [requests, use * requests, believed].forEach((value, i) => {
    byUse[place + i] = at(byUse, place + i) + value;
  });
  lateness.background = backgroundOf(lateness);
  fit(lateness); // one step a block: the fit of the block before is close
  lateness.lateSamples++;
}

/**
 * One step of Fisher scoring (McCullagh & Nelder 1989) to the mode of the posterior, where
 * E[late] = requests · (background + e^(a + b·x)) and x is use from the centre.
 */
function fit(lateness: Lateness): void {
  const { byUse, late, background } = lateness;
  const [a, b] = [at(late, 0), at(late, 1)];
  let pullA = PRIOR_PRECISION[0] * (PRIOR[0] - a);
  let pullB = PRIOR_PRECISION[1] * (PRIOR[1] - b);
  const information: [number, number, number] = [PRIOR_PRECISION[0], 0, PRIOR_PRECISION[1]];
  let [lowest, highest] = [0, 0];
  for (let place = 0; place < byUse.length; place += 3) {
    const requests = at(byUse, place);
    if (requests < 1) continue;
    const use = at(byUse, place + 1) / requests;
    const x = use - USE_CENTRE;
    lowest = Math.min(lowest, x);
    highest = Math.max(highest, x);
    const queue = Math.min(BACKLOG_LATE, queueLateness(lateness, use));
    // The share of late requests that is the queue's: what the background hides teaches nothing.
    const weight = (LATE_INDEPENDENCE * queue) / (background + queue);
    const error = at(byUse, place + 2) - requests * (background + queue);
    pullA += weight * error;
    pullB += weight * error * x;
    const known = weight * requests * queue;
    information[0] += known;
    information[1] += known * x;
    information[2] += known * x * x;
  }
  const [v00, v01, v11] = invert(information);
  const stepA = v00 * pullA + v01 * pullB;
  const stepB = v01 * pullA + v11 * pullB;
  // A line moves most at one of its ends.
  const reach = Math.max(Math.abs(stepA + stepB * lowest), Math.abs(stepA + stepB * highest));
  const share = Math.min(1, SCORING_REACH / Math.max(1e-9, reach));
  late[0] = clamp(a + share * stepA, ...LATE_RANGE);
  late[1] = clamp(b + share * stepB, ...SLOPE_RANGE);
  lateness.information = information;
}
