// The queue of the workload in virtual time: pure, the clock is an argument.

/** One request that was served; times in milliseconds of the caller's clock. */
export interface Finished<T> {
  readonly job: T;
  readonly queuedMs: number;
  readonly finishedAtMs: number;
}

/** Less than this is no work left: above the rounding of a clock that has run for years. */
const DONE_MS = 1e-3;

interface Running<T> {
  readonly job: T;
  readonly queuedMs: number;
  remainingMs: number;
}

export interface QueueSettings {
  /** Requests served at a time. */
  readonly workers: number;
  /** Work of one request, milliseconds of one worker. */
  readonly serviceMs: number;
  /** Requests that may wait. */
  readonly limit: number;
}

/**
 * First come, first served, by `workers` servers of constant service time.
 *
 * Every start and end is computed from the one before it and not from when a timer fired, so the
 * capacity is exactly workers / serviceMs however late the timers are. A CPU workload burns a
 * share of every worker: what is in service advances at the rest of the speed.
 */
export class WorkQueue<T> {
  readonly #settings: QueueSettings;
  readonly #waiting: { job: T; atMs: number }[] = [];
  #running: Running<T>[] = [];
  #burntShare = 0;
  #busyMs = 0;
  #nowMs: number;

  constructor(settings: QueueSettings, nowMs: number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get inService(): number {
    return this.#running.length;
  }

  /** Worker-seconds used until the last call of advance, burnt ones included. */
  get busySeconds(): number {
    return this.#busyMs / 1000;
  }

  /** When the next request is finished; Infinity when nothing runs or everything is burnt. */
  get nextAtMs(): number {
    const least = Math.min(...this.#running.map(({ remainingMs }) => remainingMs));
    return this.#nowMs + (least === Infinity ? least : least / (1 - this.#burntShare));
  }

  /** Takes the request in, or answers false: the queue is full. Call `advance(nowMs)` before. */
  offer(job: T): boolean {
    const { workers, serviceMs, limit } = this.#settings;
    if (this.#running.length < workers) {
      this.#running.push({ job, queuedMs: 0, remainingMs: serviceMs });
      return true;
    }
    if (this.#waiting.length >= limit) return false;
    this.#waiting.push({ job, atMs: this.#nowMs });
    return true;
  }

  /** Brings the queue to `nowMs` and returns what was finished until then, in order. */
  advance(nowMs: number): Finished<T>[] {
    const finished: Finished<T>[] = [];
    for (let next = this.nextAtMs; next <= nowMs; next = this.nextAtMs) {
      this.#pass(next);
      finished.push(...this.#complete());
    }
    if (nowMs > this.#nowMs) this.#pass(nowMs);
    return finished;
  }

  /** From now on this share (0…1) of every worker is burnt. Call `advance(nowMs)` before. */
  burn(share: number): void {
    this.#burntShare = share;
  }

  #pass(untilMs: number): void {
    const elapsedMs = untilMs - this.#nowMs;
    for (const running of this.#running) {
      running.remainingMs -= elapsedMs * (1 - this.#burntShare);
    }
    const idle = this.#settings.workers - this.#running.length;
    this.#busyMs += elapsedMs * (this.#running.length + idle * this.#burntShare);
    this.#nowMs = untilMs;
  }

  #complete(): Finished<T>[] {
    const done = this.#running.filter(({ remainingMs }) => remainingMs <= DONE_MS);
    this.#running = this.#running.filter(({ remainingMs }) => remainingMs > DONE_MS);
    for (const { job, atMs } of this.#waiting.splice(0, done.length)) {
      const queuedMs = this.#nowMs - atMs;
      this.#running.push({ job, queuedMs, remainingMs: this.#settings.serviceMs });
    }
    return done.map(({ job, queuedMs }) => ({ job, queuedMs, finishedAtMs: this.#nowMs }));
  }
}
