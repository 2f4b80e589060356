// The processes of one function: started on the first request, kept between min and max scale,
// restarted with back-off, ended when idle. What Knative's autoscaler and activator do, on one machine.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prober } from './cluster/kubelet/probe.ts';
import { isOk, statusOf } from './http.ts';
import type { Backend, Picked, Upstreams } from './ingress.ts';
import type { HttpProbe } from './manifests/types.ts';
import { endAll, endOf, freePort, lastError, launch } from './processes.ts';

export interface FunctionService {
  readonly name: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Fixed port of the only instance; otherwise each takes a free one. */
  readonly port?: number;
  readonly minScale: number;
  readonly maxScale: number;
  /** Requests one instance takes at a time; 0 is unbounded. */
  readonly containerConcurrency: number;
  readonly readinessPath: string;
  /** An instance that fails it is ended, and so started again. */
  readonly liveness?: HttpProbe | null;
  /** Idle time after which an instance above the minimum is ended. */
  readonly idleMs: number;
  readonly graceMs: number;
}

export interface InstanceEvents {
  started(name: string, pid: number): void;
  /** `expected`: we asked it to end, because it was idle. */
  exited(name: string, pid: number, why: string, expected: boolean): void;
}

interface Instance extends Backend {
  readonly child: ChildProcess;
  /** Where its part of the log begins. */
  readonly logFrom: number;
  readonly startedAt: number;
  ready: boolean;
  /** We asked it to end. */
  ended: boolean;
  /** Why its liveness probe failed, once it has. */
  unwell: string | undefined;
  idleSince: number;
}

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
const STABLE_MS = 30_000;
const BACKOFF_MS = [0, 500, 1000, 2000, 5000, 10_000];

