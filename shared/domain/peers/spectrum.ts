/** A discrete spectrum: real and imaginary parts. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

const at = (values: Float64Array, i: number): number => values[i] as number;

function smallestFactor(n: number): number {
  for (let factor = 2; factor * factor <= n; factor += 1) if (n % factor === 0) return factor;
  return n;
}

/** e^(±2πi·k/n) for every k: a transform of n points and all its parts turn by nothing else. */
function rootsOf(n: number, sign: number): Spectrum {
  const angle = (k: number): number => (sign * 2 * Math.PI * k) / n;
  return {
    re: Float64Array.from({ length: n }, (_, k) => Math.cos(angle(k))),
    im: Float64Array.from({ length: n }, (_, k) => Math.sin(angle(k))),
  };
}

/** Adds the points of transform `part`, turned by the roots of residue `r`. */
function combine(out: Spectrum, part: Spectrum, r: number, roots: Spectrum): void {
  const n = out.re.length;
  const size = part.re.length;
  const stride = roots.re.length / n;
  let turn = 0;
  for (let k = 0; k < n; k += 1) {
    const c = at(roots.re, turn * stride);
    const s = at(roots.im, turn * stride);
    const re = at(part.re, k % size);
    const im = at(part.im, k % size);
    out.re[k] = at(out.re, k) + re * c - im * s;
    out.im[k] = at(out.im, k) + re * s + im * c;
    turn += r;
    if (turn >= n) turn -= n;
  }
}

/** Mixed-radix Cooley–Tukey: any length, fast where its prime factors are small. */
function transform(input: Spectrum, roots: Spectrum): Spectrum {
  const n = input.re.length;
  if (n === 1) return input;
  const radix = smallestFactor(n);
  const size = n / radix;
  const out = { re: new Float64Array(n), im: new Float64Array(n) };
  for (let r = 0; r < radix; r += 1) {
    const part = { re: new Float64Array(size), im: new Float64Array(size) };
    for (let i = 0; i < size; i += 1) {
      part.re[i] = at(input.re, i * radix + r);
      part.im[i] = at(input.im, i * radix + r);
    }
    combine(out, transform(part, roots), r, roots);
  }
  return out;
}

/** Forward transform of a real series. */
export const spectrumOf = (series: Float64Array): Spectrum =>
  transform({ re: series, im: new Float64Array(series.length) }, rootsOf(series.length, -1));

/** Inverse transform, real part. */
export function seriesOf(spectrum: Spectrum): Float64Array {
  const n = spectrum.re.length;
  return transform(spectrum, rootsOf(n, 1)).re.map((value) => value / n);
}
