// npm run replay: what NimbusGuard would have done to one trace under one policy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { neededOf, runCommand, type CommandLine, type Given } from '../command-line.ts';
import { DEFAULT_CONDITION, workloadOf, type Condition } from './condition.ts';
import { contenderName, type Contender } from './contender.ts';
import { page } from './html.ts';
import { equalRows, equalTable, REPLAY_PRICES, winsText } from './equal.ts';
import { makeFolder } from './input.ts';
import type { JobResult } from './job.ts';
import { replayableSeconds } from './load.ts';
import { timelinePicture } from './picture.ts';
import { jobsOf, type Scenario } from './plan.ts';
import { readPolicy, type PolicyFile } from './policy-file.ts';
import { runJobs } from './pool.ts';
import { scenarioRows, type TraceRow } from './report.ts';
import { jobKey, resultsOf, type Results } from './results.ts';
import { kneeOf } from './simulate.ts';
import { readTrace, type Trace } from './trace.ts';
import { answerTable, judgePolicy, verdictTable } from './verdict.ts';

type Name = 'trace' | 'policy' | 'out';

const LINE: CommandLine<Name> = {
  command: 'npm run replay -- --trace FILE --policy FILE',
  does: 'What NimbusGuard would have done to one trace under one policy, beside the usual autoscalers. Exit code 1 when the SLO or a stated bar is missed, 2 on bad input.',
  options: {
    trace: { value: 'FILE', help: 'trace: t_s,rps; gzip or not (see npm run convert)' },
    policy: { value: 'FILE', help: 'a ScalingPolicy, and a document `replay:` with bars' },
    out: { value: 'DIR', help: 'where report.json and report.html go (.nimbusguard/replay)' },
  },
};

function conditionOf({ spec, replay }: PolicyFile): Condition {
  return {
    ...DEFAULT_CONDITION,
    startupSeconds: replay.startupSeconds,
    telemetry: replay.telemetry,
    serviceMs: replay.serviceMilliseconds,
    sloMs: spec.slo.latencyMilliseconds,
    capacityPerPod: replay.capacityPerPod,
    minReplicas: spec.minReplicas,
    maxReplicas: spec.maxReplicas,
    drainSeconds: replay.drainSeconds,
    warmupShare: replay.warmupShare,
    ...(replay.scale === 'asis' ? { scale: 1 } : {}),
  };
}

const peer = (name: string): Contender => ({ kind: 'peer', name });
const isPriced = (contender: Contender): boolean =>
  contender.kind === 'ours' && contender.k0 !== null;

/** The policy as it stands, in both modes that write, beside the usual autoscalers. */
function scenarioOf(policy: PolicyFile): Scenario {
  const percent = policy.spec.targetCPUUtilizationPercentage;
  const own = { kind: 'ours', k0: null, prior: 'shipped', policy: policy.spec } as const;
  return {
    id: policy.name,
    condition: conditionOf(policy),
    seeds: policy.replay.seeds,
    contenders: [
      { ...own, over: `HPA-${percent}` },
      own,
      ...[...new Set([`HPA-${percent}`, 'HPA-70', 'KEDA-70', 'KPA-70'])].map(peer),
      peer('oracle'),
      ...REPLAY_PRICES.map((k0) => ({ ...own, k0 })),
    ],
  };
}

async function run(scenario: Scenario, tracePath: string): Promise<Map<string, JobResult>> {
  const planned = jobsOf(scenario, [tracePath]); // the results are asked for by these
  const jobs = planned.map((job) => ({
    ...job,
    timeline: job.seed === 1 && !isPriced(job.contender),
  }));
  const known = new Map<string, JobResult>();
  await runJobs(jobs, {
    onResult(index, result) {
      const job = planned[index];
      if (job !== undefined) known.set(jobKey(job), result);
    },
  });
  return known;
}

