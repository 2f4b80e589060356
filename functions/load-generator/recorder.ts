import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { histogram, percentiles, record } from './percentiles.ts';

/** What became of one request: an HTTP status, `acked`, or why there is none. */
export interface Answer {
  readonly ok: boolean;
  readonly code: string;
}

/** One second of a run, by the intended time of its requests. */
export interface Second {
  readonly second: number;
  readonly offered: number;
  readonly succeeded: number;
  readonly late: number;
  readonly failed: number;
  readonly dropped: number;
  /** Milliseconds from intended time, of succeeded requests; null without any. */
  readonly meanMs: number | null;
  readonly maxMs: number | null;
  readonly violating: boolean;
}

export interface Totals {
  /** Requests that were due. */
  readonly offered: number;
  /** Requests that were answered well. */
  readonly achieved: number;
  /** Answered well, but later than the SLO allows. */
  readonly late: number;
  readonly failed: number;
  /** Not sent, as too many were under way. */
  readonly dropped: number;
  readonly inFlight: number;
  readonly codes: Readonly<Record<string, number>>;
}

const SLO_SHARE = 0.01;

/** Send lag beyond which the generator, and not the target, is the bottleneck. */
const SATURATED_LAG_MS = 10;

type Column = 'offered' | 'succeeded' | 'late' | 'failed' | 'dropped';

/**
 * Counts and times of one run. Latency counts from the *intended* send time, so a stall of the target
 * or of this process shows in full (no coordinated omission); service time from the actual one.
 */
export class Recorder {
  readonly #latency = histogram();
  readonly #service = histogram();
  readonly #lag = histogram();
  readonly #columns: Record<Column, Uint32Array>;
  readonly #sumMs: Float64Array;
  readonly #maxMs: Float64Array;
  readonly #codes = new Map<string, number>();
  readonly #sloMs: number;
  /** Seconds before this one are left out of times and SLO. */
  readonly #measuredFrom: number;
  #inFlight = 0;

  constructor(options: { seconds: number; sloMs: number; startupSeconds: number }) {
    const length = Math.ceil(options.seconds) + 1;
    this.#columns = {
      offered: new Uint32Array(length),
      succeeded: new Uint32Array(length),
      late: new Uint32Array(length),
      failed: new Uint32Array(length),
      dropped: new Uint32Array(length),
    };
    this.#sumMs = new Float64Array(length);
    this.#maxMs = new Float64Array(length);
    this.#sloMs = options.sloMs;
    this.#measuredFrom = Math.ceil(options.startupSeconds);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  drop(intendedMs: number): void {
    this.#count('offered', intendedMs);
    this.#count('dropped', intendedMs);
  }

  send(intendedMs: number, sentMs: number): void {
    this.#count('offered', intendedMs);
    this.#inFlight += 1;
    if (intendedMs >= this.#measuredFrom * 1000) record(this.#lag, sentMs - intendedMs);
  }

  finish(answer: Answer, at: { intendedMs: number; sentMs: number; endedMs: number }): void {
    this.#inFlight -= 1;
    this.#codes.set(answer.code, (this.#codes.get(answer.code) ?? 0) + 1);
    if (!answer.ok) {
      this.#count('failed', at.intendedMs);
      return;
    }
    const second = Math.floor(at.intendedMs / 1000);
    const latencyMs = at.endedMs - at.intendedMs;
    this.#count('succeeded', at.intendedMs);
    if (latencyMs > this.#sloMs) this.#count('late', at.intendedMs);
    this.#sumMs[second] = (this.#sumMs[second] ?? 0) + latencyMs;
    this.#maxMs[second] = Math.max(this.#maxMs[second] ?? 0, latencyMs);
    if (second < this.#measuredFrom) return;
    record(this.#latency, latencyMs);
    record(this.#service, at.endedMs - at.sentMs);
  }

  totals(): Totals {
    const sum = (column: Column): number => this.#columns[column].reduce((all, n) => all + n, 0);
    return {
      offered: sum('offered'),
      achieved: sum('succeeded'),
      late: sum('late'),
      failed: sum('failed'),
      dropped: sum('dropped'),
      inFlight: this.#inFlight,
      codes: Object.fromEntries(this.#codes),
    };
  }

  /** Percentiles in milliseconds: from the intended send time, of the service, of our own lag. */
  times() {
    const sendLagMs = percentiles(this.#lag);
    return {
      latencyMs: percentiles(this.#latency),
      serviceMs: percentiles(this.#service),
      sendLagMs,
      generatorSaturated: (sendLagMs.p99 ?? 0) > SATURATED_LAG_MS,
    };
  }

  /** Seconds in which more than 1 % of the requests were late, failed or dropped. */
  slo(untilSecond: number) {
    const seconds = this.seconds(this.#measuredFrom, untilSecond).filter(
      ({ offered }) => offered > 0,
    );
    const bad = seconds.reduce((sum, s) => sum + s.late + s.failed + s.dropped, 0);
    const offered = seconds.reduce((sum, s) => sum + s.offered, 0);
    return {
      milliseconds: this.#sloMs,
      violatingSeconds: seconds.filter(({ violating }) => violating).length,
      seconds: seconds.length,
      lateRatio: offered === 0 ? null : bad / offered,
    };
  }

  /** The seconds from `from` up to, not including, `to`. */
  seconds(from: number, to: number): Second[] {
    const end = Math.min(to, this.#sumMs.length);
    return Array.from({ length: Math.max(0, end - from) }, (_, i) => this.#second(from + i));
  }

  /** HdrHistogram V2, compressed, base64: latencies from the intended time, to merge with others. */
  exportLatencies(): string {
    return encodeIntoCompressedBase64(this.#latency);
  }

  #second(second: number): Second {
    const at = (column: Column): number => this.#columns[column][second] ?? 0;
    const [offered, succeeded] = [at('offered'), at('succeeded')];
    const bad = at('late') + at('failed') + at('dropped');
    return {
      second,
      offered,
      succeeded,
      late: at('late'),
      failed: at('failed'),
      dropped: at('dropped'),
      meanMs: succeeded === 0 ? null : rounded((this.#sumMs[second] ?? 0) / succeeded),
      maxMs: succeeded === 0 ? null : rounded(this.#maxMs[second] ?? 0),
      violating: bad > SLO_SHARE * offered,
    };
  }

  #count(column: Column, intendedMs: number): void {
    const second = Math.floor(intendedMs / 1000);
    this.#columns[column][second] = (this.#columns[column][second] ?? 0) + 1;
  }
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
