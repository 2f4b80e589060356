// How late requests depend on use, and from it the knee: a Poisson regression on what is remembered
// of each level of use, beside a background of requests that are late whatever the use.
import {
  LATE_MINUTE,
  LATE_SLOPE_PRIOR,
  USE_BINS,
  USE_CENTRE,
  WORKLOAD_MEMORY_SECONDS,
} from './constants.ts';
import { at, clamp, zeros } from './maths.ts';
import type { Workload } from './model.ts';

/** The prior: log lateness at the centre and its slope, and their deviations. */
const PRIOR = [Math.log(LATE_MINUTE), LATE_SLOPE_PRIOR] as const;
const PRIOR_PRECISION = [1 / 1.6 ** 2, 1 / 7 ** 2] as const;
/** Log lateness at the centre and its slope stay within these. */
const LATE_RANGE = [-12, 12] as const;
const SLOPE_RANGE = [5, 80] as const;
/** No knee is believed below or beyond these. */
export const KNEE_LOW = 0.2;
export const KNEE_HIGH = 0.95;

/** Late requests come in bursts: each tells as much as this share of an independent one. */
const LATE_INDEPENDENCE = 0.3;
/** Deviations by which the late requests of one block may exceed what was expected. */
const SURPRISE = 5;
/** More late requests than this are a backlog, which says nothing about the utilisation now. */
const BACKLOG_LATE = 0.3;
/** Use beyond which a queue grows without end. */
const USE_FULL = 0.94;

/** Requests that tell a share of late ones, and the use below which no queue is looked for. */
const BACKGROUND_KNOWN = 10_000;
const BACKGROUND_USE = 0.5;
/** Of the late requests that a minute may have, the queue keeps at least this share for itself. */
const QUEUE_SHARE = 0.3;

/** Scoring steps per block, and how far one may move log lateness at any use that was seen. */
const SCORING_STEPS = 3;
const SCORING_REACH = 1;

type Lateness = Pick<Workload, 'late' | 'information' | 'lateSamples' | 'byUse'>;

export const newLateness = (): Lateness => ({
  late: [...PRIOR],
  information: [PRIOR_PRECISION[0], 0, PRIOR_PRECISION[1]],
  lateSamples: 0,
  byUse: zeros(3 * USE_BINS),
});

/** True where lateness tells of a queue that grew before, and not of the use now. */
export const isBacklog = (use: number | null, lateRatio: number): boolean =>
  (use ?? 0) > USE_FULL || lateRatio > BACKLOG_LATE;

/**
 * Share of requests that are late at whatever use: a slow endpoint, a noisy machine. More pods do
 * not help them, so they say nothing about the knee. Read at the lowest use there was, if that is
 * below one half; 0 where nothing was seen at a higher use, as one level cannot tell the two apart.
 */
export function backgroundOf({ byUse }: Lateness): number {
  let requests = 0;
  let late = 0;
  let bin = 0;
  for (; bin < USE_BINS && requests < BACKGROUND_KNOWN; bin++) {
    requests += at(byUse, 3 * bin);
    late += at(byUse, 3 * bin + 2);
  }
  if (bin > BACKGROUND_USE * USE_BINS) return 0;
  let above = 0;
  for (; bin < USE_BINS; bin++) above += at(byUse, 3 * bin);
  return above < BACKGROUND_KNOWN ? 0 : late / requests;
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
  const left = Math.max(QUEUE_SHARE * LATE_MINUTE, LATE_MINUTE - backgroundOf(lateness));
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
  const expected = requests * Math.min(1, backgroundOf(lateness) + queueLateness(lateness, use));
  const believed = Math.min(late, expected + SURPRISE * Math.sqrt(expected + 1));
  const place = 3 * Math.floor(use * USE_BINS);
  [requests, use * requests, believed].forEach((value, i) => {
    byUse[place + i] = at(byUse, place + i) + value;
  });
  for (let step = 0; step < SCORING_STEPS; step++) fit(lateness);
  lateness.lateSamples++;
}

/**
 * One step of Fisher scoring (McCullagh & Nelder 1989) to the mode of the posterior, where
 * E[late] = requests · (background + e^(a + b·x)) and x is use from the centre.
 */
function fit(lateness: Lateness): void {
  const { byUse, late } = lateness;
  const background = backgroundOf(lateness);
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
