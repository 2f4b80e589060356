// npm run bench:decisions: every peer against the core on a directory of traces.
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NimbusError } from '#shared/errors.ts';
import {
  integerOf,
  listOf,
  neededOf,
  runCommand,
  type CommandLine,
  type Given,
} from '../command-line.ts';
import { buildReport } from './assemble.ts';
import { openCache } from './cache.ts';
import { page } from './html.ts';
import { makeFolder } from './input.ts';
import type { Job, JobResult } from './job.ts';
import { replayableSeconds } from './load.ts';
import type { Report } from './parts.ts';
import { jobsOf, PEERS, scenariosFor, type BenchOptions, type Scenario } from './plan.ts';
import { runJobs } from './pool.ts';
import { trackProgress } from './progress.ts';
import { jobKey, resultsOf } from './results.ts';
import { measureSpeed } from './speed.ts';
import type { Grade } from './telemetry.ts';
import { readTrace, traceName } from './trace.ts';

type Name = 'traces' | 'out' | 'seeds' | 'quick' | 'startup' | 'telemetry' | 'only' | 'workers';

const LINE: CommandLine<Name> = {
  command: 'npm run bench:decisions -- --traces DIR',
  does: 'Every peer against the core on a directory of traces. A run that was done before is taken from .nimbusguard/bench-cache.',
  options: {
    traces: { value: 'DIR', help: 'directory of traces (t_s,rps; gzip or not)' },
    out: {
      value: 'DIR',
      help: 'where report.json, report.md and report.html go (.nimbusguard/bench)',
    },
    seeds: { value: 'N', help: 'seeds of arrivals, bridge and start-up times (5; quick: 1)' },
    quick: '1 seed, 30 s start-up, 2 s telemetry, rough path, no ablations',
    startup: { value: 'LIST', help: 'start-up times, seconds (30,90; quick: 30)' },
    telemetry: { value: 'LIST', help: 'telemetry grades (2s,15s,cpu; quick: 2s)' },
    only: { value: 'NAME', help: 'one trace (part of its name) or one peer (HPA-70)' },
    workers: { value: 'N', help: 'worker threads (all cores)' },
  },
};

const GRADES: readonly Grade[] = ['2s', '15s', 'cpu'];
/** What a bench may take on two cores, seconds. */
const QUICK_SECONDS = 600;
const FULL_SECONDS = 7200;
const CACHE = '.nimbusguard/bench-cache';

function tracesIn(folder: string): string[] {
  if (!existsSync(folder)) throw new NimbusError('input.invalid', `no such directory: ${folder}`);
  const found = statSync(folder).isDirectory()
    ? readdirSync(folder)
        .filter((name) => /\.csv(\.gz)?$/i.test(name))
        .sort()
        .map((name) => join(folder, name))
    : [folder];
  if (found.length === 0) throw new NimbusError('input.invalid', `no *.csv[.gz] in ${folder}`);
  refuseTwins(found);
  return found;
}

/** A trace and its packed copy would count twice, under one name. */
function refuseTwins(paths: readonly string[]): void {
  for (const [name, same] of Map.groupBy(paths, traceName)) {
    if (same.length === 1) continue;
    const files = same.map((path) => basename(path)).join(' and ');
    throw new NimbusError('input.invalid', `${files}: two traces with the name "${name}"`);
  }
}

/** What `--only` leaves: traces by part of their name, or else one peer. */
function selection(folder: string, only: string | null) {
  const all = tracesIn(folder);
  if (only === null) return { traces: all, onlyPeer: null };
  const some = all.filter((path) => basename(path).includes(only));
  if (some.length > 0) return { traces: some, onlyPeer: null };
  if (PEERS.includes(only)) return { traces: all, onlyPeer: only };
  throw new NimbusError(
    'input.invalid',
    `--only ${only}: neither a trace in ${folder} nor one of ${PEERS.join(', ')}`,
  );
}

