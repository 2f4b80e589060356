import type { Decision, Matured, PodCounters } from '../events/index.ts';

/** What the core sees of one target at one instant. Null = unknown, never zero. */
export interface Sample {
  /** Decision time, Unix epoch, milliseconds. */
  atMs: number;
  /** When the telemetry was true; its age is atMs − measuredAtMs. */
  measuredAtMs: number | null;
  /** Rates are means over [measuredAtMs − windowMs, measuredAtMs). */
  windowMs: number | null;
  /** What came in, where pods tell what waits in them; else what was answered. */
  requestsPerSecond: number | null;
  /** Answered in the window, rejected ones included. */
  requests: number | null;
  lateRatio: number | null;
  failedRatio: number | null;
  latencyP95Ms: number | null;
  /** CPU used / requested over ready pods; 1 is full. */
  cpuUtilization: number | null;
  memoryUtilization: number | null;
  inFlight: number | null;
  lagMessages: number | null;
  replicas: { desired: number; ready: number; starting: number; draining: number };
  /** Seconds creation → ready of pods that became ready since the last sample. */
  startups: readonly number[];
  /** Nominal time to the next sample. */
  intervalMs: number;
}

/** Uniform random numbers in [0, 1). */
export type Random = () => number;

/** Who may try a price that is not the best known: `free` replay and shadow, `safe` live, `none`. */
export type Exploration = 'free' | 'safe' | 'none';

export interface DecideOptions {
  readonly random: Random;
  /** Build the full record; the decision itself is the same with and without it. */
  readonly record: boolean;
  readonly explore?: Exploration;
  /** No scale-down before this time (advice), milliseconds of the Unix epoch. */
  readonly holdUntilMs?: number;
  /** Id and sequence under which the outcome of this decision will be reported. */
  readonly id?: string;
  readonly sequence?: number;
  /** Time from the observation to the write, seconds, as measured on the chain. */
  readonly chainSeconds?: number;
  /** Autoscaler sync that stands between a written floor and pods, seconds (mode `floor`). */
  readonly applySeconds?: number;
}

export type Reason = Decision['reason'];
export type Constraint = Decision['constraints'][number];

/** Everything about a decision that goes into its event. */
export type DecisionRecord = Pick<
  Decision,
  'inputs' | 'forecast' | 'price' | 'learning' | 'options' | 'counterfactual' | 'sentence'
>;

export interface Verdict {
  kind: 'scale' | 'hold';
  reason: Reason;
  from: number;
  to: number;
  /** Index 0…20 of the price multiplier 1.5^(action − 10). */
  action: number;
  constraints: Constraint[];
  /** Present when it was asked for. */
  record?: DecisionRecord;
  /** Outcomes known by now and not learned yet; they come again until they were learned. */
  matured: Matured[];
}

/** The raw counters of the sample before, as the ledger keeps them. */
export interface Counters {
  /** When the last look was, whatever it saw; absent in what earlier versions kept. */
  observedAtMs?: number | undefined;
  /** How long before that the look before was, where that was long. */
  pauseMs?: number | undefined;
  measuredAtMs: number;
  pods: PodCounters[];
  /** Ready times of pods whose start-up was already reported. */
  lastReadyAtMs: number;
}

/** The quantities of a sample that can be unknown. */
export const MEASURES = [
  'measuredAtMs',
  'windowMs',
  'requestsPerSecond',
  'requests',
  'lateRatio',
  'failedRatio',
  'latencyP95Ms',
  'cpuUtilization',
  'memoryUtilization',
  'inFlight',
  'lagMessages',
] as const;
