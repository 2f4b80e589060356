import { ablationRows } from './ablation.ts';
import { judge, judgeOutdone, type BarResult } from './bars.ts';
import { contenderName, type Contender } from './contender.ts';
import { judgeFloor } from './floor-bars.ts';
import {
  judgeCoverage,
  judgeDefault,
  judgeFault,
  judgeLearning,
  judgeSpeed,
  type Judgement,
} from './judge.ts';
import { burnsOf, coldStartOf, learningRows } from './learning.ts';
import type { Burn, ColdStart, LearningRow } from './learning.ts';
import { answers, blocksOf, details, markdownOf } from './sections.ts';
import { isCalibrated } from './coverage.ts';
import type { CoverageOfTrace, Parts, Report } from './parts.ts';
import { curvePicture, timelinePicture, type Course } from './picture.ts';
import { CHURNS, curveIn, FIRST_ROW, jobsOf, type Scenario } from './plan.ts';
import { meanRows, scenarioRows, tableOf, type Context, type MeanRow } from './report.ts';
import type { Speed } from './speed.ts';

/** What was learned of a pod, what a cold start costs, and what λ makes of the budget. */
interface Learned {
  readonly rows: readonly LearningRow[];
  readonly coldStart: ColdStart | null;
  readonly burns: readonly Burn[];
}

export interface BenchContext extends Context {
  readonly tookSeconds: number;
  /** Most seconds that this bench may take; null: some results came from the cache. */
  readonly limitSeconds: number | null;
  readonly speed: Speed;
}

const isTable = (scenario: Scenario): boolean => /^(rough|steps) /.test(scenario.id);

/** Load, capacity and violations of the controllers that are pictured, per trace. */
function courses(scenario: Scenario, context: Context): string[] {
  return context.traces.map((trace, i) => {
    const course = (contender: Contender): Course[] => {
      const job = jobsOf({ ...scenario, seeds: 1, contenders: [contender] }, [trace])[0];
      const timeline = job === undefined ? null : context.results.get(job).timeline;
      return timeline === null ? [] : [{ name: contenderName(contender), timeline }];
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

/** The bars of the table in the form of the others. */
const asJudgement = ({ row, bar, passed }: BarResult): Judgement => ({
  bar: 1,
  name: [
    ...[row.path, row.startupSeconds, row.telemetry, row.churn, row.equal],
    ...[row.metric, row.peer],
  ].join(' '),
  wanted: `÷ ${bar}`,
  got: row.ratio,
  passed,
});

function learned(scenarios: readonly Scenario[], context: BenchContext): Learned {
  const cold = scenarios.find((scenario) => scenario.id === 'cold start');
  const floor = scenarios.find((scenario) => scenario.id === 'floor');
  return {
    rows: scenarios
      .filter((scenario) => scenario.id.startsWith('learning '))
      .flatMap((scenario) => learningRows(scenario, context)),
    coldStart: cold === undefined || floor === undefined ? null : coldStartOf(cold, floor, context),
    burns: floor === undefined ? [] : burnsOf(floor, context),
  };
}

/** The bars beside the table: peers that forecast too, then bars 2 to 7. */
function judgeOthers(
  scenarios: readonly Scenario[],
  context: BenchContext,
  parts: Parts,
): Judgement[] {
  const first = scenarios.find((scenario) => scenario.id === FIRST_ROW);
  const floor = scenarios.find((scenario) => scenario.id === 'floor');
  const faults = scenarios.filter((scenario) => scenario.id.startsWith('fault '));
  const { limitSeconds: limit, tookSeconds: seconds } = context;
  return [
    ...judgeOutdone(parts.summary),
    ...judgeDefault(parts.traces.filter((row) => row.scenario === FIRST_ROW)),
    ...(first === undefined || floor === undefined ? [] : judgeFloor(floor, first, context)),
    ...judgeLearning(parts.learning, parts.coldStart, parts.burns),
    ...judgeCoverage(parts.coverage),
    ...faults.flatMap((fault) => judgeFault(fault.id, scenarioRows(fault, context))),
    ...judgeSpeed(context.speed, limit === null ? null : { seconds, limit }),
  ];
}

function partsOf(scenarios: readonly Scenario[], context: BenchContext): Parts {
  const tables = scenarios.filter(isTable);
  const tabled = tables.map((scenario) => tableOf(scenario, context));
  const floor = scenarios.find((scenario) => scenario.id === 'floor');
  const faults = scenarios.filter((scenario) => scenario.id.startsWith('fault '));
  const ablation = scenarios.find((scenario) => scenario.id === 'ablations');
  const { rows, coldStart, burns } = learned(scenarios, context);
  return {
    summary: tabled.flatMap((part) => part.summary),
    uncapped: tables.filter((_, i) => tabled[i]?.uncapped).map(({ id }) => id),
    means: tables.map((scenario) => ({
      scenario: scenario.id,
      seeds: scenario.seeds,
      means: meanRows(scenario, context),
    })),
    traces: [
      ...tabled.flatMap((part) => part.traces),
      ...(floor === undefined ? [] : scenarioRows(floor, context)),
    ],
    floor: floor === undefined ? [] : meanRows(floor, context),
    faults: faults.map((scenario) => ({
      fault: scenario.id,
      means: meanRows(scenario, context),
    })),
    ablations: ablation === undefined ? [] : ablationRows(ablation, context),
    learning: rows,
    coldStart,
    burns,
    coverage: floor === undefined ? [] : coverages(floor, context),
    speed: { ...context.speed, benchSeconds: context.tookSeconds },
  };
}

/** Puts everything that was run into one report. */
export function buildReport(scenarios: readonly Scenario[], context: BenchContext): Report {
  const parts = partsOf(scenarios, context);
  const bars = judge(parts.summary);
  const others = judgeOthers(scenarios, context, parts);
  const floor = scenarios.find((scenario) => scenario.id === 'floor');
  const pictures = {
    curves: scenarios
      .filter(isTable)
      .map((scenario) => curves(scenario, meanRows(scenario, context))),
    timelines: floor === undefined ? [] : courses(floor, context),
  };
  const sections = [...answers(parts, pictures), ...details(parts, bars, others)];
  return {
    ...parts,
    bars: [...bars.map(asJudgement), ...others],
    markdown: markdownOf(sections),
    blocks: blocksOf(sections),
  };
}
