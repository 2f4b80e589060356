// How wrong a forecast will be: log variance, linear in what moves with it, fitted online by the
// gradient of QLIKE, log σ² + e²/σ² (Patton 2011), which is robust to noise in e².
import {
  SCALE_FAST,
  SCALE_LEVEL,
  SCALE_LEVELS,
  SCALE_RATE,
  SCALE_RECENT,
  SCALE_SLOW,
  SCALE_TRUST,
  WEIGHT_MAX,
} from './constants.ts';
import { at, clamp } from './maths.ts';
import type { Forecaster } from './model.ts';

/** Standard deviation over mean magnitude of a normal error. */
const MEAN_TO_DEVIATION = 1.2533;

/** Number of inputs of the log variance. */
const SCALE_INPUTS = 6;
/** Variance ratios are looked at within e^±3: a single surprise must not rule. */
const RATIO_MAX = 3;
/** Share of the variance below which the weights have no part in it. */
const COUNTED = 0.1;
/** A squared error counts at most so many variances in the gradient. */
const SURPRISE_MAX = 12;

/** Variance of errors with this mean magnitude. */
const squared = (magnitude: number): number => (MEAN_TO_DEVIATION * magnitude) ** 2;

/** Which of the tables a level (log units against the long mean) belongs to. */
const levelIndex = (level: number): number =>
  clamp(Math.floor(level / 0.4 + SCALE_LEVELS / 2), 0, SCALE_LEVELS - 1);

/** Inputs of the log variance: all relative to the slow mean of squared errors. */
export function scaleInputs(
  forecaster: Forecaster,
  level: number,
  jump: number,
  counting: number,
): number[] {
  const slow = forecaster.slow;
  const ratio = (value: number): number => clamp(Math.log(value / slow), -RATIO_MAX, RATIO_MAX);
  const levels = at(forecaster.levels, levelIndex(level));
  return [
    1,
    ratio(squared(forecaster.fast) + 0.02 * slow),
    ratio(squared(forecaster.recent) + 0.02 * slow),
    levels > 0 ? ratio(levels) : 0,
    ratio(slow + jump * jump),
    ratio(counting + 0.02 * slow),
  ];
}

/** Log variance of a forecast with these inputs. */
export function logVariance(forecaster: Forecaster, inputs: readonly number[]): number {
  let sum = Math.log(forecaster.slow);
  for (let i = 0; i < SCALE_INPUTS; i++) sum += at(forecaster.scale, i) * at(inputs, i);
  return sum;
}

/** Learns from one error that was forecast with `sigma`. */
export function learnScale(
  forecaster: Forecaster,
  inputs: readonly number[],
  outcome: { error: number; sigma: number; level: number },
): void {
  const { error } = outcome;
  const square = error * error;
  const surprise = Math.min(SURPRISE_MAX, square / (outcome.sigma * outcome.sigma));
  // Where counting noise made sigma, the weights did not, and calm says nothing against them: hours
  // without demand would drive them away.
  const counted = logVariance(forecaster, inputs) < Math.log(COUNTED * outcome.sigma ** 2);
  if (!counted || surprise > 1) {
    for (let i = 0; i < SCALE_INPUTS; i++) {
      const moved = at(forecaster.scale, i) + SCALE_RATE * (surprise - 1) * at(inputs, i);
      forecaster.scale[i] = clamp(moved, -WEIGHT_MAX, WEIGHT_MAX);
    }
  }
  // One surprise triples what is expected at most: the shape, not the scale, is for rare jumps.
  const capped = Math.min(square, 9 * outcome.sigma * outcome.sigma, 25 * forecaster.slow);
  // A mean of magnitudes forgets a jump in half the time that one of squares does.
  forecaster.fast += SCALE_FAST * (Math.sqrt(capped) - forecaster.fast);
  forecaster.recent += SCALE_RECENT * (Math.sqrt(capped) - forecaster.recent);
  const gain = Math.max(SCALE_SLOW, 1 / (forecaster.outcomes + SCALE_TRUST));
  forecaster.slow += gain * (Math.min(capped, 9 * forecaster.slow) - forecaster.slow);
  const index = levelIndex(outcome.level);
  const old = at(forecaster.levels, index);
  forecaster.levels[index] = old > 0 ? old + SCALE_LEVEL * (capped - old) : forecaster.slow;
}
