import { clamp } from './numbers.ts';

/** A seeded stream of random numbers. The same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Standard normal. */
  normal(): number;
  /** Poisson count with mean `mean` ≥ 0. */
  poisson(mean: number): number;
  /** Successes among `n` ≥ 0 trials of probability `p`. */
  binomial(n: number, p: number): number;
}

/** FNV-1a over the UTF-16 units of `text`: turns a name into a seed. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** Inversion by sequential search (Devroye 1986, III.2); cost grows with the mean. */
function poissonByInversion(mean: number, uniform: number): number {
  let probability = Math.exp(-mean);
  let rest = uniform;
  let count = 0;
  while (rest > probability && count < 1000) {
    rest -= probability;
    count += 1;
    probability *= mean / count;
  }
  return count;
}

/** BINV (Kachitvichyanukul and Schmeiser 1988); `p` ≤ 0.5 and n·p small. */
function binomialByInversion(n: number, p: number, uniform: number): number {
  const odds = p / (1 - p);
  let probability = Math.exp(n * Math.log1p(-p));
  let rest = uniform;
  let count = 0;
  while (rest > probability && count < n) {
    rest -= probability;
    count += 1;
    probability *= (odds * (n - count + 1)) / count;
  }
  return count;
}

const NORMAL_FROM = 30; // beyond this mean the normal approximation is within a count

class Sfc32 implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare = Number.NaN;

  constructor(seed: number, stream: number) {
    this.#a = seed >>> 0;
    this.#b = stream >>> 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 15; i += 1) this.next();
  }

  next(): number {
    const out = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + out;
    return (out >>> 0) / 4294967296;
  }

  normal(): number {
    if (!Number.isNaN(this.#spare)) {
      const spare = this.#spare;
      this.#spare = Number.NaN;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  poisson(mean: number): number {
    if (mean < NORMAL_FROM) return poissonByInversion(mean, this.next());
    const z = this.normal();
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * z + (z * z - 1) / 6));
  }

  binomial(n: number, p: number): number {
    if (n <= 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    if (n * p < NORMAL_FROM) return binomialByInversion(n, p, this.next());
    const z = this.normal();
    return clamp(Math.round(n * p + Math.sqrt(n * p * (1 - p)) * z), 0, n);
  }
}

/** sfc32 (Doty-Humphrey, PractRand). Streams of one seed with different names are independent. */
export const createRandom = (seed: number, stream = ''): Random =>
  new Sfc32(seed ^ 0x5bd1e995, hashText(stream));
