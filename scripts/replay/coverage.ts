import { tailOfForecaster } from '#shared/domain/forecast.ts';
import { quantile as upperQuantile } from '#shared/domain/shape.ts';
import type { OurController } from './controllers/ours.ts';
import type { Load } from './load.ts';
import { at } from './numbers.ts';
import { createRandom } from './random.ts';
import { EPOCH_MS, type Controller } from './simulate.ts';

/** How often demand came out above a forecast's quantile, in one group of moments. */
export interface CoverageRow {
  /** UP: what a pod started now would serve. KEEP: what a pod dropped now would be missing for. */
  readonly forecast: 'up' | 'keep';
  readonly group: 'all' | 'top decile of load' | 'hour after a jump';
  readonly level: number;
  /** Share of the outcomes above the quantile; 1 − level when calibrated. */
  readonly missed: number;
  readonly samples: number;
}

const LEVELS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995] as const;
const FORECASTS = ['up', 'keep'] as const;
const GROUPS = ['all', 'top decile of load', 'hour after a jump'] as const;

/** One forecast as it was made, with its quantiles in requests/s. */
interface Snapshot {
  readonly from: number;
  readonly up: number;
  readonly to: number;
  readonly blockSeconds: number;
  readonly quantiles: readonly (readonly number[])[];
}

/** Remembers forecasts whose targets do not overlap; outcomes are looked up when the run is over. */
export function watchForecasts(
  controller: OurController,
  scoreFrom: number,
): { readonly controller: Controller; readonly snapshots: readonly Snapshot[] } {
  const snapshots: Snapshot[] = [];
  let freeFrom = scoreFrom;
  const note = (now: number): void => {
    const model = controller.model();
    const newest = model.pendingForecasts.at(-1);
    if (newest?.fromMs !== EPOCH_MS + now * 1000) return;
    const to = (newest.toMs - EPOCH_MS) / 1000;
    const quantiles = [model.up, model.keep].map((forecaster, which) => {
      const tail = tailOfForecaster(forecaster, model.off.includes('shape'));
      const deviation = at(newest.sigma, which);
      return LEVELS.map((level) => {
        const log = at(newest.mu, which) + deviation * upperQuantile(tail, 1 - level);
        return Math.exp(log) - model.series.offset;
      });
    });
    const up = (newest.upMs - EPOCH_MS) / 1000;
    snapshots.push({ from: now, up, to, blockSeconds: model.series.blockSeconds, quantiles });
    freeFrom = to;
  };
  return {
    snapshots,
    controller: {
      ...controller,
      decide(view) {
        const wanted = controller.decide(view);
        if (view.now >= freeFrom) note(view.now);
        return wanted;
      },
    },
  };
}

/** Running sums of arrivals, so that any mean is two look-ups. */
function cumulate(load: Load): Float64Array {
  const sums = new Float64Array(load.seconds + 1);
  for (let t = 0; t < load.seconds; t += 1) sums[t + 1] = at(sums, t) + at(load.arrivals, t);
  return sums;
}

/** The two outcomes of a forecast: mean of its last block, largest block mean of its whole span. */
function outcomesOf(snapshot: Snapshot, sums: Float64Array, jitter: number): number[] {
  const mean = (from: number, to: number): number =>
    // Randomised PIT: a count stands for the unit interval around it.
    (at(sums, to) - at(sums, from) + jitter) / (to - from);
  const up = Math.round(snapshot.up);
  const to = Math.round(snapshot.to);
  const block = Math.max(1, Math.round(snapshot.blockSeconds));
  let largest = 0;
  const step = Math.max(1, Math.round(block / 6));
  for (let end = snapshot.from + block; end <= to; end += step) {
    largest = Math.max(largest, mean(end - block, end));
  }
  return [mean(up, Math.max(up + 1, to)), largest];
}

const JUMP = 1.5; // a minute's mean over that of the fifteen before it
const HOUR = 3600;

/** Seconds at which the load jumped. */
function jumpsOf(sums: Float64Array): number[] {
  const jumps: number[] = [];
  for (let t = 960; t + 60 < sums.length; t += 60) {
    const before = (at(sums, t) - at(sums, t - 900)) / 15;
    if (at(sums, t + 60) - at(sums, t) > JUMP * Math.max(before, 60)) jumps.push(t);
  }
  return jumps;
}

/** Which groups a moment belongs to. */
function grouping(sums: Float64Array, snapshots: readonly Snapshot[]) {
  const minuteMean = (t: number): number => at(sums, t) - at(sums, Math.max(0, t - 60));
  const loads = snapshots.map((snapshot) => minuteMean(snapshot.from)).sort((a, b) => a - b);
  const top = loads[Math.floor(loads.length * 0.9)] ?? Infinity;
  const jumps = jumpsOf(sums);
  return (snapshot: Snapshot): boolean[] => [
    true,
    minuteMean(snapshot.from) >= top,
    jumps.some((jump) => snapshot.from >= jump && snapshot.from < jump + HOUR),
  ];
}

/** Miss rates of one run's scored part, for UP and KEEP, by group and level. */
export function coverageOf(
  load: Load,
  snapshots: readonly Snapshot[],
  seed: number,
): CoverageRow[] {
  const sums = cumulate(load);
  const whole = snapshots.filter((snapshot) => snapshot.to <= load.seconds);
  const groupsOf = grouping(sums, whole);
  const random = createRandom(seed, 'pit');
  const misses = new Map<string, { missed: number; samples: number }>();
  const tallyOf = (key: string) => {
    const known = misses.get(key) ?? { missed: 0, samples: 0 };
    misses.set(key, known);
    return known;
  };
  for (const snapshot of whole) {
    const outcomes = outcomesOf(snapshot, sums, random.next() - 0.5);
    const member = groupsOf(snapshot);
    snapshot.quantiles.forEach((quantiles, which) => {
      const outcome = at(outcomes, which);
      quantiles.forEach((value, level) => {
        GROUPS.forEach((_, group) => {
          if (member[group] !== true) return;
          const tally = tallyOf(`${which} ${group} ${level}`);
          tally.samples += 1;
          if (outcome > value) tally.missed += 1;
        });
      });
    });
  }
  return FORECASTS.flatMap((forecast, which) =>
    GROUPS.flatMap((group, g) =>
      LEVELS.map((level, l) => {
        const { missed, samples } = tallyOf(`${which} ${g} ${l}`);
        return { forecast, group, level, missed: samples > 0 ? missed / samples : 0, samples };
      }),
    ),
  );
}

const TOLERANCE = { share: 0.015, factor: 1.5, groupFactor: 2 };

/** Whether a miss rate is within the bench's tolerance; rows with next to no misses tell nothing. */
export function isCalibrated(row: CoverageRow): boolean | null {
  const nominal = 1 - row.level;
  if (row.samples * nominal < 5) return null;
  const ratio = row.missed / nominal;
  const within = (factor: number): boolean => ratio <= factor && ratio >= 1 / factor;
  if (row.group !== 'all') return within(TOLERANCE.groupFactor);
  if (row.level >= 0.98) return within(TOLERANCE.factor);
  return Math.abs(row.missed - nominal) <= TOLERANCE.share;
}
