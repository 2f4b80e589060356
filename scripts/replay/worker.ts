import { inspect } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { NimbusError } from '#shared/errors.ts';
import { createRunner, type Job, type JobResult } from './job.ts';

/** What a worker answers for each job it was sent. */
export type WorkerAnswer =
  | { readonly id: number; readonly result: JobResult }
  | {
      readonly id: number;
      readonly error: string;
      /** The input, not a bug. */ readonly refused: boolean;
    };

const run = createRunner();

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: Job }) => {
  let answer: WorkerAnswer;
  try {
    answer = { id, result: run(job) };
  } catch (error) {
    const refused = error instanceof NimbusError;
    answer = { id, error: refused ? error.message : inspect(error), refused };
  }
  parentPort?.postMessage(answer);
});
