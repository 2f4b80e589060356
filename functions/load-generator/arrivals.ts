import { requestsIn, totalSecondsOf, type Plan } from './pattern.ts';

/** Resolution of the rate; within a step it is taken as its mean. */
const STEP_SECONDS = 0.005;

/** mulberry32 (T. Ettinger, 2017): 32 bits of state, good enough for gaps, the same everywhere. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Yields the times, in seconds from the start, at which the plan wants a request sent. */
export interface Arrivals {
  /** The next time before `limitSeconds`; undefined when there is none (yet). */
  nextBefore(limitSeconds: number): number | undefined;
  /** True when the plan has no more requests. */
  readonly exhausted: boolean;
}

/**
 * Turns a rate into times by inverting its integral: an arrival stands where the integral has grown
 * by the next gap, which is 1 for even arrivals and exponential with mean 1 for Poisson ones (the
 * time-rescaling theorem of inhomogeneous Poisson processes).
 */
export function createArrivals(plan: Plan): Arrivals {
  const random = seededRandom(plan.seed);
  const gap = plan.arrivals === 'poisson' ? () => -Math.log(1 - random()) : () => 1;
  const endSeconds = totalSecondsOf(plan);
  let step = 0;
  let startSeconds = 0;
  let length = STEP_SECONDS;
  let mass = 0; // expected requests in the current step
  let used = 0; // of them, those before the last arrival
  let wanted = plan.arrivals === 'poisson' ? gap() : 0.5; // still to pass until the next arrival

  const enter = (): void => {
    startSeconds = step * STEP_SECONDS;
    length = Math.min(STEP_SECONDS, Math.max(0, endSeconds - startSeconds));
    mass = requestsIn(plan, startSeconds, length);
    used = 0;
  };
  enter();

  return {
    nextBefore(limitSeconds) {
      while (startSeconds < endSeconds) {
        if (used + wanted < mass) {
          const atSeconds = startSeconds + ((used + wanted) / mass) * length;
          if (atSeconds >= limitSeconds) return undefined;
          used += wanted;
          wanted = gap();
          return atSeconds;
        }
        if (startSeconds + STEP_SECONDS > limitSeconds) return undefined;
        wanted -= mass - used;
        step += 1;
        enter();
      }
      return undefined;
    },
    get exhausted() {
      return startSeconds >= endSeconds;
    },
  };
}
