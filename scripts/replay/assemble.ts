import { ablationRows, speedOf, type AblationRow } from './ablation.ts';
import { judge, type BarResult } from './bars.ts';
import { contenderName, type Contender } from './contender.ts';
import {
  ablationTable,
  barTable,
  digits,
  meanTable,
  summaryTable,
  table,
  traceTable,
} from './markdown.ts';
import { isCalibrated, type CoverageRow } from './coverage.ts';
import { curvePicture, timelinePicture, type Course } from './picture.ts';
import { CHURNS, curveIn, jobsOf, type Scenario } from './plan.ts';
import {
  meanRows,
  scenarioRows,
  tableOf,
  type Context,
  type MeanRow,
  type SummaryRow,
  type TraceRow,
} from './report.ts';

/** Calibration of one trace's forecasts. `calibrated` null: too few samples to tell. */
interface CoverageOfTrace extends CoverageRow {
  readonly trace: string;
  readonly calibrated: boolean | null;
}

/** What `report.json` holds, and the two forms people read. */
export interface Report {
  readonly summary: readonly SummaryRow[];
  readonly traces: readonly TraceRow[];
  readonly floor: readonly MeanRow[];
  readonly faults: readonly { readonly fault: string; readonly means: readonly MeanRow[] }[];
  readonly ablations: readonly AblationRow[];
  readonly coverage: readonly CoverageOfTrace[];
  readonly speed: Readonly<Record<string, number>>;
  readonly bars: readonly {
    readonly name: string;
    readonly bar: number;
    readonly passed: boolean;
  }[];
  readonly markdown: string;
  readonly pictures: readonly string[];
}

export interface BenchContext extends Context {
  readonly tookSeconds: number;
}

const isTable = (scenario: Scenario): boolean => /^(rough|steps) /.test(scenario.id);

/** Load, capacity and violations of the controllers that are pictured, per trace. */
function courses(scenario: Scenario, context: Context): string[] {
  return context.traces.map((trace, i) => {
    const course = (contender: Contender): Course[] => {
      const job = jobsOf({ ...scenario, seeds: 1, contenders: [contender] }, [trace])[0];
      const timeline = job === undefined ? null : context.results.get(job).timeline;
      const name = contender.kind === 'peer' ? contender.name : 'NimbusGuard';
      return timeline === null ? [] : [{ name, timeline }];
    };
    return timelinePicture(context.names[i] ?? '', scenario.contenders.flatMap(course));
  });
}

/** Calibration of the run at the default policy, per trace. */
function coverages(scenario: Scenario, context: Context): CoverageOfTrace[] {
  const contenders = scenario.contenders.filter((contender) => contender.kind === 'ours');
  return context.traces.flatMap((trace, i) =>
    jobsOf({ ...scenario, seeds: 1, contenders }, [trace]).flatMap((job) =>
      (context.results.get(job).coverage ?? []).map((row) => ({
        trace: context.names[i] ?? '',
        ...row,
        calibrated: isCalibrated(row),
      })),
    ),
  );
}

const coverageTable = (rows: readonly CoverageOfTrace[]): string =>
  table(
    ['trace', 'forecast', 'moments', 'level', 'missed', 'nominal', 'samples', ''],
    rows.map((row) => [
      row.trace,
      row.forecast.toUpperCase(),
      row.group,
      String(row.level),
      `${digits(100 * row.missed)} %`,
      `${digits(100 * (1 - row.level), 1)} %`,
      String(row.samples),
      row.calibrated === null ? 'too few' : row.calibrated ? 'within' : 'OUT',
    ]),
  );

function curves(scenario: Scenario, rows: readonly MeanRow[]): string {
  const ours = CHURNS.map((churn) => {
    const names = curveIn(scenario, churn).map(contenderName);
    return {
      name: `NimbusGuard, ${churn}`,
      points: rows.filter((row) => names.includes(row.contender)),
    };
  });
  const peers = rows.filter((row) => row.k0 === null && row.contender !== 'oracle');
  return curvePicture(scenario.id, ours, peers);
}

const wins = (summary: readonly SummaryRow[]): string => {
  const lost = summary.filter((row) => row.ratio < 1 || row.oursPct === null);
  if (lost.length === 0) return 'No peer has fewer violations at equal cost in any row.';
  return summaryTable(lost);
};

function markdownOf(parts: Omit<Report, 'markdown' | 'pictures' | 'bars'>, bars: BarResult[]) {
  const section = (title: string, body: string): string[] =>
    body === '' ? [] : [`## ${title}`, '', body, ''];
  return [
    ...section('Bars', bars.length === 0 ? '' : barTable(bars)),
    ...section('Every peer at equal cost, mode act', summaryTable(parts.summary)),
    ...section('Where a peer wins', parts.summary.length === 0 ? '' : wins(parts.summary)),
    ...section('Default mode: floor', parts.floor.length === 0 ? '' : meanTable(parts.floor)),
    ...section('Ablations', parts.ablations.length === 0 ? '' : ablationTable(parts.ablations)),
    ...parts.faults.flatMap(({ fault, means }) => section(`Under ${fault}`, meanTable(means))),
    ...section('Calibration', parts.coverage.length === 0 ? '' : coverageTable(parts.coverage)),
    ...section('Per trace', traceTable(parts.traces)),
    ...section(
      'Speed',
      Object.entries(parts.speed)
        .map(([name, value]) => `- ${name}: ${digits(value, 2)}`)
        .join('\n'),
    ),
  ].join('\n');
}

/** Puts everything that was run into one report. */
export function buildReport(scenarios: readonly Scenario[], context: BenchContext): Report {
  const tables = scenarios.filter(isTable);
  const tabled = tables.map((scenario) => tableOf(scenario, context));
  const summary = tabled.flatMap((part) => part.summary);
  const floor = scenarios.find((scenario) => scenario.id === 'floor');
  const others = scenarios.filter(
    (scenario) => scenario.id.startsWith('fault ') || scenario.id.startsWith('workload '),
  );
  const ablation = scenarios.find((scenario) => scenario.id === 'ablations');
  const bars = judge(summary);
  const speed = speedOf(tables, context);
  const parts = {
    summary,
    traces: [
      ...tabled.flatMap((part) => part.traces),
      ...(floor === undefined ? [] : scenarioRows(floor, context)),
    ],
    floor: floor === undefined ? [] : meanRows(floor, context),
    faults: others.map((scenario) => ({
      fault: scenario.id,
      means: meanRows(scenario, context),
    })),
    ablations: ablation === undefined ? [] : ablationRows(ablation, context),
    coverage: floor === undefined ? [] : coverages(floor, context),
    speed: { ...speed, benchSeconds: context.tookSeconds },
  };
  return {
    ...parts,
    bars: bars.map(({ row, bar, passed }) => ({
      name: [
        row.path,
        row.startupSeconds,
        row.telemetry,
        row.churn,
        row.equal,
        row.metric,
        row.peer,
      ]
        .map(String)
        .join(' '),
      bar,
      passed,
    })),
    markdown: markdownOf(parts, bars),
    pictures: [
      ...tables.map((scenario) => curves(scenario, meanRows(scenario, context))),
      ...(floor === undefined ? [] : courses(floor, context)),
    ],
  };
}
