import { contenderName, type Contender, type Ours } from './contender.ts';
import { benchPolicy } from './controllers/ours.ts';
import { readCurve } from './curve.ts';
import { mean } from './numbers.ts';
import { jobsOf, type Scenario } from './plan.ts';
import { meanRow, type Context, type MeanRow } from './report.ts';
import type { Sheet } from './sheet.ts';

/** Learned capacity and knee beside the same core that was told them, in one stretch of a run. */
export interface LearningRow {
  readonly workload: string;
  readonly window: WindowName;
  /** With Q-learning or without it. */
  readonly q: boolean;
  /** Violations over those of the told core at equal cost; null: no costs in common. */
  readonly overTold: number | null;
  /** Objective (cost + price × violations) with Q over without it; told and learned. */
  readonly qObjective: { readonly learned: number; readonly told: number };
  readonly points: readonly MeanRow[];
}

/** Whole days since the start, [from, to). */
const WINDOWS = {
  'first 24 h': [0, 1],
  '24 h to 72 h': [1, 3],
  'after 72 h': [3, Infinity],
} as const;
export type WindowName = keyof typeof WINDOWS;

const SMOOTH = 0.01; // percent: a window of few violating minutes must not make a ratio of thousands
const WIDE_STEP = 1.2;

/** Days [from, to) of every seed; null where the traces are too short. */
function windowSheet(
  scenario: Scenario,
  contender: Contender,
  context: Context,
  [from, to]: readonly [number, number],
): Sheet | null {
  const wanted = { ...scenario, contenders: [contender] };
  const days = context.traces.map((trace) =>
    jobsOf(wanted, [trace]).flatMap((job) => context.results.get(job).days.slice(from, to)),
  );
  if (days.some((some) => some.length === 0)) return null;
  return {
    name: contenderName(contender),
    k0: contender.kind === 'ours' ? contender.k0 : null,
    seeds: scenario.seeds,
    days,
  };
}

interface Variant {
  readonly told: boolean;
  readonly q: boolean;
}

const isVariant = (contender: Ours, { told, q }: Variant): boolean =>
  (contender.told ?? false) === told && (contender.off ?? []).includes('q') !== q;

function rowsOf(scenario: Scenario, context: Context, window: readonly [number, number]) {
  const oracle = windowSheet(scenario, { kind: 'peer', name: 'oracle' }, context, window);
  if (oracle === null) return null;
  const ours = scenario.contenders.filter((contender) => contender.kind === 'ours');
  return (variant: Variant): MeanRow[] =>
    ours
      .filter((contender) => isVariant(contender, variant))
      .flatMap((contender) => {
        const sheet = windowSheet(scenario, contender, context, window);
        return sheet === null ? [] : [meanRow(contender, sheet, oracle)];
      });
}

const geometricMean = (ratios: readonly number[]): number | null =>
  ratios.length === 0 ? null : Math.exp(mean(ratios.map(Math.log)));

/** Violations of each setting over the other curve's at its cost, where that reaches. */
export function overAtEqualCost(
  learned: readonly MeanRow[],
  told: readonly MeanRow[],
): number | null {
  const curve = told.map((row) => ({ cost: row.relativeReplicaHours, value: row.violatingPct }));
  return geometricMean(
    learned.flatMap((row) => {
      const read = readCurve(curve, row.relativeReplicaHours, WIDE_STEP);
      if (read.how !== 'between' || read.value === null) return [];
      return [(row.violatingPct + SMOOTH) / (read.value + SMOOTH)];
    }),
  );
}

/** Mean fleets paid per minute: pods, and violations at their price. */
const objective = (row: MeanRow): number =>
  row.relativeReplicaHours + ((row.k0 ?? 0) * row.violatingPct) / 100;

const objectiveRatio = (withQ: readonly MeanRow[], without: readonly MeanRow[]): number =>
  geometricMean(withQ.map((row, i) => objective(row) / objective(without[i] ?? row))) ?? 1;

/** What learning costs in one workload, stretch by stretch. */
export function learningRows(scenario: Scenario, context: Context): LearningRow[] {
  return Object.entries(WINDOWS).flatMap(([name, window]) => {
    const rows = rowsOf(scenario, context, window);
    if (rows === null) return [];
    const curves = [true, false].map((q) => ({
      q,
      learned: rows({ told: false, q }),
      told: rows({ told: true, q }),
    }));
    const [withQ, without] = curves;
    if (withQ === undefined || without === undefined) return [];
    const qObjective = {
      learned: objectiveRatio(withQ.learned, without.learned),
      told: objectiveRatio(withQ.told, without.told),
    };
    return curves.map(({ q, learned, told }) => ({
      workload: scenario.id.replace('learning ', ''),
      window: name as WindowName,
      q,
      overTold: overAtEqualCost(learned, told),
      qObjective,
      points: [...learned, ...told],
    }));
  });
}

/** The first day from the shipped prior beside a core that has run since the trace began. */
export interface ColdStart {
  readonly cold: MeanRow;
  readonly warm: MeanRow;
}

export function coldStartOf(cold: Scenario, warm: Scenario, context: Context): ColdStart | null {
  const contender = cold.contenders.find((one): one is Ours => one.kind === 'ours');
  if (contender === undefined) return null;
  const seeds = Math.min(cold.seeds, warm.seeds);
  const read = (scenario: Scenario): MeanRow | null => {
    const day = [0, 1] as const;
    const some = { ...scenario, seeds };
    const sheet = windowSheet(some, contender, context, day);
    const oracle = windowSheet(some, { kind: 'peer', name: 'oracle' }, context, day);
    return sheet === null || oracle === null ? null : meanRow(contender, sheet, oracle);
  };
  const rows = { cold: read(cold), warm: read(warm) };
  return rows.cold === null || rows.warm === null ? null : { cold: rows.cold, warm: rows.warm };
}

/** How much of the error budget the default policy burns on one trace; 1: all of it. */
export interface Burn {
  readonly trace: string;
  readonly mode: 'act';
  readonly burn: number;
  /** Whether more money would have bought a met SLO, as the model says at the end. */
  readonly reachable: boolean;
}

export function burnsOf(scenario: Scenario, context: Context): Burn[] {
  const contender: Contender = { kind: 'ours', k0: null, prior: 'shipped' };
  const { slo } = benchPolicy();
  const oracle: Contender = { kind: 'peer', name: 'oracle' };
  return context.traces.flatMap((trace, i) => {
    const alone = { ...context, traces: [trace] };
    const all = [0, Infinity] as const;
    const sheet = windowSheet(scenario, contender, alone, all);
    const base = windowSheet(scenario, oracle, alone, all);
    if (sheet === null || base === null) return [];
    const row = meanRow(contender, sheet, base);
    const jobs = jobsOf({ ...scenario, contenders: [contender] }, [trace]);
    return [
      {
        trace: context.names[i] ?? '',
        mode: 'act' as const,
        burn: Math.max(
          row.violatingPct / slo.violatingMinutesPercent,
          row.latePct / slo.lateRequestsPercent,
        ),
        reachable: jobs.every((job) => context.results.get(job).reachable !== false),
      },
    ];
  });
}
