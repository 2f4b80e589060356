import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { NimbusError } from '#shared/errors.ts';
import type { Job, JobResult } from './job.ts';
import type { WorkerAnswer } from './worker.ts';

export interface PoolOptions {
  readonly workers?: number;
  /** Called with each result as it comes. */
  readonly onResult: (index: number, result: JobResult) => void;
}

/** Runs all jobs on worker threads, in order of their list; the first error ends everything. */
export async function runJobs(jobs: readonly Job[], options: PoolOptions): Promise<void> {
  if (jobs.length === 0) return;
  const count = Math.min(jobs.length, options.workers ?? availableParallelism());
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('./worker.ts', import.meta.url)),
  );
  let next = 0;
  const serve = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      const send = (): void => {
        const job = jobs[next];
        if (job === undefined) {
          resolve();
          return;
        }
        worker.postMessage({ id: next, job });
        next += 1;
      };
      worker.on('error', reject);
      worker.on('message', (answer: WorkerAnswer) => {
        if ('error' in answer) {
          const where = `${jobs[answer.id]?.tracePath ?? ''}: ${answer.error}`;
          reject(answer.refused ? new NimbusError('input.invalid', where) : new Error(where));
          return;
        }
        options.onResult(answer.id, answer.result);
        send();
      });
      send();
    });
  try {
    await Promise.all(workers.map(serve));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
