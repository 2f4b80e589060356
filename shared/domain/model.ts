// The learned document of one target: plain JSON, at most 32 KiB, mutated in place.
import type { HpaState, KedaState, KpaState } from './peers/index.ts';

/** Parts that the bench can switch off, to see what each is worth. */
export const PARTS = [
  'forecast',
  'scale',
  'shape',
  'price',
  'keep',
  'guardrail',
  'season',
  'churn',
  'q',
  'what-if',
] as const;
export type Part = (typeof PARTS)[number];

/** Running means and the recent cumulative arrivals. */
export interface Series {
  /** Length of a block, seconds; 0 until the first sample. */
  blockSeconds: number;
  /** Sum of weights × rate, and sum of weights, per time constant. */
  sums: number[];
  weights: number[];
  /** Cumulative arrivals (time, count) at about a sixth of a block, newest last. */
  times: number[];
  counts: number[];
  total: number;
  /** The last three rates and the window length, for the guardrail's slope. */
  rate: number;
  rateBefore: number;
  rateEarlier: number;
  windowSeconds: number;
  /** Offset of the logarithm, in units of demand. */
  offset: number;
}

/** One of the two forecasts: what a pod started now would serve, or a dropped one be missing for. */
export interface Forecaster {
  theta: number[];
  scale: number[];
  /** Mean magnitude of the last few errors, of the last thirty, and long mean of their square. */
  fast: number;
  recent: number;
  slow: number;
  levels: number[];
  /** Decayed histogram of standardised errors. */
  shape: number[];
  /** Decayed counts of outcomes at or below each level of `COVERAGE_LEVELS`, and of all. */
  covered: number[];
  outcomes: number;
  /** The newest forecast: log demand and its deviation. */
  mu: number;
  sigma: number;
}

/** A forecast whose outcome is not known yet. */
export interface PendingForecast {
  fromMs: number;
  upMs: number;
  toMs: number;
  inputs: number[];
  base: number;
  mu: number[];
  sigma: number[];
  scaleInputs: number[][];
  level: number;
}

/** A decision whose outcome is not known yet. */
export interface PendingDecision {
  id: string;
  sequence: number;
  atMs: number;
  fromMs: number;
  toMs: number;
  action: number;
  from: number;
  to: number;
  whatIf: number[];
  mean: number;
  k: number;
}

export interface Workload {
  /** Decayed sums of demand and of busy pods: capacity is their ratio. */
  demand: number;
  busy: number;
  samples: number;
  /** While the CPU is full or idle: demand that was accepted, busy pod-seconds, seconds, ready pods. */
  bound: number[];
  /** Pods that warm up, decayed. */
  young: number;
  /** log late ratio = a + slope·(ρ − 0.8): mean, information matrix and its weight. */
  late: number[];
  information: number[];
  /** Share of requests that are late at whatever use. */
  background: number;
  lateSamples: number;
  /** Requests, requests × use and late requests in each bin of use, in turn. */
  byUse: number[];
  /** The block being summed: seconds, use × seconds, requests, late requests. */
  block: number[];
  /** Start-up time: mean and variance of its logarithm. */
  startupMean: number;
  startupVariance: number;
  startups: number;
  ready: number;
  steadySinceMs: number;
}

/** What one pod can do, where somebody knows it: the bench alone, to see what learning costs. */
export interface Told {
  /** Requests/s of one pod at full use. */
  capacity: number;
  /** Utilisation beyond which more than 1 % of the requests are late. */
  knee: number;
  /** Increase of log lateness per unit of utilisation. */
  slope: number;
}

/** States of the peers' own fleets. Plain JSON. */
export interface PeerStates {
  hpa: HpaState;
  keda: KedaState;
  kpa: KpaState;
  kpaAnswer: number;
}

/** Prices that do not follow the policy: the bench alone, to draw curves over them. */
export interface FixedPrices {
  /** Price of a violating minute in mean-fleet-minutes, before λ. */
  k0?: number;
  /** Price of a scale-down, see `churnPrice`. */
  churn?: number;
}

export interface Model {
  schema: 5;
  /** Absent: learned. */
  told?: Told;
  version: string;
  /** Absent: prices follow the policy. */
  fixed?: FixedPrices;
  adaptPrice: boolean;
  off: Part[];
  startedAtMs: number;
  lastAtMs: number;
  lastMeasuredMs: number;
  decisions: number;
  demandUnit: 'requests' | 'pods';
  /** Since when every sample could be counted in the other unit alone, or better; 0: not the last one. */
  otherUnitSinceMs: number;
  series: Series;
  /** Shared by both forecasts: they have the same inputs. */
  covariance: number[];
  up: Forecaster;
  keep: Forecaster;
  pendingForecasts: PendingForecast[];
  nextSnapshotMs: number;
  /** Length of the season, seconds; 0 until the first sample. */
  seasonSeconds: number;
  season: { bins: number[]; visits: number[]; bin: number; sum: number; weight: number };
  workload: Workload;
  /** Seconds: decayed means and variances of telemetry age, chain and sync. */
  delay: { age: number[]; chain: number[]; apply: number[] };
  plan: {
    /** Decayed sum of demand and of its weights, over a week of seasons. */
    need: number;
    needWeight: number;
    /** Answers of UP in the last seconds: times and pods. */
    upTimes: number[];
    upPods: number[];
    /** Our last answer: a floor lives here, as nothing of the target tells it. -1: none yet. */
    last: number;
    /** What keeping spare pods has cost since the last change, mean-fleet-minutes. */
    regret: number;
    changedAtMs: number;
    /** Pods the target asked for at the last sample. -1: none yet. */
    fleet: number;
    /** When it asked for more, and how many: starting pods that are none of these are late. */
    addedMs: number[];
    added: number[];
    dipUntilMs: number;
  };
  price: {
    lambda: number;
    /** Current minute: start, requests, late. */
    minute: number[];
    /** Decayed: minutes, violating minutes, requests, late requests. */
    burn: number[];
    updatedMs: number;
    reachable: boolean;
    /** Decayed risk at K and at 2 K: what doubling the price would buy. */
    worth: number[];
    /** Decayed pod-seconds: ours, and those of an HPA on the same demand. */
    spent: number[];
  };
  q: {
    values: number[];
    sums: number[];
    count: number;
    blockMs: number;
    updates: number;
    learned: number[];
  };
  pendingDecisions: PendingDecision[];
  matured: PendingMatured[];
  nextOutcomeMs: number;
  /** Fleets of HPA, KEDA and KPA on the same inputs; null until there was demand. */
  peers: PeerStates | null;
}

/** An outcome that waits to be learned. */
export interface PendingMatured extends PendingDecision {
  demand: number;
  lateRatio: number | null;
  capacity: number;
  knee: number;
  slope: number;
}
