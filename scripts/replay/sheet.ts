import { at } from './numbers.ts';
import type { Random } from './random.ts';
import type { Day } from './tally.ts';

/** Results of one contender: `days[trace][i]`, all days of the first seed, then of the next. */
export interface Sheet {
  readonly name: string;
  readonly k0: number | null;
  readonly seeds: number;
  readonly days: readonly (readonly Day[])[];
}

/** How often each day of each seed counts: `weights[trace][i]`. */
export type Weights = readonly (readonly number[])[];

/** One contender on one trace. Percent, and cost relative to the oracle's. */
export interface Mark {
  readonly cost: number;
  /** The same without the time in which pods start or drain, on both sides. */
  readonly readyCost: number;
  /** Share of the cost that is pods starting or draining, percent. */
  readonly transitPct: number;
  readonly violatingPct: number;
  readonly latePct: number;
}

export const METRICS = ['violatingMinutes', 'lateRequests'] as const;
export type Metric = (typeof METRICS)[number];

export const valueOf = (mark: Mark, metric: Metric): number =>
  metric === 'violatingMinutes' ? mark.violatingPct : mark.latePct;

type Summed = Pick<
  Day,
  'minutes' | 'violating' | 'arrivals' | 'late' | 'podSeconds' | 'transitSeconds'
>;

function sumBlocks(days: readonly Day[], weights: readonly number[] | undefined): Summed {
  const total = {
    minutes: 0,
    violating: 0,
    arrivals: 0,
    late: 0,
    podSeconds: 0,
    transitSeconds: 0,
  };
  days.forEach((day, i) => {
    const weight = weights === undefined ? 1 : at(weights, i);
    if (weight === 0) return;
    total.minutes += weight * day.minutes;
    total.violating += weight * day.violating;
    total.arrivals += weight * day.arrivals;
    total.late += weight * day.late;
    total.podSeconds += weight * day.podSeconds;
    total.transitSeconds += weight * day.transitSeconds;
  });
  return total;
}

const readySeconds = (sums: Summed): number => sums.podSeconds - sums.transitSeconds;

/** Marks of one contender on every trace, with each day counted as often as its weight says. */
export function marksOf(sheet: Sheet, oracle: Sheet, weights?: Weights): Mark[] {
  return sheet.days.map((days, trace) => {
    const sums = sumBlocks(days, weights?.[trace]);
    const base = sumBlocks(oracle.days[trace] ?? [], weights?.[trace]);
    return {
      cost: sums.podSeconds / base.podSeconds,
      readyCost: readySeconds(sums) / readySeconds(base),
      transitPct: (100 * sums.transitSeconds) / Math.max(1, sums.podSeconds),
      violatingPct: (100 * sums.violating) / Math.max(1, sums.minutes),
      latePct: (100 * sums.late) / Math.max(1, sums.arrivals),
    };
  });
}

/**
 * A bootstrap draw: days of each trace with replacement, the same ones for every contender. A day is
 * drawn with all its seeds: they are the same day again, and would pass for so many more of them.
 */
export const drawWeights = (sheet: Sheet, random: Random): Weights =>
  sheet.days.map(({ length }) => {
    const weights = new Array<number>(length).fill(0);
    const days = length / sheet.seeds;
    for (let i = 0; i < days; i += 1) {
      for (let drawn = Math.floor(random.next() * days); drawn < length; drawn += days) {
        weights[drawn] = at(weights, drawn) + 1;
      }
    }
    return weights;
  });

/** Changes of the wanted replicas per day, per trace. */
export const changesPerDay = (sheet: Sheet): number[] =>
  sheet.days.map((days) => {
    const minutes = days.reduce((total, day) => total + day.minutes, 0);
    return (1440 * days.reduce((total, day) => total + day.changes, 0)) / Math.max(1, minutes);
  });
