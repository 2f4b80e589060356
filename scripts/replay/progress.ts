import type { Job, JobResult } from './job.ts';

export interface Progress {
  /** Notes a finished job and says how far everything is, at most once in a few seconds. */
  done(job: Job, result: JobResult): void;
}

const SAY_EVERY_MS = 5000;
/** Expected microseconds per second of load before anything was measured. */
const FIRST_GUESS = { peer: 0.5, ours: 6 };

const duration = (seconds: number): string => {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
};

/** Estimates the time left from what each kind of contender took per second of load. */
export function trackProgress(
  jobs: readonly Job[],
  secondsOf: (job: Job) => number,
  say: (line: string) => void,
): Progress {
  const spent = { peer: { ms: 0, seconds: 0 }, ours: { ms: 0, seconds: 0 } };
  const left = { peer: 0, ours: 0 };
  for (const job of jobs) left[job.contender.kind] += secondsOf(job);
  const startedMs = performance.now();
  let finished = 0;
  let saidMs = startedMs;
  const cost = (kind: 'peer' | 'ours'): number => {
    const { ms, seconds } = spent[kind];
    return seconds > 0 ? ms / seconds : FIRST_GUESS[kind] / 1000;
  };
  return {
    done(job, result) {
      const { kind } = job.contender;
      spent[kind].ms += result.tookMs;
      spent[kind].seconds += result.seconds;
      left[kind] -= secondsOf(job);
      finished += 1;
      const nowMs = performance.now();
      if (nowMs - saidMs < SAY_EVERY_MS && finished < jobs.length) return;
      saidMs = nowMs;
      const workMs = spent.peer.ms + spent.ours.ms;
      const parallel = Math.max(1, workMs / Math.max(1, nowMs - startedMs));
      const leftMs = (left.peer * cost('peer') + left.ours * cost('ours')) / parallel;
      say(`${finished}/${jobs.length} runs, about ${duration(leftMs / 1000)} left`);
    },
  };
}
