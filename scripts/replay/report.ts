import { cappedOnly, compare, drawsOf, EQUALS, makeWeights, markSheet } from './compare.ts';
import type { Comparison, Equal, MarkedSheet } from './compare.ts';
import { contenderName, type Contender } from './contender.ts';
import { CHURNS, curveIn, type Churn, type Scenario } from './plan.ts';
import { longestOf, sheetOf, type Results } from './results.ts';
import { changesPerDay, marksOf, METRICS, type Metric, type Sheet } from './sheet.ts';
import { sumDays } from './tally.ts';
import type { Grade } from './telemetry.ts';

/** One row of the table, as issue trackers and CI read it. */
export interface SummaryRow extends Comparison {
  readonly path: 'rough' | 'steps';
  readonly mode: 'act';
  readonly startupSeconds: number;
  readonly telemetry: Grade;
  readonly churn: Churn;
  readonly peer: string;
  readonly metric: Metric;
  readonly equal: Equal;
}

/** One contender on one trace of one scenario. */
export interface TraceRow {
  readonly scenario: string;
  readonly trace: string;
  readonly contender: string;
  readonly k0: number | null;
  readonly violatingPct: number;
  readonly latePct: number;
  /** Late requests beyond 1 % of each minute's, percent of all. */
  readonly excessLatePct: number;
  readonly droppedPct: number;
  /** More than 0.1 % of the requests were dropped: its cost is not comparable. */
  readonly flagged: boolean;
  readonly relativeReplicaHours: number;
  /** The same without the time in which pods start or drain, on both sides. */
  readonly relativeReadyHours: number;
  /** Share of the replica-hours in which pods start or drain, percent. */
  readonly transitPct: number;
  readonly replicaHours: number;
  readonly changesPerDay: number;
  readonly startedPerDay: number;
  readonly longestViolationMinutes: number;
}

const FLAG_DROPPED_PCT = 0.1;
const MODE = 'act';

function traceRows(
  scenario: Scenario,
  contender: Contender,
  names: readonly string[],
  sheets: { readonly sheet: Sheet; readonly oracle: Sheet; readonly longest: readonly number[] },
): TraceRow[] {
  const marks = marksOf(sheets.sheet, sheets.oracle);
  return sheets.sheet.days.flatMap((days, i) => {
    const mark = marks[i];
    if (mark === undefined) return [];
    const total = sumDays(days);
    const perDay = 1440 / Math.max(1, total.minutes);
    const share = (part: number): number => (100 * part) / Math.max(1, total.arrivals);
    return [
      {
        scenario: scenario.id,
        trace: names[i] ?? '',
        contender: contenderName(contender),
        k0: sheets.sheet.k0,
        violatingPct: mark.violatingPct,
        latePct: mark.latePct,
        excessLatePct: share(total.excessLate),
        droppedPct: share(total.dropped),
        flagged: share(total.dropped) > FLAG_DROPPED_PCT,
        relativeReplicaHours: mark.cost,
        relativeReadyHours: mark.readyCost,
        transitPct: mark.transitPct,
        replicaHours: total.podSeconds / 3600 / scenario.seeds,
        changesPerDay: total.changes * perDay,
        startedPerDay: total.launched * perDay,
        longestViolationMinutes: sheets.longest[i] ?? 0,
      },
    ];
  });
}

interface Tabled {
  readonly summary: SummaryRow[];
  /** Settings with capped changes were run, and none of them keeps to the cap. */
  readonly uncapped: boolean;
  readonly traces: TraceRow[];
}

export interface Context {
  readonly traces: readonly string[];
  readonly names: readonly string[];
  readonly results: Results;
  readonly bootstrapDraws?: number;
}

const ORACLE: Contender = { kind: 'peer', name: 'oracle' };

