import { merge, type Point } from './points.ts';
import { Ring } from './rings.ts';

const MINUTE_MS = 60_000;

const minuteOf = (point: Point): number => Math.floor(point.atMs / MINUTE_MS);

/** How many points are kept: beats as they came, then one per minute. */
export interface PointShares {
  readonly beats: number;
  readonly minutes: number;
}

/** What the charts of one target are drawn from: bounded, oldest first out. */
export class PointLog {
  readonly #beats: Ring<Point>;
  readonly #minutes: Ring<Point>;
  /** Of the minute that runs. */
  #minute: Point[] = [];

  constructor(shares: PointShares) {
    this.#beats = new Ring(shares.beats);
    this.#minutes = new Ring(shares.minutes);
  }

  resize(shares: PointShares): void {
    this.#beats.resize(shares.beats);
    this.#minutes.resize(shares.minutes);
  }

  get last(): Point | undefined {
    return this.#beats.last;
  }

  push(point: Point): void {
    this.#beats.push(point);
    const first = this.#minute[0];
    if (first !== undefined && minuteOf(first) !== minuteOf(point)) {
      const merged = merge(this.#minute);
      if (merged !== undefined) this.#minutes.push(merged);
      this.#minute = [];
    }
    this.#minute.push(point);
  }

  /** Oldest first: minutes as far as no beats are kept any more, then beats. */
  since(fromMs: number): Point[] {
    const beats = this.#beats.items;
    const beatsFromMs = beats[0]?.atMs ?? 0;
    const older = this.#minutes.items.filter(
      (point) => point.atMs >= fromMs && point.atMs < beatsFromMs,
    );
    return [...older, ...beats.filter((point) => point.atMs >= fromMs)];
  }
}
