import type { Part } from '#shared/domain/index.ts';
import { readCurve } from './curve.ts';
import { overAtEqualCost } from './learning.ts';
import type { Contender, Ours } from './contender.ts';
import type { Scenario } from './plan.ts';
import { meanRow, type Context, type MeanRow } from './report.ts';
import { sheetOf } from './results.ts';

/** What one part of the core is worth: violations at two peers' costs with and without it. */
export interface AblationRow {
  readonly without: string;
  /** Mean violating minutes, percent, at HPA-70's and KPA-70's mean cost; null: not reached. */
  readonly atHpa70CostPct: number | null;
  readonly atKpa70CostPct: number | null;
  /** Violations over the whole core's at equal cost; null: no costs in common. */
  readonly overFull: number | null;
  readonly points: readonly MeanRow[];
}

const labelOf = (contender: Ours): string => {
  const off: readonly Part[] = contender.off ?? [];
  if (off.length > 0) return off.join('+');
  return contender.prior === 'none' ? 'prior' : 'nothing';
};

/** Groups the ablation scenario by what was left out. */
export function ablationRows(scenario: Scenario, context: Context): AblationRow[] {
  const { traces, results } = context;
  const sheet = (contender: Contender) => sheetOf(scenario, contender, traces, results);
  const oracle = sheet({ kind: 'peer', name: 'oracle' });
  const row = (contender: Contender): MeanRow => meanRow(contender, sheet(contender), oracle);
  const costOf = (name: string): number => row({ kind: 'peer', name }).relativeReplicaHours;
  const costs = { hpa: costOf('HPA-70'), kpa: costOf('KPA-70') };
  const groups = new Map<string, MeanRow[]>();
  for (const contender of scenario.contenders) {
    if (contender.kind !== 'ours') continue;
    const label = labelOf(contender);
    groups.set(label, [...(groups.get(label) ?? []), row(contender)]);
  }
  return [...groups].map(([without, points]) => {
    const curve = points.map((point) => ({
      cost: point.relativeReplicaHours,
      value: point.violatingPct,
    }));
    return {
      without,
      atHpa70CostPct: readCurve(curve, costs.hpa).value,
      atKpa70CostPct: readCurve(curve, costs.kpa).value,
      overFull: overAtEqualCost(points, groups.get('nothing') ?? []),
      points,
    };
  });
}
