import { Fleet, type StartupDraw } from './fleet.ts';
import type { Load } from './load.ts';
import { at, clamp } from './numbers.ts';
import { createRandom } from './random.ts';
import { Tally, type Outcome } from './tally.ts';
import { NO_TELEMETRY_FAULTS, Telemetry, type Grade, type TelemetryFaults } from './telemetry.ts';

/** What a pod can do. Controllers are not told. */
export interface Workload {
  /** Requests/s of one pod at 100 % CPU. */
  readonly capacityPerPod: number;
  /** Seconds of the latency tail's slope; the knee is 1 − 4.6 · s / 0.5 at an SLO of half a second. */
  readonly serviceSeconds: number;
  /** A request slower than this is late; half a second unless given. */
  readonly lateSeconds?: number;
  /** First seconds of a pod in which it is `factor` times slower and burns its CPU. */
  readonly slowStart?: { readonly seconds: number; readonly factor: number };
}

const lateSecondsOf = (workload: Pick<Workload, 'lateSeconds'>): number =>
  workload.lateSeconds ?? LATE_SECONDS;

/** Utilisation beyond which more than 1 % of the requests are late. */
export const kneeOf = (workload: Omit<Workload, 'capacityPerPod'>): number =>
  1 - (Math.log(100) * workload.serviceSeconds) / lateSecondsOf(workload);

/** Increase of log lateness per unit of utilisation. */
export const slopeOf = (workload: Workload): number =>
  lateSecondsOf(workload) / workload.serviceSeconds;

export interface RunSettings {
  readonly workload: Workload;
  readonly grade: Grade;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly drainSeconds: number;
  /** Creation → ready of the k-th launch: one stream for every controller of a comparison. */
  readonly startup: StartupDraw;
  readonly seed: number;
  readonly telemetryFaults?: TelemetryFaults;
  /** Share of the late requests that is sent again a second later. */
  readonly retryShare?: number;
  /** Controller restarts: seconds of the run, and whether its state survives. */
  readonly restarts?: { readonly at: readonly number[]; readonly kept: boolean };
  readonly timeline?: boolean;
}

/** What a controller may look at. */
export interface View {
  /** Second of the run. */
  readonly now: number;
  /** Milliseconds of the Unix epoch. */
  readonly atMs: number;
  /** Replicas asked for so far. */
  readonly desired: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly fleet: Fleet;
  readonly telemetry: Telemetry;
}

/** One autoscaler of a comparison. */
export interface Controller {
  readonly name: string;
  /** Asked at every second that is a multiple of this. */
  readonly intervalSeconds: number;
  /** Replicas wanted from now on; limits are applied by the caller. */
  decide(view: View): number;
  /** The controller's process was restarted, with its state or without. */
  restart?(kept: boolean): void;
}

/** The run's first second on the calendar: Monday, 5 January 2026, 00:00 UTC. */
export const EPOCH_MS = 1_767_571_200_000;

const LATE_SECONDS = 0.5; // the default SLO
const MAX_BACKLOG_SECONDS = 10; // of work; what does not fit is dropped
const START_UTILIZATION = 0.7; // everyone starts with the fleet that this asks for

/** Creation → ready: log-normal around the nominal, drawn by index of launch from one stream. */
export function startupDraws(nominalSeconds: number, sigma: number, seed: number): StartupDraw {
  const random = createRandom(seed, 'startup');
  const drawn: number[] = [];
  return (launch) => {
    while (drawn.length <= launch) {
      const factor = sigma > 0 ? Math.exp(sigma * random.normal()) : 1;
      drawn.push(Math.max(1, Math.round(nominalSeconds * factor)));
    }
    return at(drawn, launch);
  };
}

class Service {
  readonly counts = { arrivals: 0, late: 0, failed: 0, served: 0 };
  dropped = 0;
  busy = 0;
  #backlog = 0;
  #lastRate = -1;
  #lastCapacity = -1;
  #lastTail = 0;
  readonly #workload: Workload;
  readonly #lateSeconds: number;

  constructor(workload: Workload) {
    this.#workload = workload;
    this.#lateSeconds = lateSecondsOf(workload);
  }

