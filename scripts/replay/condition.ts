import { NimbusError } from '#shared/errors.ts';
import type { StartupDraw } from './fleet.ts';
import { createLoad, drawArrivals, referenceScale, type Load, type RatePath } from './load.ts';
import { createRandom, type Random } from './random.ts';
import { startupDraws, type RunSettings, type Workload } from './simulate.ts';
import type { Grade, Span, TelemetryFaults } from './telemetry.ts';
import { NO_TELEMETRY_FAULTS } from './telemetry.ts';
import type { Trace } from './trace.ts';

/** What goes wrong during a run, for every controller alike. */
export const FAULTS = [
  'none',
  'gaps-30',
  'gaps-120',
  'gaps-600',
  'counter-reset',
  'late-60',
  'restart-kept',
  'restart-lost',
  'never-ready',
  'node-wait',
  'retries',
  'outage',
  'slow-start',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Everything about a run besides its trace, its seed and its controller. */
export interface Condition {
  readonly path: RatePath;
  readonly startupSeconds: number;
  readonly telemetry: Grade;
  /** Service time's latency slope, milliseconds: 20, 26 or 15. */
  readonly serviceMs: number;
  /** A slower request is late, milliseconds: 500 unless given. */
  readonly sloMs?: number;
  readonly fault: Fault;
  readonly capacityPerPod?: number;
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  /** Requests/s in the pods per request/s of the trace; unless given, p99.9 needs 35 pods at 70 %. */
  readonly scale?: number;
  readonly drainSeconds?: number;
  readonly warmupShare?: number;
  /** Only the first days of the trace. */
  readonly days?: number;
  /** The controller starts from nothing where the scored part begins; one day is scored. */
  readonly coldStart?: true;
}

const CAPACITY_PER_POD = 50;

export const limitsOf = (condition: Condition) => ({
  capacityPerPod: condition.capacityPerPod ?? CAPACITY_PER_POD,
  minReplicas: condition.minReplicas ?? 1,
  maxReplicas: condition.maxReplicas ?? 50,
});

const ROUGH = { sigma: 0.2, drainSeconds: 10 };
const STEPS = { sigma: 0, drainSeconds: 0 };
const HOUR = 3600;
const DAY = 24 * HOUR;
const EVERY_HOURS = 6; // a fault comes about four times a day

/** Times about every six hours, each somewhere in its stretch. */
function faultTimes(seconds: number, random: Random): number[] {
  return Array.from({ length: Math.floor(seconds / (EVERY_HOURS * HOUR)) }, (_, i) =>
    Math.floor((i + 0.1 + 0.8 * random.next()) * EVERY_HOURS * HOUR),
  );
}

const spans = (times: readonly number[], length: number): Span[] =>
  times.map((from) => ({ from, to: from + length }));

function telemetryFaults(fault: Fault, times: readonly number[]): TelemetryFaults {
  if (fault.startsWith('gaps-')) {
    return { ...NO_TELEMETRY_FAULTS, gaps: spans(times, Number(fault.slice(5))) };
  }
  if (fault === 'counter-reset') return { ...NO_TELEMETRY_FAULTS, resets: times };
  return fault === 'late-60' ? { ...NO_TELEMETRY_FAULTS, lateSeconds: 60 } : NO_TELEMETRY_FAULTS;
}

const NEVER_READY_SHARE = 0.1;
const NODE_WAIT = { share: 0.05, seconds: 120 };

function faultyStartup(fault: Fault, draw: StartupDraw, seed: number): StartupDraw {
  if (fault !== 'never-ready' && fault !== 'node-wait') return draw;
  const random = createRandom(seed, fault);
  const luck: number[] = [];
  return (launch) => {
    while (luck.length <= launch) luck.push(random.next());
    const drawn = luck[launch] ?? 1;
    if (fault === 'never-ready') return drawn < NEVER_READY_SHARE ? Infinity : draw(launch);
    return draw(launch) + (drawn < NODE_WAIT.share ? NODE_WAIT.seconds : 0);
  };
}

/** Ten minutes at a fifth of the load with failing answers, then retries at twice of it, fading. */
function withOutages(load: Load, times: readonly number[], seed: number): Load {
  const rate = Float32Array.from(load.rate);
  for (const time of times) {
    for (let t = time; t < Math.min(load.seconds, time + 3600); t += 1) {
      const age = t - time - 600;
      const factor = age < 0 ? 0.2 : 1 + Math.exp(-age / 480);
      rate[t] = (rate[t] ?? 0) * factor;
    }
  }
  const arrivals = drawArrivals(rate, createRandom(seed, `outage arrivals ${load.name}`));
  const outages = times.map((from) => ({ from, to: from + 600, failedShare: 0.6 }));
  return { ...load, rate, arrivals, outages };
}

const timesOf = (condition: Condition, seconds: number, seed: number): number[] =>
  faultTimes(seconds, createRandom(seed, `times ${condition.fault}`));

/** The load of one trace under one condition and seed; the same for every controller. */
export function loadFor(trace: Trace, condition: Condition, seed: number): Load {
  const { capacityPerPod } = limitsOf(condition);
  const load = createLoad(trace, {
    path: condition.path,
    seed,
    scale: condition.scale ?? referenceScale(trace, capacityPerPod),
    ...(condition.warmupShare === undefined ? {} : { warmupShare: condition.warmupShare }),
    ...(condition.days === undefined ? {} : { days: condition.days }),
  });
  if (condition.coldStart) {
    return { ...load, seconds: Math.min(load.seconds, load.scoreFrom + DAY) };
  }
  if (condition.fault !== 'outage') return load;
  return withOutages(load, timesOf(condition, load.seconds, seed), seed);
}

const SLOW_START = { seconds: 30, factor: 3 };

export function workloadOf(condition: Condition): Workload {
  const workload = {
    capacityPerPod: limitsOf(condition).capacityPerPod,
    serviceSeconds: condition.serviceMs / 1000,
    ...(condition.sloMs === undefined ? {} : { lateSeconds: condition.sloMs / 1000 }),
  };
  return condition.fault === 'slow-start' ? { ...workload, slowStart: SLOW_START } : workload;
}

function restartsOf(
  { fault, coldStart }: Condition,
  load: Load,
  times: readonly number[],
): Pick<RunSettings, 'restarts'> {
  if (coldStart) return { restarts: { at: [load.scoreFrom], kept: false } };
  if (!fault.startsWith('restart-')) return {};
  return { restarts: { at: times, kept: fault === 'restart-kept' } };
}

/** Settings of a run: limits, start-up draws and faults, the same for every controller. */
export function settingsFor(condition: Condition, load: Load, seed: number): RunSettings {
  const { fault } = condition;
  if (!(condition.startupSeconds > 0)) {
    throw new NimbusError('input.invalid', `startupSeconds must be above 0`);
  }
  const path = condition.path === 'rough' ? ROUGH : STEPS;
  const times = timesOf(condition, load.seconds, seed);
  const draw = startupDraws(condition.startupSeconds, path.sigma, seed);
  const limits = limitsOf(condition);
  return {
    workload: workloadOf(condition),
    grade: condition.telemetry,
    minReplicas: limits.minReplicas,
    maxReplicas: limits.maxReplicas,
    drainSeconds: condition.drainSeconds ?? path.drainSeconds,
    startup: faultyStartup(fault, draw, seed),
    seed,
    telemetryFaults: telemetryFaults(fault, times),
    retryShare: fault === 'retries' ? 0.5 : 0,
    ...restartsOf(condition, load, times),
  };
}

export const DEFAULT_CONDITION: Condition = {
  path: 'rough',
  startupSeconds: 30,
  telemetry: '2s',
  serviceMs: 20,
  fault: 'none',
};
