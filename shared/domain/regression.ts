// Recursive least squares with forgetting, shared covariance, inverse-variance and Huber weights.
// Source: Ljung, System Identification, 2nd ed., section 11.2; Huber's ψ on the innovation.
import { FORGETTING, HUBER, TRACE_MAX } from './constants.ts';
import { at, clamp } from './maths.ts';

export function dot(left: readonly number[], right: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += at(left, i) * at(right, i);
  return sum;
}

/**
 * Takes one outcome into the covariance (row-major, n × n) and returns the gain vector that
 * `correct` applies. `variance` is that of the outcome relative to the usual one.
 */
export function gainOf(
  covariance: number[],
  inputs: readonly number[],
  variance: number,
): number[] {
  const n = inputs.length;
  const projected = new Array<number>(n);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let col = 0; col < n; col++) sum += at(covariance, row * n + col) * at(inputs, col);
    projected[row] = sum;
  }
  const denominator = FORGETTING * variance + dot(inputs, projected);
  const gain = projected.map((value) => value / denominator);
  let trace = 0;
  for (let row = 0; row < n; row++) {
    for (let col = 0; col <= row; col++) {
      const reduced = at(covariance, row * n + col) - at(gain, row) * at(projected, col);
      const value = reduced / FORGETTING;
      covariance[row * n + col] = value;
      covariance[col * n + row] = value;
      if (row === col) trace += value;
    }
  }
  if (trace > TRACE_MAX) {
    const shrink = TRACE_MAX / trace;
    for (let i = 0; i < covariance.length; i++) covariance[i] = at(covariance, i) * shrink;
  }
  return gain;
}

/** Moves the weights along the gain by the error, which is cut at HUBER deviations. */
export function correct(
  theta: number[],
  gain: readonly number[],
  error: number,
  sigma: number,
): void {
  const pull = clamp(error, -HUBER * sigma, HUBER * sigma);
  for (let i = 0; i < theta.length; i++) theta[i] = at(theta, i) + at(gain, i) * pull;
}
