// The CPU and memory workloads that are started and stopped by request.
import type { Worker } from './worker.ts';

interface StressStatus {
  readonly state: 'running' | 'idle';
  /** Percent; 0 while idle. */
  readonly intensity: number;
  readonly durationSeconds: number;
  readonly remainingSeconds: number;
}

/** One workload of a kind at a time: a new start replaces the one that runs. */
export interface Stress {
  start(intensity: number, durationSeconds: number): StressStatus;
  stop(): StressStatus;
  status(): StressStatus;
}

/** Longest duration of a workload that can be asked for: within what a timer can wait. */
export const MAX_STRESS_SECONDS = 86_400;

function timedStress(apply: (intensity: number) => void, nowMs: () => number): Stress {
  let timer: NodeJS.Timeout | undefined;
  let intensity = 0;
  let durationSeconds = 0;
  let endsAtMs = 0;

  const status = (): StressStatus => ({
    state: intensity > 0 ? 'running' : 'idle',
    intensity,
    durationSeconds,
    remainingSeconds: intensity > 0 ? Math.max(0, Math.round((endsAtMs - nowMs()) / 100) / 10) : 0,
  });
  const set = (to: number, forSeconds: number): void => {
    clearTimeout(timer);
    apply(to);
    intensity = to;
    durationSeconds = forSeconds;
    endsAtMs = nowMs() + forSeconds * 1000;
  };
  const stop = (): StressStatus => {
    set(0, 0);
    return status();
  };
  return {
    start(to, forSeconds) {
      set(to, forSeconds);
      timer = setTimeout(stop, forSeconds * 1000).unref();
      return status();
    },
    stop,
    status,
  };
}

/** Burns `intensity` percent of every worker slot of this pod: what is left serves requests. */
export const cpuStress = (worker: Worker, nowMs: () => number): Stress =>
  timedStress((intensity) => worker.burn(intensity / 100), nowMs);

const CHUNK_BYTES = 1_048_576;

/** Holds `intensity` percent of `maxMb` MiB of memory, every page of it written. */
export function memoryStress(maxMb: number, nowMs: () => number): Stress {
  const held: Uint8Array<ArrayBuffer>[] = [];
  return timedStress((intensity) => {
    const chunks = Math.round((maxMb * intensity) / 100);
    while (held.length < chunks) held.push(new Uint8Array(CHUNK_BYTES).fill(1));
    // at once: an idle process may never collect its garbage
    for (const chunk of held.splice(chunks)) chunk.buffer.transfer(0);
  }, nowMs);
}
