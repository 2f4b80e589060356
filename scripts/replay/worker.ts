import { parentPort } from 'node:worker_threads';
import { createRunner, type Job, type JobResult } from './job.ts';

/** What a worker answers for each job it was sent. */
export type WorkerAnswer =
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly error: string };

const run = createRunner();

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: Job }) => {
  let answer: WorkerAnswer;
  try {
    answer = { id, result: run(job) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  parentPort?.postMessage(answer);
});
