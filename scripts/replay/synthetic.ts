import { clamp } from './numbers.ts';
import { createRandom, type Random } from './random.ts';
import type { Outage } from './load.ts';
import type { Trace } from './trace.ts';

/** A trace made up from a seed, and what goes wrong in it besides its load. */
export interface SyntheticTrace extends Trace {
  /** Seconds of the trace at which all counters start again from zero. */
  readonly resets: readonly number[];
  /** Spans without any measurement, seconds. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  readonly outages: readonly Outage[];
}

export const SHAPES = [
  'daily',
  'weekly',
  'growth',
  'flash-crowd',
  'step',
  'office-hours',
  'low-noise',
  'outage',
  'counter-reset',
  'missing-samples',
] as const;
export type Shape = (typeof SHAPES)[number];

const STEP_SECONDS = 60;
const DAY = 1440; // steps
const WEEK = 7 * DAY;

type Rate = (minute: number) => number;

/** Day with a low night, a lunch dip and an evening peak, mean about 1. */
const dayShape = (minute: number): number => {
  const hour = ((minute % DAY) / DAY) * 24;
  const hump = (centre: number, width: number): number =>
    Math.exp(-(((hour - centre) / width) ** 2) / 2);
  return 0.35 + 0.9 * hump(10.5, 2.2) + 1.1 * hump(16.5, 3) + 0.5 * hump(20.5, 1.5);
};

const weekday = (minute: number): number => Math.floor(minute / DAY) % 7;

/** Stationary noise in logs that forgets itself within `memory` minutes. */
function wander(length: number, sd: number, memory: number, random: Random): Float64Array {
  const keep = Math.exp(-1 / memory);
  const path = new Float64Array(length);
  let value = sd * random.normal();
  for (let i = 0; i < length; i += 1) {
    value = keep * value + Math.sqrt(1 - keep * keep) * sd * random.normal();
    path[i] = value;
  }
  return path;
}

/** Events of a few per week: start, height and how fast they fade. */
function bursts(length: number, perWeek: number, random: Random): Rate {
  const events = Array.from(
    { length: Math.max(1, random.poisson((length / WEEK) * perWeek)) },
    () => ({
      at: Math.floor(random.next() * length),
      height: 1.5 + 3 * random.next(),
      rise: 1 + 4 * random.next(),
      fade: 15 + 60 * random.next(),
    }),
  );
  return (minute) => {
    let factor = 1;
    for (const event of events) {
      const age = minute - event.at;
      if (age < 0 || age > 8 * event.fade) continue;
      factor += event.height * (1 - Math.exp(-age / event.rise)) * Math.exp(-age / event.fade);
    }
    return factor;
  };
}

/** Levels that hold for hours and then jump. */
function steps(length: number, random: Random): Rate {
  const levels: number[] = [];
  for (let i = 0; i < Math.ceil(length / 30); i += 1) {
    const last = levels.at(-1) ?? 1;
    levels.push(random.next() < 0.12 ? clamp(last * Math.exp(random.normal()), 0.2, 4) : last);
  }
  return (minute) => levels[Math.floor(minute / 30)] ?? 1;
}

const office: Rate = (minute) => {
  const hour = ((minute % DAY) / DAY) * 24;
  return weekday(minute) < 5 && hour >= 8 && hour < 18 ? 1 : 0.02;
};

const weekly: Rate = (minute) => dayShape(minute) * (weekday(minute) < 5 ? 1 : 0.55);

const outageTimes = (length: number): number[] =>
  Array.from({ length: Math.floor(length / (2 * DAY)) }, (_, i) => (2 * i + 1) * DAY + 660);

/** Ten minutes at a fifth of the load, then clients come back at twice of it, fading. */
const outageDip = (length: number): Rate => {
  const starts = outageTimes(length);
  return (minute) => {
    const start = starts.find((time) => minute >= time && minute < time + 60);
    if (start === undefined) return 1;
    const age = minute - start;
    return age < 10 ? 0.2 : 1 + Math.exp(-(age - 10) / 8);
  };
};

interface Made {
  readonly level: number; // requests/s at 1
  readonly sd: number; // of the wander, logs
  readonly rate: Rate;
}

const MAKERS: Record<Shape, (length: number, random: Random) => Made> = {
  daily: () => ({ level: 40, sd: 0.08, rate: dayShape }),
  'counter-reset': () => ({ level: 40, sd: 0.08, rate: dayShape }),
  'missing-samples': () => ({ level: 40, sd: 0.08, rate: dayShape }),
  weekly: () => ({ level: 60, sd: 0.08, rate: weekly }),
  growth: (length) => ({
    level: 20,
    sd: 0.1,
    rate: (m) => weekly(m) * Math.exp((1.6 * m) / length),
  }),
  'flash-crowd': (length, random) => {
    const crowd = bursts(length, 5, random);
    return { level: 30, sd: 0.1, rate: (m) => dayShape(m) * crowd(m) };
  },
  step: (length, random) => ({ level: 40, sd: 0.05, rate: steps(length, random) }),
  'office-hours': () => ({ level: 50, sd: 0.15, rate: office }),
  'low-noise': () => ({ level: 1.2, sd: 0.35, rate: dayShape }),
  outage: (length) => {
    const dip = outageDip(length);
    return { level: 40, sd: 0.08, rate: (m) => dayShape(m) * dip(m) };
  },
};

/** Every `every` minutes from the second day on. */
const times = (length: number, every: number): number[] =>
  Array.from({ length: Math.floor((length - DAY) / every) }, (_, i) => DAY + i * every);

/**
 * One synthetic trace of whole days in steps of 60 s, counts drawn from its rates. The same shape,
 * seed and length give the same trace.
 */
export function synthesize(shape: Shape, seed: number, days = 14): SyntheticTrace {
  const length = days * DAY;
  const random = createRandom(seed, `synthetic ${shape}`);
  const { level, sd, rate } = MAKERS[shape](length, random);
  const slow = wander(length, sd, 45, random);
  const fast = wander(length, sd / 2, 2, random);
  const rps = Float64Array.from({ length }, (_, minute) => {
    const mean = level * rate(minute) * Math.exp((slow[minute] ?? 0) + (fast[minute] ?? 0));
    return random.poisson(mean * STEP_SECONDS) / STEP_SECONDS;
  });
  const outage = (minute: number): Outage => ({
    from: minute * 60,
    to: (minute + 10) * 60,
    failedShare: 0.6,
  });
  return {
    name: `${shape}-${seed}`,
    stepSeconds: STEP_SECONDS,
    rps,
    notes: [],
    resets: shape === 'counter-reset' ? times(length, 97).map((m) => m * 60 + 31) : [],
    gaps:
      shape === 'missing-samples'
        ? times(length, 61).map((m, i) => ({ from: m * 60, to: m * 60 + (30 << (i % 4)) }))
        : [],
    outages: shape === 'outage' ? outageTimes(length).map(outage) : [],
  };
}