/** Our row of the mode the policy is in; a mode that writes nothing is judged as the default one. */
function judged(policy: PolicyFile, rows: readonly TraceRow[]) {
  const [floor, act] = rows;
  const hpaName = `HPA-${policy.spec.targetCPUUtilizationPercentage}`;
  const hpa = rows.find((row) => row.contender === hpaName);
  const ours = policy.spec.mode === 'act' ? act : floor;
  if (ours === undefined || hpa === undefined) throw new Error('a controller was not run');
  return { ours, verdicts: judgePolicy(policy, ours, hpa) };
}

interface Replayed {
  readonly policy: PolicyFile;
  readonly trace: Trace;
  readonly tracePath: string;
  readonly scenario: Scenario;
  readonly results: Results;
}

/** Minutes that were scored, of all seeds. */
const minutesOf = (scenario: Scenario, tracePath: string, results: Results): number =>
  jobsOf({ ...scenario, contenders: [peer('oracle')] }, [tracePath])
    .flatMap((job) => results.get(job).days)
    .reduce((minutes, day) => minutes + day.minutes, 0);

/** Load, and every controller that is in the first table, minute by minute. */
function timelineOf({ trace, tracePath, policy, scenario, results }: Replayed): string {
  const courses = scenario.contenders.flatMap((contender) => {
    if (isPriced(contender)) return [];
    const job = jobsOf({ ...scenario, seeds: 1, contenders: [contender] }, [tracePath])[0];
    const timeline = job === undefined ? null : results.get(job).timeline;
    return timeline === null ? [] : [{ name: contenderName(contender), timeline }];
  });
  const perPod = policy.replay.capacityPerPod * kneeOf(workloadOf(scenario.condition));
  return timelinePicture(trace.name, courses, perPod);
}

/** Answers in the order in which they are asked: what happened, at what price, when, who is better. */
function reportOf(replayed: Replayed) {
  const { policy, trace, tracePath, scenario, results } = replayed;
  const all = scenarioRows(scenario, { traces: [tracePath], names: [trace.name], results });
  const traces = all.filter(({ k0 }) => k0 === null);
  const prices = all.filter(({ k0 }) => k0 !== null);
  const { ours, verdicts } = judged(policy, traces);
  const equal = equalRows(traces, prices);
  const scoredMinutes = minutesOf(scenario, tracePath, results);
  const before = [
    `Trace ${trace.name}, policy ${policy.name}, mode ${policy.spec.mode}: judged is "${ours.contender}".`,
    answerTable(traces),
    verdictTable(verdicts),
    '## At equal cost and at equal violations, mode act at other prices K₀',
    equalTable(equal),
  ];
  const after = ['## Where another autoscaler wins', winsText(equal, scoredMinutes)];
  return {
    ...{ traces, prices, equal, verdicts },
    markdown: [...before, ...after].join('\n\n'),
    blocks: [...before, '## Minute by minute', timelineOf(replayed), ...after, ABLATIONS],
  };
}

const ABLATIONS =
  'What each part of NimbusGuard contributes: npm run bench:decisions -- --traces DIR (ablations).';

async function main(given: Given<Name>): Promise<number> {
  const tracePath = neededOf(given, 'trace', 'FILE');
  const policy = readPolicy(neededOf(given, 'policy', 'FILE'));
  const trace = readTrace(tracePath);
  replayableSeconds(trace);
  for (const note of trace.notes) console.error(`${trace.name}: ${note}`);
  const out = given.values.out ?? '.nimbusguard/replay';
  makeFolder(out); // before the work, not after it
  const scenario = scenarioOf(policy);
  const results = resultsOf(await run(scenario, tracePath));
  const report = reportOf({ policy, trace, scenario, results, tracePath });
  const { traces, prices, equal, verdicts, markdown, blocks } = report;
  const json = { trace: trace.name, policy: policy.name, traces, verdicts, prices, equal };
  writeFileSync(join(out, 'report.json'), `${JSON.stringify(json, null, 1)}\n`);
  writeFileSync(join(out, 'report.html'), page(`Replay of ${trace.name}`, blocks));
  console.log(markdown);
  console.error(`written: ${join(out, 'report.{json,html}')}`);
  return verdicts.every((verdict) => verdict.holds) ? 0 : 1;
}

await runCommand(LINE, main);
