import { shippedPrior } from '#shared/domain/prior.ts';
import { loadFor, settingsFor, type Condition } from './condition.ts';
import { makeController, type Contender } from './contender.ts';
import { isOurs } from './controllers/ours.ts';
import { coverageOf, watchForecasts, type CoverageRow } from './coverage.ts';
import type { Load } from './load.ts';
import { simulate } from './simulate.ts';
import type { Outcome } from './tally.ts';
import { readTrace, type Trace } from './trace.ts';

/** One run: plain JSON. */
export interface Job {
  readonly tracePath: string;
  readonly seed: number;
  readonly condition: Condition;
  readonly contender: Contender;
  readonly timeline: boolean;
}

export interface JobResult extends Outcome {
  /** CPU time is not told by a shared machine; wall time of the run, milliseconds. */
  readonly tookMs: number;
  readonly seconds: number;
  /** Calibration of our forecasts; only of runs whose timeline is kept. */
  readonly coverage: CoverageRow[] | null;
  /** Ours, at the end of the run: false where more money would not have met the SLO. */
  readonly reachable: boolean | null;
}

/** Runs jobs one after another; keeps the last trace and load, which neighbours share. */
export function createRunner(): (job: Job) => JobResult {
  let trace: { path: string; trace: Trace } | null = null;
  let load: { key: string; load: Load } | null = null;
  return (job) => {
    if (trace?.path !== job.tracePath) {
      trace = { path: job.tracePath, trace: readTrace(job.tracePath) };
    }
    const { condition, seed } = job;
    const key = JSON.stringify([job.tracePath, condition, seed]);
    if (load?.key !== key) load = { key, load: loadFor(trace.trace, condition, seed) };
    const settings = { ...settingsFor(condition, load.load, seed), timeline: job.timeline };
    const context = { condition, load: load.load, settings, seed, prior: shippedPrior };
    const controller = makeController(job.contender, context);
    const watched =
      job.timeline && isOurs(controller)
        ? watchForecasts(controller, load.load.scoreFrom)
        : { controller, snapshots: [] };
    const startedMs = performance.now();
    const outcome = simulate(load.load, settings, watched.controller);
    const tookMs = Math.round(performance.now() - startedMs);
    const { snapshots } = watched;
    const coverage = snapshots.length > 0 ? coverageOf(load.load, snapshots, seed) : null;
    const reachable = isOurs(controller) ? controller.model().price.reachable : null;
    return { ...outcome, tookMs, seconds: load.load.seconds, coverage, reachable };
  };
}