  /** Pods' worth of capacity of the ready pods, and what of it is real. */
  #effective(ready: number, young: number): number {
    const slow = this.#workload.slowStart;
    return slow === undefined ? ready : ready - young * (1 - 1 / slow.factor);
  }

  /** P(latency > SLO) of M/M/1-PS behind a backlog of `delay` seconds. */
  #late(rate: number, capacity: number, delay: number): number {
    if (delay === 0 && rate === this.#lastRate && capacity === this.#lastCapacity) {
      return this.#lastTail;
    }
    if (delay >= this.#lateSeconds || capacity <= 0) return 1;
    const rho = Math.min(1, rate / capacity);
    const tail = Math.exp(
      (-(1 - rho) * (this.#lateSeconds - delay)) / this.#workload.serviceSeconds,
    );
    if (delay === 0) {
      this.#lastRate = rate;
      this.#lastCapacity = capacity;
      this.#lastTail = tail;
    }
    return tail;
  }

  /** Serves one second: fluid backlog of at most 10 s of work, the rest dropped. */
  second(rate: number, arrivals: number, ready: number, young: number): void {
    const pods = this.#effective(ready, young);
    const capacity = pods * this.#workload.capacityPerPod;
    const before = this.#backlog;
    const work = before + arrivals;
    const served = Math.min(work, capacity);
    const room = MAX_BACKLOG_SECONDS * Math.max(capacity, this.#workload.capacityPerPod);
    const after = Math.min(work - served, room);
    const dropped = work - served - after;
    const delay = after > 0 && capacity > 0 ? (before + after) / 2 / capacity : 0;
    const kept = Math.max(0, arrivals - dropped);
    this.#backlog = after;
    this.dropped = dropped;
    this.counts.arrivals = arrivals;
    this.counts.served = served;
    this.counts.failed = dropped;
    this.counts.late = kept * this.#late(rate, capacity, delay) + dropped;
    const use = capacity > 0 ? served / capacity : 0;
    this.busy = young + (ready - young) * use;
  }
}

/** One run: a controller against a load. Everything it is made of, for the loop below. */
class Run implements View {
  now = 0;
  desired: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly fleet: Fleet;
  readonly telemetry: Telemetry;
  readonly #load: Load;
  readonly #settings: RunSettings;
  readonly #controller: Controller;
  readonly #tally: Tally;
  readonly #service: Service;
  #retries = 0;
  #outage = 0;

  constructor(load: Load, settings: RunSettings, controller: Controller) {
    const { workload } = settings;
    this.#load = load;
    this.#settings = settings;
    this.#controller = controller;
    this.#tally = new Tally(settings.timeline ?? false);
    this.#service = new Service(workload);
    this.minReplicas = settings.minReplicas;
    this.maxReplicas = settings.maxReplicas;
    const need = Math.ceil(at(load.rate, 0) / (workload.capacityPerPod * START_UTILIZATION));
    this.desired = clamp(need, Math.max(1, this.minReplicas), this.maxReplicas);
    this.fleet = new Fleet(this.desired, settings.drainSeconds, settings.startup);
    const random = createRandom(settings.seed, `telemetry ${load.name}`);
    const faults = settings.telemetryFaults ?? NO_TELEMETRY_FAULTS;
    this.telemetry = new Telemetry(settings.grade, 1 / workload.capacityPerPod, random, faults);
  }

  get atMs(): number {
    return EPOCH_MS + this.now * 1000;
  }

  #decide(scored: boolean): void {
    const wanted = this.#controller.decide(this);
    if (!Number.isFinite(wanted)) {
      throw new Error(`${this.#controller.name} asked for ${wanted} replicas at ${this.now} s`);
    }
    const desired = clamp(Math.round(wanted), this.minReplicas, this.maxReplicas);
    if (desired === this.desired) return;
    const launched = this.fleet.launched;
    this.desired = desired;
    this.fleet.scaleTo(desired, this.now);
    if (!scored) return;
    this.#tally.change();
    this.#tally.launch(this.fleet.launched - launched);
  }

  #restart(): void {
    const { restarts } = this.#settings;
    if (restarts?.at.includes(this.now)) this.#controller.restart?.(restarts.kept);
  }

  /** Share of the served requests that fail for reasons that no number of pods can mend. */
  #failing(): number {
    const outages = this.#load.outages;
    let outage = outages[this.#outage];
    if (outage !== undefined && outage.to <= this.now) {
      this.#outage += 1;
      outage = outages[this.#outage];
    }
    return outage !== undefined && outage.from <= this.now ? outage.failedShare : 0;
  }

  #serve(): void {
    const slow = this.#settings.workload.slowStart;
    const young = slow === undefined ? 0 : this.fleet.readyAfter(this.now - slow.seconds);
    const retries = this.#retries;
    const arrivals = at(this.#load.arrivals, this.now) + retries;
    const service = this.#service;
    service.second(at(this.#load.rate, this.now) + retries, arrivals, this.fleet.ready, young);
    const retryShare = this.#settings.retryShare ?? 0;
    if (retryShare > 0) this.#retries = Math.round(retryShare * service.counts.late);
  }

  #record(scored: boolean): void {
    const { counts, dropped, busy } = this.#service;
    if (scored) {
      this.#tally.second(counts.arrivals, counts.late, dropped);
      this.#tally.pods(this.fleet.ready, this.fleet.paid);
    }
    if (this.#load.outages.length > 0) {
      const failing = this.#failing();
      counts.failed += failing * counts.served;
      counts.late = Math.max(counts.late, counts.failed);
    }
    this.telemetry.record(this.now, counts, busy, this.fleet.ready);
  }

  finish(): Outcome {
    const { scoreFrom, seconds } = this.#load;
    const interval = this.#controller.intervalSeconds;
    for (; this.now < seconds; this.now += 1) {
      const scored = this.now >= scoreFrom;
      this.fleet.step(this.now);
      if (this.#settings.restarts !== undefined) this.#restart();
      if (this.now % interval === 0) this.#decide(scored);
      this.#serve();
      this.#record(scored);
      if (scored && (this.now - scoreFrom) % 60 === 59) this.#tally.endMinute();
    }
    return this.#tally.finish();
  }
}

/**
 * Replays a load against a controller in virtual time, ticks of 1 s. Same arguments, same result. It
 * starts with the fleet that the first second asks for at 70 %, one pod at least; what comes before
 * `scoreFrom` is warm-up, then every minute is scored.
 */
export const simulate = (load: Load, settings: RunSettings, controller: Controller): Outcome =>
  new Run(load, settings, controller).finish();
