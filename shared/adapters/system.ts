import type { Clock, Random } from '../ports.ts';

export const systemClock: Clock = { nowMs: () => Date.now() };

/**
 * Uniform numbers in [0, 1) that the same seed gives again.
 * splitmix32 over an FNV-1a hash of the seed: enough for choosing actions, not for secrets.
 */
export function seededRandom(seed: string): Random {
  let state = 0x811c9dc5;
  for (let index = 0; index < seed.length; index++) {
    state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193);
  }
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296;
  };
}

/** Milliseconds on a clock that never goes back, for measuring how long something took. */
export const monotonicMs = (): number => performance.now();
