// How far before the demand a fleet was asked to grow. Pure.

/** Second by second, the lead left out. */
export interface Course {
  /** Requests that were offered. */
  readonly demand: readonly number[];
  /** Replicas that were asked for. */
  readonly wanted: readonly number[];
}

export interface Ahead {
  /** Pods that were added. */
  readonly added: number;
  /** Of those: asked for at most two start-up times before the demand that needs them. */
  readonly inTime: number;
  /** Asked for when the demand was there already. */
  readonly late: number;
  /** Asked for earlier than that, or for a demand that never came. */
  readonly early: number;
}

export interface AheadOptions {
  /** Requests/s of one pod beyond which one more is needed. */
  readonly perPod: number;
  readonly startupSeconds: number;
  /** Growth before this second is not counted. */
  readonly fromSecond: number;
}

const SMOOTHING_SECONDS = 15;

/** Centred means: a demand is what lasts, not the noise of one second. */
function smoothed(values: readonly number[]): number[] {
  const half = Math.floor(SMOOTHING_SECONDS / 2);
  return values.map((_, i) => {
    const part = values.slice(Math.max(0, i - half), i + half + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** Judges every pod that was added: the n-th is needed once the demand is above n − 1 pods. */
export function aheadOf({ demand, wanted }: Course, options: AheadOptions): Ahead {
  const rate = smoothed(demand);
  const horizon = 2 * options.startupSeconds;
  const found = { added: 0, inTime: 0, late: 0, early: 0 };
  for (let second = Math.max(1, options.fromSecond); second < wanted.length; second += 1) {
    const before = wanted[second - 1] ?? 0;
    for (let pod = before + 1; pod <= (wanted[second] ?? 0); pod += 1) {
      const needs = (at: number): boolean => (rate[at] ?? 0) > (pod - 1) * options.perPod;
      found.added += 1;
      if (needs(second)) found.late += 1;
      else if (rate.slice(second, second + horizon + 1).some((_, i) => needs(second + i))) {
        found.inTime += 1;
      } else found.early += 1;
    }
  }
  return found;
}
