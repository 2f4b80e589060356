import { Worker as Thread } from 'node:worker_threads';
import type { QueueSettings } from './queue.ts';
import type { Served, Worker } from './worker.ts';

/** Period of the CPU workload: of each 100 ms of a thread its share is burnt. */
const PERIOD_MS = 100;

interface Task {
  readonly cpuMs: number;
}

interface Report {
  readonly wallMs: number;
}

/**
 * Runs in a thread of its own: uses `cpuMs` of CPU time per task, so that under a CPU limit or with
 * busy neighbours the capacity shrinks as that of real work does. Must not refer to anything outside.
 */
function burnLoop(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  parentPort?.on('message', ({ cpuMs }: Task) => {
    const startMs = performance.now();
    const before = process.threadCpuUsage();
    let usedMs = 0;
    for (let spin = 0; usedMs < cpuMs; spin += 1) {
      if (spin % 1000 !== 0) continue;
      const used = process.threadCpuUsage(before);
      usedMs = (used.user + used.system) / 1000;
    }
    const report: Report = { wallMs: performance.now() - startMs };
    parentPort.postMessage(report);
  });
}

interface Job {
  readonly atMs: number;
  readonly startedAtMs: number;
  readonly done: (served: Served) => void;
}

/** One thread: serves one request at a time, and its share of the CPU workload between them. */
class Slot {
  readonly #thread = new Thread(`(${burnLoop.toString()})()`, { eval: true });
  readonly #tasks: ((report: Report) => void)[] = [];
  busyMs = 0;
  serving = false;
  burning = false;

  constructor() {
    this.#thread.unref();
    this.#thread.on('message', (report: Report) => {
      this.busyMs += report.wallMs;
      this.#tasks.shift()?.(report);
    });
  }

  use(cpuMs: number, done: () => void): void {
    this.#tasks.push(done);
    const task: Task = { cpuMs };
    this.#thread.postMessage(task);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** Burns real CPU, `settings.serviceMs` of it per request, in one thread per slot. */
export function burningWorker(settings: QueueSettings, nowMs: () => number): Worker {
  const slots = Array.from({ length: settings.workers }, () => new Slot());
  const waiting: Omit<Job, 'startedAtMs'>[] = [];
  let period: NodeJS.Timeout | undefined;

  const take = (slot: Slot, job: Job): void => {
    slot.serving = true;
    slot.use(settings.serviceMs, () => {
      slot.serving = false;
      const queuedMs = job.startedAtMs - job.atMs;
      job.done({ queuedMs, totalMs: nowMs() - job.atMs });
      const next = waiting.shift();
      if (next !== undefined) take(slot, { ...next, startedAtMs: nowMs() });
    });
  };
  const burnOnce = (cpuMs: number): void => {
    for (const slot of slots) {
      if (slot.burning) continue; // behind already: more would only pile up
      slot.burning = true;
      slot.use(cpuMs, () => (slot.burning = false));
    }
  };

  return {
    slots: settings.workers,
    get waiting() {
      return waiting.length;
    },
    get inService() {
      return slots.filter(({ serving }) => serving).length;
    },
    serve() {
      const { promise, resolve } = Promise.withResolvers<Served>();
      const atMs = nowMs();
      const free = slots.find(({ serving }) => !serving);
      if (free !== undefined) take(free, { atMs, startedAtMs: atMs, done: resolve });
      else if (waiting.length < settings.limit) waiting.push({ atMs, done: resolve });
      else return undefined;
      return promise;
    },
    busySeconds: () => slots.reduce((sum, { busyMs }) => sum + busyMs, 0) / 1000,
    burn(share) {
      clearInterval(period);
      if (share > 0) period = setInterval(burnOnce, PERIOD_MS, share * PERIOD_MS).unref();
    },
    async close() {
      clearInterval(period);
      await Promise.all(slots.map((slot) => slot.close()));
    },
  };
}
