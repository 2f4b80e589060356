import { at } from './numbers.ts';
import type { Random } from './random.ts';

/** `2s` rates every 2 s · `15s` scrapes of 15 s windows, 8 s old in the mean · `cpu` CPU alone at 15 s. */
export type Grade = '2s' | '15s' | 'cpu';

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is wrong with the measurements, seconds of the run. Spans are sorted. */
export interface TelemetryFaults {
  readonly gaps: readonly Span[];
  readonly resets: readonly number[];
  readonly lateSeconds: number;
}

export const NO_TELEMETRY_FAULTS: TelemetryFaults = { gaps: [], resets: [], lateSeconds: 0 };

/** One scrape: counts over [at − window, at). Late and failed are draws, CPU carries its noise. */
export interface Reading {
  readonly measuredAt: number;
  readonly windowSeconds: number;
  readonly requests: number;
  readonly late: number;
  readonly failed: number;
  /** Busy share of the ready pods. */
  readonly cpuUtilization: number;
}

const RING = 256; // seconds that stay readable
const SCRAPE_SECONDS = 15;
const SCRAPE_PHASE = 7; // beats at 0, 5 and 10 s of each 15 then see ages of 8, 13 and 3 s

/** Window of rates by grade, seconds. CPU comes in windows of 15 s in every grade (metrics-server). */
const windowOf = (grade: Grade): number => (grade === '2s' ? 2 : SCRAPE_SECONDS);

/** What can be measured of a run. Controllers see nothing else; the truth stays in here. */
export class Telemetry {
  readonly grade: Grade;
  readonly #arrivals = new Float64Array(RING);
  readonly #late = new Float64Array(RING);
  readonly #failed = new Float64Array(RING);
  readonly #served = new Float64Array(RING);
  readonly #busy = new Float64Array(RING);
  readonly #ready = new Float64Array(RING);
  readonly #faults: TelemetryFaults;
  readonly #random: Random;
  readonly #workSeconds: number;
  #gap = 0;
  #cached: Reading | null = null;

  /** @param workSeconds CPU seconds of one request */
  constructor(grade: Grade, workSeconds: number, random: Random, faults: TelemetryFaults) {
    this.grade = grade;
    this.#workSeconds = workSeconds;
    this.#random = random;
    this.#faults = faults;
  }

  /** Adds second `t`: sums up to its end are kept. `busy` and `ready` are pod-seconds. */
  record(
    t: number,
    counts: { arrivals: number; late: number; failed: number; served: number },
    busy: number,
    ready: number,
  ): void {
    const to = (t + 1) & (RING - 1);
    const from = t & (RING - 1);
    this.#arrivals[to] = at(this.#arrivals, from) + counts.arrivals;
    this.#late[to] = at(this.#late, from) + counts.late;
    this.#failed[to] = at(this.#failed, from) + counts.failed;
    this.#served[to] = at(this.#served, from) + counts.served;
    this.#busy[to] = at(this.#busy, from) + busy;
    this.#ready[to] = at(this.#ready, from) + ready;
  }

  #over(series: Float64Array, from: number, to: number): number {
    return at(series, to & (RING - 1)) - at(series, Math.max(0, from) & (RING - 1));
  }

  /** When the newest numbers that are there at `now` were true; null inside a gap. */
  measuredAt(now: number): number | null {
    const cut = this.grade === '2s' ? 1 : SCRAPE_SECONDS;
    const phase = this.grade === '2s' ? 0 : SCRAPE_PHASE;
    const seen = now - this.#faults.lateSeconds;
    const measured = Math.floor((seen - phase) / cut) * cut + phase;
    return measured < SCRAPE_SECONDS || this.#inGap(measured) ? null : measured;
  }

  #inGap(time: number): boolean {
    const gaps = this.#faults.gaps;
    let gap = gaps[this.#gap];
    while (gap !== undefined && gap.to <= time) {
      this.#gap += 1;
      gap = gaps[this.#gap];
    }
    return gap !== undefined && gap.from <= time;
  }

  #resetIn(from: number, to: number): number {
    for (const reset of this.#faults.resets) if (reset > from && reset < to) return reset;
    return from;
  }

  /** Requests that arrived in [from, to), as counters tell: what came before a reset is lost. */
  arrivals(from: number, to: number): number {
    return Math.max(0, this.#over(this.#arrivals, this.#resetIn(from, to), to));
  }

  /** Busy share of the ready pods over [from, to), with the noise of random service times. */
  cpu(from: number, to: number): number {
    const ready = this.#over(this.#ready, from, to);
    if (ready <= 0) return 0;
    const noise = Math.sqrt(Math.max(0, this.#over(this.#served, from, to))) * this.#workSeconds;
    const busy = this.#over(this.#busy, from, to) + noise * this.#random.normal();
    return Math.min(1, Math.max(0, busy / ready));
  }

  /** Whether [from, to) lies outside every gap; for controllers with a scrape of their own. */
  whole(from: number, to: number): boolean {
    return this.#faults.gaps.every((gap) => gap.to <= from || gap.from >= to);
  }

  /** The newest scrape at `now`, or null. The same scrape is the same draw however often it is read. */
  read(now: number): Reading | null {
    const measuredAt = this.measuredAt(now);
    if (measuredAt === null) return null;
    if (this.#cached?.measuredAt === measuredAt) return this.#cached;
    const windowSeconds = windowOf(this.grade);
    const from = measuredAt - windowSeconds;
    const all = this.#over(this.#arrivals, from, measuredAt);
    const requests = Math.round(this.arrivals(from, measuredAt));
    const share = (series: Float64Array): number =>
      all > 0 ? Math.min(1, this.#over(series, from, measuredAt) / all) : 0;
    const reading: Reading = {
      measuredAt,
      windowSeconds,
      requests,
      late: this.#random.binomial(requests, share(this.#late)),
      failed: this.#random.binomial(requests, share(this.#failed)),
      cpuUtilization: this.cpu(measuredAt - SCRAPE_SECONDS, measuredAt),
    };
    this.#cached = reading;
    return reading;
  }
}
