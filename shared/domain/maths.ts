/** Element i of a numeric array; arrays of the model have fixed lengths, so the 0 is never used. */
export const at = (values: readonly number[], index: number): number => values[index] ?? 0;

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i] ?? 0;
  return sum / values.length;
}

export const clamp = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value;

/** A number, or null where it is not a finite, non-negative one. */
export const sane = (value: number | null | undefined): number | null =>
  value === null || value === undefined || !Number.isFinite(value) || value < 0 ? null : value;

export const zeros = (length: number): number[] => Array.from({ length }, () => 0);
