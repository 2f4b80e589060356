// The tuned constants that parts of the core share; those of one part stand in its file. Each has its
// reason. Times that must follow the beat and the start-up time are multiples of the block (see
// `blockSeconds`), never seconds.

/** Time constants of the running means, in blocks: a third of a block up to four hours of 60 s. */
export const MEANS_IN_BLOCKS = [0.27, 0.55, 1, 2, 4, 8, 20, 60, 240] as const;
/** The mean all others are compared with: long enough to be steady, short enough to be now. */
export const REFERENCE_MEAN = 4;
/** The fresh mean: jumps and the guardrail look at it. */
export const FRESH_MEAN = 1;
/** The mean over one block. */
export const BLOCK_MEAN = 2;
/** Block = half a start-up time, at most this: a violating minute is decided in a quarter of one. */
export const BLOCK_SECONDS_MAX = 15;
/** Blocks are taken from this ladder, so that a drifting start-up time does not move them. */
export const BLOCK_LADDER_SECONDS = [1, 2, 3, 5, 8, 10, 15, 20, 30, 60, 120, 300] as const;
/** Demand below this share of a pod is all the same: it keeps logarithms of small rates quiet. */
export const OFFSET_IN_PODS = 0.02;

/** Inputs of the regression (features.ts). */
export const FEATURES = 13;
/** Forgetting per sample: a memory of 4000 blocks, 17 hours of 15 s. */
export const FORGETTING = 1 - 1 / 4000;
/** Errors beyond this many deviations pull no harder (Huber). */
export const HUBER = 2.5;
/** A forecast moves the level by at most a factor of ten either way. */
export const FORECAST_CLIP = 2.3;
/** Deviation of a forecast at most, log units: the same factor. */
export const DEVIATION_MAX = 2.3;
/** Sum of the covariance diagonal: beyond it old directions would explode when they come back. */
export const TRACE_MAX = 40;

/** QLIKE gradient step: a memory of about 1000 errors. */
export const SCALE_RATE = 0.001;
/** Memory of the fast, the recent and the slow error averages, in samples. */
export const SCALE_FAST = 1 / 6;
export const SCALE_RECENT = 1 / 30;
export const SCALE_SLOW = 1 / 700;
/**
 * First weights of the log variance: errors come in clusters and follow the level. Not trained:
 * made-up spikes come at random times, and would teach that calm follows a storm.
 */
export const SCALE_START = [0, 0.6, 0.2, 0.1, 0.05, 0.05] as const;
/** No input moves the log variance by more than so many times itself. */
export const WEIGHT_MAX = 1;
/** Errors that the prior's long mean counts for. */
export const SCALE_TRUST = 100;
/** Memory of the mean squared error at one level of load, in samples at that level. */
export const SCALE_LEVEL = 1 / 150;
export const SCALE_LEVELS = 8;
/** Share of Poisson variance below which a forecast cannot be. */
export const POISSON_FLOOR = 1.2;

/** Half-life of the shape, seconds: a day, and never fewer than 1500 errors. */
export const SHAPE_HALF_LIFE_SECONDS = 86_400;
export const SHAPE_HALF_LIFE_MIN_SAMPLES = 1500;
/** Pseudo-errors of the Student-t(4) prior: its tail rules until a few hundred errors are in. */
export const SHAPE_PRIOR_WEIGHT = 60;
export const SHAPE_BINS = 64;
export const SHAPE_U_LOW = -2.8;
export const SHAPE_U_STEP = 0.1;

/** Price of a violating minute in mean-fleet-minutes at the default budget. */
export const PRICE_AT_DEFAULT = 13;
/** The default budget: 0.3 % of the minutes. */
export const DEFAULT_BUDGET_PERCENT = 0.3;
/** λ stays within a factor of eight either way. */
export const LAMBDA_MAX = Math.log(8);
/** Gain of the integral controller per quarter of a season. */
export const LAMBDA_GAIN = 0.25;
/** λ is frozen where doubling the price buys less than this share of the risk. */
export const LAMBDA_WORTH = 0.1;
/** λ does not ask for a fleet that costs more than this multiple of an HPA's at the same target. */
export const SPEND_MAX = 1.1;
/** Doubling the price makes a fleet about a tenth dearer: log price per log cost. */
export const PRICE_PER_SPEND = 7;

/** Overload is never planned for: n is feasible only up to this probability. */
export const OVERLOAD_MAX = 0.3;
/**
 * What one more pod must earn, in prices of a pod. A pod that is started pays for its start-up and its
 * draining before and after it serves (two thirds of a minute); one that is there would pay them again.
 */
export const START_PRICE = 2;
export const KEEP_PRICE = 0.5;
/**
 * Price of a scale-down at the default price: 19 s of a pod times the root of the mean fleet. In pods it
 * would weigh on small fleets, in shares of the fleet it would hardly hold them.
 */
export const CHURN_PRICE = 0.31;
/** Share of it that a floor pays: the autoscaler above smooths what reaches the pods. */
export const FLOOR_CHURN = 0.2;
/** How much less than START_PRICE the further pods of one change must earn, per price of a change. */
export const ORDER_REACH = 15;
/** The largest answer of the last so many blocks is kept when going down. */
export const RECENT_UP_BLOCKS = 0.67;

/** The certain part of a rate: three standard errors below it. */
export const CERTAIN_DEVIATIONS = 3;

/** Requests/s per pod before anything is known. */
export const CAPACITY_PRIOR = 50;
/** Slope of log lateness over utilisation: between a 15 ms and a 26 ms service at 500 ms. */
export const LATE_SLOPE_PRIOR = 25;
/** Lateness that makes a minute violating. */
export const LATE_MINUTE = 0.01;
/** Lateness of one block that makes its minute violating: the other blocks are not all as full. */
export const LATE_BLOCK = 0.014;
/** Memory of the latency model, seconds: a few hours, so that a release is noticed. */
export const WORKLOAD_MEMORY_SECONDS = 6 * 3600;

/** Start-up before the first pod was seen to start, seconds, and its spread (log units). */
export const STARTUP_PRIOR_SECONDS = 30;
export const STARTUP_SPREAD = 0.3;
/** Standard normal quantile of 90 %: start-up, age and sync enter the control delay with it. */
export const Z90 = 1.2816;
export const HORIZON_SECONDS_MAX = 900;

/** Actions of the Q-table: K × 1.5^(a − 10). */
export const ACTIONS = 21;
export const NEUTRAL_ACTION = 10;
export const ACTION_BASE = 1.5;
/** Blocks of averaged rewards per season: one Q update each (4 hours of a day). */
export const Q_BLOCKS_PER_SEASON = 6;
/** An action must beat the neutral one by this share of the objective to be taken. */
export const Q_MARGIN = 0.01;
/** Live exploration: this far from greedy, and only where overload is less likely than this. */
export const SAFE_STEPS = 2;
export const SAFE_OVERLOAD = 0.1;

/** Telemetry older than max(this, three intervals) is stale, milliseconds. */
export const STALE_MS = 30_000;
/** Warm-up after installation as a share of a season: 30 minutes of a day. */
export const WARMUP_SEASONS = 1 / 48;
