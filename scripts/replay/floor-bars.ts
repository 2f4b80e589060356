import { compare, drawsOf, makeWeights, markSheet, withMoney } from './compare.ts';
import type { Contender, Ours, OwnAutoscaler } from './contender.ts';
import { readCurve } from './curve.ts';
import { atMost, type Judgement } from './judge.ts';
import { curveIn, type Scenario } from './plan.ts';
import { meanRow, type Context, type MeanRow } from './report.ts';
import { sheetOf } from './results.ts';
import type { Metric } from './sheet.ts';

/** Money over HPA-70's, and what violating minutes or late requests must be divided by there. */
const BARS: readonly { money: number; metric: Metric; ratio: number }[] = [
  { money: 1.08, metric: 'violatingMinutes', ratio: 10 },
  { money: 1.1, metric: 'violatingMinutes', ratio: 20 },
  { money: 1.08, metric: 'lateRequests', ratio: 5 },
];
const PASS_SHARE = 0.8; // of the bar, by the lower end of the interval
const CHANGES_MAX = 2.5;
const OVER_ACT_MAX = 1.5;
const WIDE_STEP = 1.2; // both curves are ours

const WORDS = { violatingMinutes: 'violating minutes', lateRequests: 'late requests' };

const settingsOver = (scenario: Scenario, own: OwnAutoscaler): Ours[] =>
  scenario.contenders.filter(
    (one): one is Ours => one.kind === 'ours' && one.over === own && one.k0 !== null,
  );

/** Bar 3: the default mode over the user's unchanged HPA-70, and over an HPA-85 without a window. */
export function judgeFloor(floor: Scenario, act: Scenario, context: Context): Judgement[] {
  return [...overUnchangedHpa(floor, context), ...overRaisedHpa(floor, act, context)];
}

function readerOf(scenario: Scenario, context: Context) {
  const { traces, results } = context;
  const sheet = (contender: Contender) => sheetOf(scenario, contender, traces, results);
  const oracle = sheet({ kind: 'peer', name: 'oracle' });
  return {
    sheet,
    oracle,
    hpa: sheet({ kind: 'peer', name: 'HPA-70' }),
    mean: (contender: Contender): MeanRow => meanRow(contender, sheet(contender), oracle),
  };
}

function overUnchangedHpa(floor: Scenario, context: Context): Judgement[] {
  const reader = readerOf(floor, context);
  const weights = makeWeights(reader.oracle, context.bootstrapDraws);
  const settings = settingsOver(floor, 'HPA-70');
  if (settings.length === 0) return [];
  const draws = drawsOf(
    markSheet(reader.hpa, reader.oracle, weights),
    settings.map((one) => markSheet(reader.sheet(one), reader.oracle, weights)),
  );
  const divided = BARS.map(({ money, metric, ratio }): Judgement => {
    const got = compare(withMoney(draws, money), metric, 'meanCost', context.names);
    return {
      bar: 3,
      name: `floor over HPA-70 at ${money} × its replica-hours: ${WORDS[metric]} divided by`,
      wanted: `÷ ${ratio}`,
      got: got.ratio,
      passed: got.ci95[0] > PASS_SHARE * ratio,
    };
  });
  return [...divided, changes(reader, settings)];
}

/** Changes at 1.08 × HPA-70's replica-hours, over HPA-70's own. */
function changes(reader: ReturnType<typeof readerOf>, settings: readonly Ours[]): Judgement {
  const hpa = reader.mean({ kind: 'peer', name: 'HPA-70' });
  const curve = settings.map(reader.mean).map((row) => ({
    cost: row.relativeReplicaHours,
    value: row.changesPerDay,
  }));
  const read = readCurve(curve, 1.08 * hpa.relativeReplicaHours, WIDE_STEP);
  const got = (read.value ?? hpa.changesPerDay) / hpa.changesPerDay;
  return atMost(3, "floor over HPA-70 at 1.08 ×: changes over HPA-70's", got, CHANGES_MAX);
}

/** Violations over those of mode `act` at HPA-70's cost. */
function overRaisedHpa(floor: Scenario, act: Scenario, context: Context): Judgement[] {
  const seeds = Math.min(floor.seeds, act.seeds);
  const [below, alone] = [
    readerOf({ ...floor, seeds }, context),
    readerOf({ ...act, seeds }, context),
  ];
  const cost = alone.mean({ kind: 'peer', name: 'HPA-70' }).relativeReplicaHours;
  const violating = (rows: readonly MeanRow[]): number | null => {
    const points = rows.map((row) => ({ cost: row.relativeReplicaHours, value: row.violatingPct }));
    return readCurve(points, cost, WIDE_STEP).value;
  };
  const floored = violating(settingsOver(floor, 'HPA-85-w0').map(below.mean));
  const acting = violating(curveIn(act, 'capped').map(alone.mean));
  if (floored === null || acting === null) return [];
  const got = (floored + 0.005) / (acting + 0.005);
  const name = "floor over HPA-85 without a window: violations over act's at HPA-70's cost";
  return [atMost(3, name, got, OVER_ACT_MAX)];
}