export class Instances implements Upstreams {
  readonly service: FunctionService;
  readonly #events: InstanceEvents;
  #instances: Instance[] = [];
  #waiting: (() => void)[] = [];
  #failures = 0;
  #starting = 0;
  #stopping = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(service: FunctionService, events: InstanceEvents) {
    this.service = service;
    this.#events = events;
  }

  get readyCount(): number {
    return this.#instances.filter(({ ready }) => ready).length;
  }

  /** Starts the minimum and resolves when it is ready. */
  async start(): Promise<void> {
    if (this.service.maxScale > this.service.minScale) {
      this.#sweeper = setInterval(() => this.#sweep(), 5000);
      this.#sweeper.unref();
    }
    // An event that waited in the broker's log may have woken the function already.
    const missing = Math.max(0, this.service.minScale - this.#instances.length - this.#starting);
    await Promise.all(Array.from({ length: missing }, () => this.#add()));
    if (this.service.minScale > 0) this.released((await this.pick()).backend);
  }

  async pick(): Promise<Picked> {
    let isColdStart = false;
    const giveUpAt = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < giveUpAt && !this.#stopping) {
      const free = this.#leastBusy();
      if (free !== undefined) {
        free.inFlight += 1;
        return { backend: free, isColdStart };
      }
      isColdStart = this.#grow() || isColdStart;
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        sleep(1000),
      ]);
    }
    throw new Error(`${this.service.name} has no ready instance`);
  }

  released(backend: Backend): void {
    backend.inFlight -= 1;
    (backend as Instance).idleSince = performance.now();
    this.#waiting.shift()?.();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper);
    await endAll(
      this.#instances.flatMap(({ child }) => child.pid ?? []),
      this.service.graceMs,
    );
  }

  #leastBusy(): Instance | undefined {
    const limit = this.service.containerConcurrency || Infinity;
    let best: Instance | undefined;
    for (const instance of this.#instances) {
      if (!instance.ready || instance.inFlight >= limit) continue;
      if (best === undefined || instance.inFlight < best.inFlight) best = instance;
    }
    return best;
  }

  /** True when this starts one where none was: a cold start. */
  #grow(): boolean {
    const there = this.#instances.length + this.#starting;
    if (there >= this.service.maxScale) return false;
    if (this.#starting > 0 || this.#instances.some(({ ready }) => !ready)) return false; // one is on its way
    if (this.#failures > 0) return false; // the back-off brings it
    this.#add().catch(() => undefined);
    return there === 0;
  }

  /** `#starting` counts those that have no process yet: no await stands before it is raised. */
  async #add(): Promise<void> {
    this.#starting += 1;
    let instance: Instance;
    try {
      instance = await this.#spawn();
    } finally {
      this.#starting -= 1;
    }
    await this.#untilReady(instance);
  }

  async #spawn(): Promise<Instance> {
    const { script, args = [], env, logFile, name } = this.service;
    const port = this.service.port ?? (await freePort());
    const logFrom = endOf(logFile);
    const child = launch({ script, args, env: { ...env, PORT: String(port) }, logFile });
    const now = performance.now();
    const instance: Instance = {
      child,
      logFrom,
      origin: `http://127.0.0.1:${port}`,
      inFlight: 0,
      ready: false,
      ended: false,
      unwell: undefined,
      startedAt: now,
      idleSince: now,
    };
    this.#instances.push(instance);
    if (child.pid !== undefined) this.#events.started(name, child.pid);
    const prober = this.#watch(instance, port);
    child.once('exit', (code, signal) => {
      prober?.stop();
      this.#exited(instance, instance.unwell ?? signal ?? `exit code ${code}`);
    });
    return instance;
  }

  /** As the kubelet does: one that hangs is no better than one that ended. */
  #watch(instance: Instance, port: number): Prober | undefined {
    const { liveness, graceMs } = this.service;
    if (!liveness) return undefined;
    const { path, ...times } = liveness;
    return new Prober({
      spec: { httpGet: { path }, ...times },
      port,
      firstEveryMs: times.periodSeconds * 1000,
      onResult: (isAlive, why) => {
        const { pid } = instance.child;
        if (isAlive || pid === undefined) return;
        instance.ready = false;
        instance.unwell = `liveness probe failed: ${why}`;
        void endAll([pid], graceMs);
      },
    });
  }

  async #untilReady(instance: Instance): Promise<void> {
    const giveUpAt = performance.now() + START_TIMEOUT_MS;
    const url = instance.origin + this.service.readinessPath;
    while (this.#instances.includes(instance)) {
      if (performance.now() > giveUpAt) {
        instance.child.kill('SIGKILL');
        break;
      }
      const ok = await statusOf(url).then(isOk, () => false); // an error: not listening yet
      if (ok) {
        instance.ready = true;
        instance.idleSince = performance.now();
        for (const wake of this.#waiting.splice(0)) wake();
        return;
      }
      await sleep(POLL_MS);
    }
    const { name, logFile } = this.service;
    const why = lastError(logFile, instance.logFrom);
    throw new Error(
      `${name} did not get ready${why === undefined ? '' : `: ${why}`}\nits log: ${logFile}`,
    );
  }

  #exited(instance: Instance, why: string): void {
    this.#instances = this.#instances.filter((other) => other !== instance);
    const { pid } = instance.child;
    if (pid !== undefined) this.#events.exited(this.service.name, pid, why, instance.ended);
    if (this.#stopping || this.#instances.length >= this.service.minScale) return;
    if (performance.now() - instance.startedAt > STABLE_MS) this.#failures = 0;
    const delay = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)] ?? 0;
    this.#failures += 1;
    setTimeout(() => {
      if (this.#stopping) return;
      this.#add().then(
        () => (this.#failures = 0),
        () => undefined, // its exit has already scheduled the next try
      );
    }, delay);
  }

  #sweep(): void {
    const surplus = this.#instances.length - this.service.minScale;
    const idle = this.#instances.filter(
      ({ ready, inFlight, idleSince }) =>
        ready && inFlight === 0 && performance.now() - idleSince > this.service.idleMs,
    );
    for (const instance of idle.slice(0, Math.max(0, surplus))) {
      instance.ready = false;
      instance.ended = true;
      instance.child.kill('SIGTERM');
    }
  }
}
