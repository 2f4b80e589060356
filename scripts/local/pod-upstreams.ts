// The ready pods of one service, for the ingress.
import type { ReadyPod } from './cluster/index.ts';
import type { Backend, Picked, Upstreams } from './ingress.ts';

/** How long a request waits for a pod before it is refused, as Knative's activator would hold it. */
const WAIT_MS = 30_000;

export interface PodService {
  readonly name: string;
  /** Requests one pod takes at a time; 0 is unbounded. */
  readonly containerConcurrency: number;
}

export class PodUpstreams implements Upstreams {
  readonly #service: PodService;
  readonly #end: () => void;
  #backends = new Map<string, Backend>();
  readonly #waiting = new Set<() => void>();
  #next = 0;

  /** `watch` calls back with the ready pods now and at every change; it returns what ends it. */
  constructor(
    service: PodService,
    watch: (callback: (pods: readonly ReadyPod[]) => void) => () => void,
  ) {
    this.#service = service;
    this.#end = watch((pods) => this.#update(pods));
  }

  /**
   * The pod with the fewest requests under way, of those not `tried` if there are any; among equals they
   * take turns.
   */
  async pick(tried: ReadonlySet<Backend> = new Set()): Promise<Picked> {
    const giveUpAt = performance.now() + WAIT_MS;
    for (;;) {
      const backend = this.#leastBusy(tried);
      if (backend !== undefined) {
        backend.inFlight += 1;
        return { backend, isColdStart: false };
      }
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0) throw new Error(`${this.#service.name} has no ${this.#lacking} pod`);
      await this.#change(leftMs);
    }
  }

  /** One of those who wait for room may go on. */
  released(backend: Backend): void {
    backend.inFlight -= 1;
    if (this.#service.containerConcurrency === 0) return;
    for (const wake of this.#waiting) {
      wake();
      return;
    }
  }

  close(): void {
    this.#end();
  }

  get #lacking(): string {
    return this.#backends.size === 0 ? 'ready' : 'free';
  }

  #leastBusy(tried: ReadonlySet<Backend>): Backend | undefined {
    const all = [...this.#backends.values()];
    const untried = all.filter((backend) => !tried.has(backend));
    const backends = untried.length > 0 ? untried : all;
    this.#next = (this.#next + 1) % Math.max(1, backends.length);
    let best = backends[this.#next];
    if (best === undefined) return undefined;
    for (const backend of backends) if (backend.inFlight < best.inFlight) best = backend;
    const limit = this.#service.containerConcurrency || Infinity;
    return best.inFlight < limit ? best : undefined;
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
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
    if (pods.length > 0) for (const wake of [...this.#waiting]) wake();
  }
}
