import { WorkQueue, type QueueSettings } from './queue.ts';
import type { Served, Worker } from './worker.ts';

interface Job {
  readonly atMs: number;
  readonly done: (served: Served) => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Holds its slots by one timer; uses no CPU. `nowMs` is a monotonic clock. */
export function timedWorker(settings: QueueSettings, nowMs: () => number): Worker {
  const queue = new WorkQueue<Job>(settings, nowMs());
  let timer: NodeJS.Timeout | undefined;

  const catchUp = (): void => {
    for (const { job, queuedMs, finishedAtMs } of queue.advance(nowMs())) {
      job.done({ queuedMs, totalMs: finishedAtMs - job.atMs });
    }
  };
  const rearm = (): void => {
    clearTimeout(timer);
    if (queue.inService === 0 || queue.nextAtMs === Infinity) return;
    const delayMs = Math.ceil(queue.nextAtMs - nowMs());
    timer = setTimeout(wake, Math.min(Math.max(1, delayMs), LONGEST_TIMER_MS));
  };
  const wake = (): void => {
    catchUp();
    rearm();
  };

  return {
    slots: settings.workers,
    get waiting() {
      return queue.waiting;
    },
    get inService() {
      return queue.inService;
    },
    serve() {
      catchUp();
      const { promise, resolve } = Promise.withResolvers<Served>();
      const idle = queue.inService < settings.workers;
      if (!queue.offer({ atMs: nowMs(), done: resolve })) return undefined;
      if (idle) rearm(); // otherwise the timer already waits for an earlier end
      return promise;
    },
    busySeconds() {
      catchUp();
      return queue.busySeconds;
    },
    burn(share) {
      catchUp();
      queue.burn(share);
      rearm();
    },
    close() {
      clearTimeout(timer);
      return Promise.resolve();
    },
  };
}
