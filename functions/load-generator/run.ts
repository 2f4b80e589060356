import { createArrivals } from './arrivals.ts';
import { rateAt, totalSecondsOf, type Plan } from './pattern.ts';
import { pollClock } from './poll-clock.ts';
import { Recorder } from './recorder.ts';
import { startSchedule } from './scheduler.ts';
import type { Sender } from './sender.ts';

export interface RunOptions {
  readonly id: string;
  readonly plan: Plan;
  /** As the request named it. */
  readonly target: string;
  readonly sloMs: number;
  readonly maxInFlight: number;
  readonly sender: Sender;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
  /** Unix epoch, milliseconds. */
  readonly wallMs: () => number;
}

export type RunState = 'running' | 'draining' | 'done' | 'stopped';

/** After a stop, the time that requests under way still get. */
const STOP_WAIT_MS = 2000;

/** One load: from its first request to the last answer. Starts when it is created. */
export class Run {
  readonly options: RunOptions;
  readonly recorder: Recorder;
  readonly startedAt: string;
  /** Resolves when the last answer is in, or the wait for it was given up. */
  readonly finished: Promise<void>;
  readonly #startedMs: number;
  readonly #arrivedMs: () => number;
  readonly #stopSchedule: () => void;
  readonly #finish: () => void;
  #endedMs: number | undefined;
  #state: RunState = 'running';
  #outcome: 'done' | 'stopped' = 'done';
  #sequence = 0;

  constructor(options: RunOptions) {
    const { plan, sloMs, nowMs } = options;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.options = options;
    this.startedAt = new Date(options.wallMs()).toISOString();
    this.finished = promise;
    this.#finish = () => resolve(undefined);
    this.recorder = new Recorder({
      seconds: totalSecondsOf(plan),
      sloMs,
      startupSeconds: plan.startupSeconds,
    });
    this.#arrivedMs = pollClock(nowMs);
    this.#startedMs = nowMs();
    this.#stopSchedule = startSchedule({
      arrivals: createArrivals(plan),
      nowMs,
      due: (intendedMs) => this.#due(intendedMs),
      ended: () => this.#end('done'),
    });
  }

  get state(): RunState {
    return this.#state;
  }

  /** True until the last answer is in. */
  get active(): boolean {
    return this.#state === 'running' || this.#state === 'draining';
  }

  /** Sends nothing more; requests under way are answered soon or given up. */
  stop(): void {
    if (!this.active) return;
    if (this.#state === 'running') {
      this.#stopSchedule();
      this.#end('stopped');
    }
    setTimeout(this.#close, STOP_WAIT_MS).unref();
  }

  /** Everything a page or a script wants to know of the run by now. */
  status() {
    const { plan, id, target } = this.options;
    const elapsedMs = this.#elapsedMs();
    const second = Math.floor(elapsedMs / 1000);
    const running = this.#state === 'running';
    const [last] = this.recorder.seconds(second - 1, second);
    return {
      state: this.#state,
      id,
      pattern: plan.pattern,
      target,
      seed: plan.seed,
      startedAt: this.startedAt,
      elapsedSeconds: Math.round(elapsedMs) / 1000,
      durationSeconds: totalSecondsOf(plan),
      scheduledPerSecond: running ? rateAt(plan, elapsedMs / 1000) : 0,
      offeredPerSecond: running ? (last?.offered ?? 0) : 0,
      achievedPerSecond: running ? (last?.succeeded ?? 0) : 0,
      ...this.recorder.totals(),
      ...this.recorder.times(),
      slo: this.recorder.slo(this.#secondsBegun()),
    };
  }

  /** The status with every second of the run, and the histogram to merge with others. */
  report() {
    const { trace, ...plan } = this.options.plan;
    return {
      ...this.status(),
      plan: { ...plan, tracePoints: trace.length },
      seconds: this.recorder.seconds(0, this.#secondsBegun()),
      latencyHistogram: this.recorder.exportLatencies(),
    };
  }

  #elapsedMs(): number {
    return (this.#endedMs ?? this.options.nowMs()) - this.#startedMs;
  }

  #secondsBegun(): number {
    return Math.ceil(Math.min(this.#elapsedMs() / 1000, totalSecondsOf(this.options.plan)));
  }

  #due(intendedMs: number): void {
    const { sender, nowMs, maxInFlight } = this.options;
    if (this.recorder.inFlight >= maxInFlight) {
      this.recorder.drop(intendedMs);
      return;
    }
    const sentMs = nowMs() - this.#startedMs;
    this.recorder.send(intendedMs, sentMs);
    sender.send(this.#sequence, (answer) => {
      const endedMs = Math.max(sentMs, this.#arrivedMs() - this.#startedMs);
      this.recorder.finish(answer, { intendedMs, sentMs, endedMs });
      if (this.#state === 'draining') this.#settle();
    });
    this.#sequence += 1;
  }

  #end(as: 'done' | 'stopped'): void {
    this.#endedMs = this.options.nowMs();
    this.#outcome = as;
    this.#state = 'draining';
    this.#settle();
  }

  #settle(): void {
    if (this.recorder.inFlight > 0) return;
    this.#state = this.#outcome;
    this.#close();
  }

  readonly #close = (): void => {
    this.options.sender.close().then(this.#finish, this.#finish);
  };
}
