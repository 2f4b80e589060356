// The ready pods of one service, for the ingress.
import type { ReadyPod } from './cluster/index.ts';
import type { Backend, Picked, Upstreams } from './ingress.ts';

/** How long a request waits for a pod before it is refused, as Knative's activator would hold it. */
const WAIT_MS = 30_000;

export class PodUpstreams implements Upstreams {
  readonly #name: string;
  readonly #end: () => void;
  #backends = new Map<string, Backend>();
  #waiting: (() => void)[] = [];
  #next = 0;

  /** `watch` calls back with the ready pods now and at every change; it returns what ends it. */
  constructor(name: string, watch: (callback: (pods: readonly ReadyPod[]) => void) => () => void) {
    this.#name = name;
    this.#end = watch((pods) => this.#update(pods));
  }

  /** Resolves when at least one pod is ready. */
  async #ready(timeoutMs: number): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    while (this.#backends.size === 0) {
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0) throw new Error(`${this.#name} has no ready pod`);
      await this.#change(leftMs);
    }
  }

  /** The pod with the fewest requests under way; among equals they take turns. */
  async pick(): Promise<Picked> {
    if (this.#backends.size === 0) await this.#ready(WAIT_MS);
    const backends = [...this.#backends.values()];
    this.#next = (this.#next + 1) % backends.length;
    let best = backends[this.#next] as Backend;
    for (const backend of backends) if (backend.inFlight < best.inFlight) best = backend;
    return { backend: best, isColdStart: false };
  }

  close(): void {
    this.#end();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #update(pods: readonly ReadyPod[]): void {
    const before = this.#backends;
    this.#backends = new Map(
      pods.map(({ uid, host, port }) => [
        uid,
        before.get(uid) ?? { origin: `http://${host}:${port}`, inFlight: 0 },
      ]),
    );
    if (pods.length > 0) for (const wake of this.#waiting.splice(0)) wake();
  }
}
