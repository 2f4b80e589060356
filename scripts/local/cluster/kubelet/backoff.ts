// Restarts wait longer each time, as the kubelet's do: the first at once, then 10 s, 20 s, … 5 min;
// a container that ran for 10 minutes begins anew.

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly resetAfterMs: number;
}

export const KUBELET_BACKOFF: BackoffOptions = {
  baseMs: 10_000,
  maxMs: 300_000,
  resetAfterMs: 600_000,
};

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait after a container that ran for `ranMs` ended. */
  afterRun(ranMs: number): number {
    const { baseMs, maxMs, resetAfterMs } = this.#options;
    if (ranMs >= resetAfterMs) this.#failures = 0;
    const waitMs = this.#failures === 0 ? 0 : Math.min(maxMs, baseMs * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return waitMs;
  }
}
