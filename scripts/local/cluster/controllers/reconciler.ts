// A work queue of keys: many changes of one object are one look at it, and a failed look is repeated.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

export interface ReconcilerOptions {
  readonly name: string;
  /** Brings the world closer to what the object wants. Is called again when it throws. */
  readonly reconcile: (key: string) => void | Promise<void>;
  readonly onError: (error: unknown, what: string) => void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #isRunning = false;
  #isClosed = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Looks at the object soon; never within the call, so that a listener may use it. */
  enqueue(key: string): void {
    if (this.#isClosed) return;
    this.#waiting.add(key);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#drain());
  }

  enqueueAfter(key: string, delayMs: number): void {
    if (this.#isClosed || this.#timers.has(key)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.enqueue(key);
    }, delayMs);
    this.#timers.set(key, timer);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  async #drain(): Promise<void> {
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      await this.#look(key);
    }
    this.#isRunning = false;
  }

  async #look(key: string): Promise<void> {
    try {
      await this.#options.reconcile(key);
      this.#failures.delete(key);
    } catch (error) {
      if (this.#isClosed) return;
      const count = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, count);
      this.#options.onError(error, `${this.#options.name} ${key}`);
      this.enqueueAfter(key, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (count - 1)));
    }
  }
}

/** `namespace/name` of an object and back. */
export const keyOfMeta = ({ namespace, name }: { namespace?: string; name: string }): string =>
  `${namespace ?? ''}/${name}`;

export function refOfKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
