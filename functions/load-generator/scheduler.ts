import type { Arrivals } from './arrivals.ts';

/** How far ahead the next arrival is looked for; a pause longer than this costs one more look. */
const LOOK_AHEAD_MS = 250;

/** Sent in one go before other work of the process gets its turn: health stays quick in a burst. */
const MAX_BATCH = 200;

export interface ScheduleOptions {
  readonly arrivals: Arrivals;
  /** Monotonic clock, milliseconds. */
  readonly nowMs: () => number;
  /** Called for each arrival, never before its time. `intendedMs` counts from the start. */
  readonly due: (intendedMs: number) => void;
  /** Called once, when all arrivals were due. Not called after a stop. */
  readonly ended: () => void;
}

/**
 * Open loop: whatever the answers do, each request is due at its own time. One timer wakes for the
 * next one; those that became due meanwhile go out together, so that nothing drifts.
 * Returns a function that stops it.
 */
export function startSchedule({ arrivals, nowMs, due, ended }: ScheduleOptions): () => void {
  const startedAtMs = nowMs();
  let next: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;

  const peek = (elapsedMs: number): number | undefined =>
    (next ??= arrivals.nextBefore((elapsedMs + LOOK_AHEAD_MS) / 1000));

  const tick = (): void => {
    const elapsedMs = nowMs() - startedAtMs;
    for (let sent = 0; (peek(elapsedMs) ?? Infinity) * 1000 <= elapsedMs; sent += 1) {
      if (sent === MAX_BATCH) {
        immediate = setImmediate(tick);
        return;
      }
      const intendedMs = (next ?? 0) * 1000;
      next = undefined;
      due(intendedMs);
    }
    if (next === undefined && arrivals.exhausted) {
      ended();
      return;
    }
    const waitMs = next === undefined ? LOOK_AHEAD_MS / 2 : next * 1000 - elapsedMs;
    timer = setTimeout(tick, Math.max(1, Math.ceil(waitMs)));
  };
  tick();

  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
