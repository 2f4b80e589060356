import type { AblationRow } from './ablation.ts';
import type { BarResult } from './bars.ts';
import type { LeftOut } from './compare.ts';
import type { Judgement } from './judge.ts';
import type { Burn, LearningRow } from './learning.ts';
import type { MeanRow, SummaryRow, TraceRow } from './report.ts';

export const digits = (value: number, places = 2): string => value.toFixed(places);

/** A Markdown table, columns padded so that it also reads in a terminal. A bar in a cell is `\|`. */
export function table(head: readonly string[], content: readonly (readonly string[])[]): string {
  const rows = content.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export const EQUAL_WORDS = {
  meanCost: 'mean cost',
  costPerTrace: 'cost per trace',
  geoMean: 'geoMean',
};
export const METRIC_WORDS = {
  violatingMinutes: 'violating minutes',
  lateRequests: 'late requests',
};

const interval = (row: { readonly ci95: readonly [number, number] }): string =>
  `${digits(row.ci95[0], 1)} … ${digits(row.ci95[1], 1)}`;

/** Least and largest ratio that leaving one trace out can make. */
function leftOut({ leaveOneOut }: SummaryRow): string {
  const sorted = [...leaveOneOut].sort((a, b) => a.ratio - b.ratio);
  const [least, largest] = [sorted[0], sorted.at(-1)];
  if (least === undefined || largest === undefined) return '–';
  const end = ({ ratio, trace }: LeftOut): string => `${digits(ratio, 1)} (${trace})`;
  return `${end(least)} … ${end(largest)}`;
}

/** What ours pays for the peer's violations, over what the peer pays. */
const costThere = ({ costAtEqualViolations: cost }: SummaryRow): string =>
  cost === null ? 'never so few' : `${digits(cost, 3)} ×`;

const ours = (row: SummaryRow): string =>
  row.oursPct === null ? 'not comparable' : `${digits(row.oursPct, 3)} %`;

export const summaryTable = (rows: readonly SummaryRow[]): string =>
  table(
    [
      ...['peer', 'metric', 'equal', 'churn', 'peer', 'cost', 'ours', '÷', '95 %'],
      ...[
        'our cost at its violations',
        '÷ without one trace',
        '÷ without starts and drains',
        'notes',
      ],
    ],
    rows.map((row) => [
      row.peer,
      METRIC_WORDS[row.metric],
      EQUAL_WORDS[row.equal],
      row.churn,
      `${digits(row.peerPct, 3)} %`,
      digits(row.peerRelativeReplicaHours, 3),
      ours(row),
      digits(row.ratio, 1),
      interval(row),
      costThere(row),
      leftOut(row),
      digits(row.ratioOfReadyPods, 1),
      row.notes.join('; '),
    ]),
  );

export const barTable = (bars: readonly BarResult[]): string =>
  table(
    ['path', 'start-up', 'telemetry', 'churn', 'equal', 'metric', 'peer', '÷', '95 %', 'bar', ''],
    bars.map(({ row, bar, passed }) => [
      row.path,
      `${row.startupSeconds} s`,
      row.telemetry,
      row.churn,
      EQUAL_WORDS[row.equal],
      METRIC_WORDS[row.metric],
      row.peer,
      digits(row.ratio, 1),
      interval(row),
      `÷ ${bar}`,
      passed ? 'passed' : 'MISSED',
    ]),
  );

export const meanTable = (rows: readonly MeanRow[]): string =>
  table(
    [
      ...['controller', 'violating', 'late', 'replica-hours', 'starting or draining'],
      ...['ready hours', 'changes/day'],
    ],
    rows.map((row) => [
      row.contender,
      `${digits(row.violatingPct, 3)} %`,
      `${digits(row.latePct, 3)} %`,
      digits(row.relativeReplicaHours, 3),
      `${digits(row.transitPct, 1)} %`,
      digits(row.relativeReadyHours, 3),
      digits(row.changesPerDay, 0),
    ]),
  );

export const traceTable = (rows: readonly TraceRow[]): string =>
  table(
    ['trace', 'controller', 'violating', 'late', 'longest', 'replica-hours', 'changes/day'],
    rows.map((row) => [
      row.trace,
      `${row.contender}${row.flagged ? ' (drops requests)' : ''}`,
      `${digits(row.violatingPct, 3)} %`,
      `${digits(row.latePct, 3)} %`,
      `${row.longestViolationMinutes} min`,
      digits(row.relativeReplicaHours, 3),
      digits(row.changesPerDay, 0),
    ]),
  );

const percent = (value: number | null): string =>
  value === null ? 'not reached' : `${digits(value, 3)} %`;

const times = (value: number | null): string => (value === null ? '–' : `× ${digits(value)}`);

export const ablationTable = (rows: readonly AblationRow[]): string =>
  table(
    [
      'without',
      "violating at HPA-70's cost",
      "at KPA-70's cost",
      "over the whole core's, equal cost",
    ],
    rows.map((row) => [
      row.without,
      percent(row.atHpa70CostPct),
      percent(row.atKpa70CostPct),
      times(row.overFull),
    ]),
  );

/** Bars beside the table of equal costs. */
export const judgementTable = (rows: readonly Judgement[]): string =>
  table(
    ['bar', 'what', 'wanted', 'measured', ''],
    rows.map((row) => [
      String(row.bar),
      row.name,
      row.wanted,
      digits(row.got, 3),
      row.passed ? 'passed' : 'MISSED',
    ]),
  );

export const learningTable = (rows: readonly LearningRow[]): string =>
  table(
    ['workload', 'scored', 'Q', 'violating over told', 'objective with Q over without', 'told'],
    rows.map((row) => [
      row.workload,
      row.window,
      row.q ? 'on' : 'off',
      times(row.overTold),
      digits(row.qObjective.learned, 4),
      digits(row.qObjective.told, 4),
    ]),
  );

export const burnTable = (rows: readonly Burn[]): string =>
  table(
    ['trace', 'budget burnt', 'SLO reachable'],
    rows.map((row) => [row.trace, digits(row.burn), row.reachable ? 'yes' : 'no']),
  );