function optionsOf(given: Given<Name>): BenchOptions {
  const quick = given.flags.has('quick');
  return {
    ...selection(neededOf(given, 'traces', 'DIR'), given.values.only ?? null),
    quick,
    seeds: integerOf(given, 'seeds', quick ? 1 : 5, [1, 100]),
    startups: listOf(given, 'startup', quick ? [30] : [30, 90], {
      one: (text) => (Number(text) >= 1 && Number(text) <= 600 ? Number(text) : null),
      allowed: 'seconds from 1 to 600',
    }),
    telemetry: listOf(given, 'telemetry', quick ? ['2s'] : GRADES, {
      one: (text) => GRADES.find((grade) => grade === text) ?? null,
      allowed: `one of ${GRADES.join(', ')}`,
    }),
  };
}

/** Every job once; those whose result is known already are taken from the cache. */
async function runAll(
  scenarios: readonly Scenario[],
  options: BenchOptions,
  workers: number | undefined,
): Promise<{ readonly known: Map<string, JobResult>; readonly fromCache: number }> {
  const cache = openCache(CACHE);
  const known = new Map<string, JobResult>();
  const missing = new Map<string, Job>();
  for (const job of scenarios.flatMap((scenario) => jobsOf(scenario, options.traces))) {
    const cached = known.get(jobKey(job)) ?? cache.get(job);
    if (cached === null) missing.set(jobKey(job), job);
    else known.set(jobKey(job), cached);
  }
  const lengths = new Map(options.traces.map((path) => [path, readTrace(path)]));
  const secondsOf = (job: Job): number => {
    const trace = lengths.get(job.tracePath);
    if (trace === undefined) return 0;
    return Math.min(
      trace.rps.length * trace.stepSeconds,
      (job.condition.days ?? Infinity) * 86_400,
    );
  };
  const jobs = [...missing.values()];
  const fromCache = known.size;
  console.error(`${jobs.length} runs to do, ${known.size} known from before`);
  const progress = trackProgress(jobs, secondsOf, (line) => {
    console.error(line);
  });
  await runJobs(jobs, {
    ...(workers === undefined ? {} : { workers }),
    onResult(index, result) {
      const job = jobs[index];
      if (job === undefined) return;
      known.set(jobKey(job), result);
      cache.put(job, result);
      progress.done(job, result);
    },
  });
  return { known, fromCache };
}

function writeReport(out: string, report: Report): void {
  const { blocks, markdown, ...json } = report;
  writeFileSync(join(out, 'report.json'), `${JSON.stringify(json, null, 1)}\n`);
  writeFileSync(join(out, 'report.md'), markdown);
  writeFileSync(join(out, 'report.html'), page('Decision bench', blocks));
}

async function main(given: Given<Name>): Promise<number> {
  const options = optionsOf(given);
  const out = given.values.out ?? '.nimbusguard/bench';
  makeFolder(out); // before the work, not after it
  for (const path of options.traces) {
    const trace = readTrace(path);
    replayableSeconds(trace);
    for (const note of trace.notes) console.error(`${trace.name}: ${note}`);
  }
  const scenarios = scenariosFor(options);
  const workers = given.values.workers && integerOf(given, 'workers', 1, [1, 64]);
  const startedMs = performance.now();
  const { known, fromCache } = await runAll(scenarios, options, workers || undefined);
  const speed = measureSpeed();
  const report = buildReport(scenarios, {
    traces: options.traces,
    names: options.traces.map((path) => readTrace(path).name),
    results: resultsOf(known),
    tookSeconds: (performance.now() - startedMs) / 1000,
    limitSeconds: fromCache > 0 ? null : options.quick ? QUICK_SECONDS : FULL_SECONDS,
    speed,
  });
  writeReport(out, report);
  console.log(report.markdown);
  console.error(`written: ${join(out, 'report.{json,md,html}')}`);
  return 0;
}

await runCommand(LINE, main);
