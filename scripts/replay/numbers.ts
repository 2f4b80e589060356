/** What the bench's loops read arrays through: indices are kept in range by the caller. */
export type Numbers = { readonly [index: number]: number; readonly length: number };

/** Element `i` of an array that the caller keeps in range; a hole would be a bug, not a value. */
export const at = (values: Numbers, i: number): number => values[i] as number;

export const clamp = (value: number, low: number, high: number): number =>
  value < low ? low : value > high ? high : value;

export const sum = (values: Numbers): number => {
  let total = 0;
  for (let i = 0; i < values.length; i += 1) total += at(values, i);
  return total;
};

/** Arithmetic mean; NaN of nothing. */
export const mean = (values: Numbers): number => sum(values) / values.length;

/** Quantile `q` in [0, 1] with linear interpolation between order statistics; NaN of nothing. */
export const quantile = (values: Numbers, q: number): number => {
  const sorted = Float64Array.from(values as ArrayLike<number>).sort();
  if (sorted.length === 0) return Number.NaN;
  const position = clamp(q, 0, 1) * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(sorted.length - 1, low + 1);
  return at(sorted, low) + (at(sorted, high) - at(sorted, low)) * (position - low);
};
