// What a Trigger did since the broker started. Bounded, and costs nothing while nothing happens.

const RECENT = 512;
const MINUTE_SECONDS = 60;

/** Events per second over the last minute, in one slot per second. */
class Rate {
  readonly #counts = new Float64Array(MINUTE_SECONDS);
  readonly #seconds = new Float64Array(MINUTE_SECONDS);

  add(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = second % MINUTE_SECONDS;
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#counts[slot] = 0;
    }
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  perMinute(nowMs: number): number {
    const oldest = Math.floor(nowMs / 1000) - MINUTE_SECONDS;
    return this.#counts.reduce(
      (sum, count, slot) => ((this.#seconds[slot] ?? 0) > oldest ? sum + count : sum),
      0,
    );
  }
}

/** The last values of something, for its quantiles. */
class Recent {
  readonly #values: number[] = [];
  #next = 0;

  add(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % RECENT;
  }

  /** Nearest rank; null before the first value. */
  quantile(q: number): number | null {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const value = sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    return value === undefined ? null : Math.round(value * 100) / 100;
  }
}

export interface TriggerFigures {
  readonly delivered: number;
  readonly replies: number;
  readonly retries: number;
  readonly deadLetters: number;
  /** Deliveries that had to start the subscriber first. */
  readonly coldStarts: number;
  /** Dead letters that no sink took. They are kept in the state file. */
  readonly deadLettersUndelivered: number;
  readonly perMinute: number;
  /** Accepted by the log → answered by the subscriber, retries included, milliseconds. */
  readonly hopP50Ms: number | null;
  readonly hopP99Ms: number | null;
  /** The broker's own share: accepted by the log → sent for the first time, milliseconds. */
  readonly waitP50Ms: number | null;
  readonly waitP99Ms: number | null;
  readonly lastError: { readonly atMs: number; readonly reason: string } | null;
}

export class TriggerStats {
  delivered = 0;
  replies = 0;
  retries = 0;
  deadLetters = 0;
  coldStarts = 0;
  deadLettersUndelivered = 0;
  lastError: TriggerFigures['lastError'] = null;
  readonly #rate = new Rate();
  readonly #hops = new Recent();
  readonly #waits = new Recent();

  sent(waitMs: number): void {
    this.#waits.add(waitMs);
  }

  done(hopMs: number, nowMs: number): void {
    this.delivered += 1;
    this.#rate.add(nowMs);
    this.#hops.add(hopMs);
  }

  failed(reason: string, nowMs: number): void {
    this.lastError = { atMs: nowMs, reason };
  }

  figures(nowMs: number): TriggerFigures {
    const { delivered, replies, retries, deadLetters, coldStarts } = this;
    const { deadLettersUndelivered, lastError } = this;
    return {
      ...{ delivered, replies, retries, deadLetters, coldStarts },
      ...{ deadLettersUndelivered, lastError },
      perMinute: this.#rate.perMinute(nowMs),
      hopP50Ms: this.#hops.quantile(0.5),
      hopP99Ms: this.#hops.quantile(0.99),
      waitP50Ms: this.#waits.quantile(0.5),
      waitP99Ms: this.#waits.quantile(0.99),
    };
  }
}
