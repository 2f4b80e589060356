/** More than the two clocks drift apart between two looks. */
const STEP_MS = 1000;

interface Clocks {
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

const SYSTEM: Clocks = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/**
 * Wall-clock time in fractions of a millisecond, which the hops of a warm loop are told apart by. They are
 * the monotonic clock's: it stands still while the machine sleeps and does not follow where the clock is
 * set, so it is compared at each look.
 */
export function fineClock({ wallMs, monotonicMs }: Clocks = SYSTEM): () => number {
  let offsetMs = wallMs() - monotonicMs();
  return () => {
    const fineMs = offsetMs + monotonicMs();
    const behindMs = wallMs() - fineMs;
    if (Math.abs(behindMs) < STEP_MS) return fineMs;
    offsetMs += behindMs;
    return fineMs + behindMs;
  };
}
