// What one pod carries, learned from rate and CPU of a warm fleet, and from bounds where the CPU is full
// or idle.
import { CAPACITY_PRIOR } from './constants.ts';
import { BACKLOG_LATE, newLateness } from './lateness.ts';
import { at } from './maths.ts';
import type { Model, Workload } from './model.ts';
import type { Sample } from './types.ts';

/** Busy pod-seconds after which capacity is taken as known, and what a bound counts for. */
const KNOWN = 20;
const BOUND_WEIGHT = 40;

/** Below this use of the CPU, what runs besides the requests is most of it. */
const CPU_IDLE = 0.05;
/** Beyond this use the CPU may be full, and what is served is no longer what is asked. */
const CPU_FULL = 0.9;
/** More failed requests than this are work that was not done: such a sample tells nothing of a known pod. */
const FAILED_MAX = 0.02;
/**
 * Where so many always fail, a pod would stay unknown for ever: until it is known the others count. More are
 * an outage.
 */
const OUTAGE_FAILED = 0.2;

/** A pod warms up for about so long; while more than this share of the fleet does, CPU is not the load's. */
const WARM_SECONDS = 30;
const YOUNG_MAX = 0.05;

/** Memory of capacity in samples of a warm fleet, seconds and requests: short enough to follow a release. */
const MEMORY_SECONDS = 300;
const MEMORY_REQUESTS = 4000;

/** A bound is heeded where what was thought lies beyond it by this much (log units, a quarter). */
const BOUND_CHANGE = 0.25;
/** A bound needs so many blocks, longer than a backlog lasts, and requests, of a fleet that stays. */
const BOUND_BLOCKS = 4;
const BOUND_REQUESTS = 100;
const FLEET_CHANGE = 0.1;
/** While a backlog grows the bound is known to be too high, nobody knows by how much. */
const BACKLOG_STEP = 0.6;

type Capacity = Pick<Workload, 'demand' | 'busy' | 'samples' | 'bound' | 'young'>;

export const newCapacity = (): Capacity => ({
  demand: 0,
  busy: 0,
  samples: 0,
  bound: [0, 0, 0, 0],
  young: 0,
});

/** Demand per second that one pod carries at full use. */
export function capacityOf(model: Model): number {
  if (model.demandUnit === 'pods') return 1;
  if (model.told !== undefined) return model.told.capacity;
  const { demand, busy } = model.workload;
  const known = busy / (busy + 1);
  return busy > 0 ? known * (demand / busy) + (1 - known) * CAPACITY_PRIOR : CAPACITY_PRIOR;
}

const isKnown = ({ busy }: Capacity): boolean => busy > KNOWN;

export const capacityKnown = (model: Model): boolean =>
  model.demandUnit === 'pods' || isKnown(model.workload);

/** Counts the pods that became ready, which warm up for a while. */
export function countYoung({ workload }: Model, sample: Sample, seconds: number): void {
  workload.young = workload.young * Math.exp(-seconds / WARM_SECONDS) + sample.startups.length;
}

/** Until capacity is known anything is better than the guess; then only what a warm fleet does. */
const trusted = (model: Model, sample: Sample): boolean =>
  !capacityKnown(model) || model.workload.young <= YOUNG_MAX * sample.replicas.ready;

/** What the pods did per second: of what came in, some may wait, and some of it did before. */
function answeredRate({ requests, windowMs, requestsPerSecond }: Sample): number | null {
  return requests === null || !windowMs ? requestsPerSecond : requests / (windowMs / 1000);
}

/** One sample makes a pod carry so many times more at most, where it is many requests: it may be garbage. */
const LEAP = 10;
const LEAP_REQUESTS = 100;

function plausible(known: Capacity, demand: number, busy: number): number {
  if (demand < LEAP_REQUESTS || !isKnown(known)) return demand;
  return Math.min(demand, LEAP * (known.demand / known.busy) * busy);
}

/** Learns from one sample of a steady fleet with a CPU that is neither idle nor full. */
export function learnCapacity(model: Model, sample: Sample, seconds: number): void {
  const { workload } = model;
  const { cpuUtilization: cpu } = sample;
  const rate = answeredRate(sample);
  const failed = sample.failedRatio ?? 0;
  const failedMost = isKnown(workload) ? FAILED_MAX : OUTAGE_FAILED;
  if (!cpu || !rate || isBound(cpu) || failed > failedMost) return;
  if (!trusted(model, sample)) return;
  const done = failed > FAILED_MAX ? rate * (1 - failed) : rate;
  const busy = cpu * sample.replicas.ready * seconds;
  const demand = plausible(workload, done * seconds, busy);
  const keep = Math.exp(-Math.min(seconds / MEMORY_SECONDS, demand / MEMORY_REQUESTS));
  workload.demand = workload.demand * keep + demand;
  workload.busy = workload.busy * keep + busy;
  workload.samples++;
}

const isBound = (cpu: number): boolean => cpu < CPU_IDLE || cpu > CPU_FULL;

/**
 * What a CPU tells that is full or idle is a bound only: full, it serves less than is asked, so a pod
 * carries at most that; idle, most of its work is not the load's, so a pod carries at least that.
 * Where a bound is far from what was thought (a release, a first guess), no other sample might come.
 */
export function learnBound(model: Model, sample: Sample, seconds: number): void {
  const { cpuUtilization: cpu } = sample;
  const rate = answeredRate(sample);
  if (!cpu || !rate || !isBound(cpu) || !trusted(model, sample)) {
    model.workload.bound.fill(0);
    return;
  }
  const bound = boundOf(model, sample, { cpu, rate, seconds });
  if (bound !== null) heed(model, bound, cpu > CPU_FULL ? 'most' : 'least', sample.lateRatio ?? 0);
}

/** Starts again from a bound that what was thought lies far beyond. */
function heed(model: Model, bound: number, kind: 'most' | 'least', lateRatio: number): void {
  const change = Math.log(bound / capacityOf(model));
  if ((kind === 'most' ? -change : change) < BOUND_CHANGE) return;
  const step = kind === 'most' && lateRatio > BACKLOG_LATE ? BACKLOG_STEP : 1;
  const adopted = { demand: bound * step * BOUND_WEIGHT, busy: BOUND_WEIGHT };
  Object.assign(model.workload, adopted, newLateness()); // another release, with another knee
}

/** Requests per busy pod-second while the CPU stays full or idle; null until it did for long. */
function boundOf(
  { workload, series }: Model,
  { replicas: { ready }, failedRatio }: Sample,
  { cpu, rate, seconds }: { cpu: number; rate: number; seconds: number },
): number | null {
  const base = at(workload.bound, 3);
  if (Math.abs(ready - base) > FLEET_CHANGE * base) {
    // The CPU's own window may reach back to the fleet of before: a block is left out.
    workload.bound = [0, 0, -series.blockSeconds, ready];
    return null;
  }
  const length = at(workload.bound, 2) + seconds;
  const counted = length > 0 ? seconds : 0;
  const accepted = rate * Math.max(0, 1 - (failedRatio ?? 0));
  const demand = at(workload.bound, 0) + accepted * counted;
  const busy = at(workload.bound, 1) + cpu * ready * counted;
  const enough = length >= BOUND_BLOCKS * series.blockSeconds && demand >= BOUND_REQUESTS;
  workload.bound = enough ? [0, 0, 0, 0] : [demand, busy, length, base];
  return enough ? demand / busy : null;
}