/** Rows per trace of every contender of a scenario. */
export function scenarioRows(scenario: Scenario, context: Context): TraceRow[] {
  const { traces, names, results } = context;
  const oracle = sheetOf(scenario, ORACLE, traces, results);
  return scenario.contenders.flatMap((contender) =>
    traceRows(scenario, contender, names, {
      sheet: sheetOf(scenario, contender, traces, results),
      oracle,
      longest: longestOf(scenario, contender, traces, results),
    }),
  );
}

const named = (sheets: readonly MarkedSheet[], name: string): MarkedSheet => {
  const found = sheets.find(({ sheet }) => sheet.name === name);
  if (found === undefined) throw new Error(`${name} was not run`);
  return found;
};

function compareAll(
  scenario: Scenario,
  peers: readonly MarkedSheet[],
  ours: readonly MarkedSheet[],
  context: { readonly churn: Churn; readonly names: readonly string[] },
): SummaryRow[] {
  const { path, startupSeconds, telemetry } = scenario.condition;
  return peers.flatMap((peer) => {
    const draws = drawsOf(peer, ours);
    return METRICS.flatMap((metric) =>
      EQUALS.map((equal) => ({
        path,
        mode: MODE,
        startupSeconds,
        telemetry,
        churn: context.churn,
        peer: peer.sheet.name,
        metric,
        equal,
        ...compare(draws, metric, equal, context.names),
      })),
    );
  });
}

/** A table scenario: every peer against our curve, free and capped. */
export function tableOf(scenario: Scenario, context: Context): Tabled {
  const { traces, names, results } = context;
  const sheet = (contender: Contender): Sheet => sheetOf(scenario, contender, traces, results);
  const oracle = sheet(ORACLE);
  const weights = makeWeights(oracle, context.bootstrapDraws);
  const marked = (contender: Contender): MarkedSheet =>
    markSheet(sheet(contender), oracle, weights);
  const peers = scenario.contenders
    .filter((contender) => contender.kind === 'peer' && contender.name !== 'oracle')
    .map(marked);
  const summary = CHURNS.flatMap((churn) => {
    const curve = curveIn(scenario, churn).map(marked);
    const ours =
      churn === 'capped'
        ? cappedOnly(curve, named(peers, 'HPA-70').sheet, named(peers, 'KPA-70').sheet)
        : curve;
    return ours.length === 0 ? [] : compareAll(scenario, peers, ours, { churn, names });
  });
  const uncapped =
    curveIn(scenario, 'capped').length > 0 && summary.every(({ churn }) => churn !== 'capped');
  return { summary, uncapped, traces: scenarioRows(scenario, context) };
}

/** Means over the traces of one contender in one scenario. */
export interface MeanRow {
  readonly contender: string;
  readonly k0: number | null;
  readonly violatingPct: number;
  readonly latePct: number;
  readonly relativeReplicaHours: number;
  readonly relativeReadyHours: number;
  /** Share of the replica-hours in which pods start or drain, percent. */
  readonly transitPct: number;
  readonly changesPerDay: number;
}

const average = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / Math.max(1, values.length);

export const meanRow = (contender: Contender, sheet: Sheet, oracle: Sheet): MeanRow => {
  const marks = marksOf(sheet, oracle);
  return {
    contender: contenderName(contender),
    k0: sheet.k0,
    violatingPct: average(marks.map((mark) => mark.violatingPct)),
    latePct: average(marks.map((mark) => mark.latePct)),
    relativeReplicaHours: average(marks.map((mark) => mark.cost)),
    relativeReadyHours: average(marks.map((mark) => mark.readyCost)),
    transitPct: average(marks.map((mark) => mark.transitPct)),
    changesPerDay: average(changesPerDay(sheet)),
  };
};

/** Means over the traces, every contender of a scenario. */
export function meanRows(scenario: Scenario, context: Context): MeanRow[] {
  const { traces, results } = context;
  const oracle = sheetOf(scenario, ORACLE, traces, results);
  return scenario.contenders.map((contender) =>
    meanRow(contender, sheetOf(scenario, contender, traces, results), oracle),
  );
}
