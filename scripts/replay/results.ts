import { contenderName, type Contender } from './contender.ts';
import type { Job, JobResult } from './job.ts';
import { jobsOf, type Scenario } from './plan.ts';
import type { Sheet } from './sheet.ts';

/** Every result by its job. */
export interface Results {
  readonly get: (job: Job) => JobResult;
}

export const jobKey = (job: Job): string => JSON.stringify(job);

export const resultsOf = (known: ReadonlyMap<string, JobResult>): Results => ({
  get(job) {
    const result = known.get(jobKey(job));
    if (result === undefined) throw new Error(`missing run: ${jobKey(job)}`);
    return result;
  },
});

/** One contender's runs of a scenario, days of all seeds pooled per trace. */
export function sheetOf(
  scenario: Scenario,
  contender: Contender,
  traces: readonly string[],
  results: Results,
): Sheet {
  const wanted = { ...scenario, contenders: [contender] };
  return {
    name: contenderName(contender),
    k0: contender.kind === 'ours' ? contender.k0 : null,
    seeds: scenario.seeds,
    days: traces.map((trace) => jobsOf(wanted, [trace]).flatMap((job) => results.get(job).days)),
  };
}

/** Longest run of violating minutes per trace, over all seeds. */
export const longestOf = (
  scenario: Scenario,
  contender: Contender,
  traces: readonly string[],
  results: Results,
): number[] =>
  traces.map((trace) =>
    Math.max(
      ...jobsOf({ ...scenario, contenders: [contender] }, [trace]).map(
        (job) => results.get(job).longestViolationMinutes,
      ),
    ),
  );
