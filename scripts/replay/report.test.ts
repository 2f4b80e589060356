import { expect, test } from 'vitest';
import { DEFAULT_CONDITION } from './condition.ts';
import type { Contender } from './contender.ts';
import type { JobResult } from './job.ts';
import { jobsOf, type Scenario } from './plan.ts';
import { tableOf } from './report.ts';
import { jobKey, resultsOf } from './results.ts';

const peers: Contender[] = ['oracle', 'HPA-70', 'KPA-70'].map((name) => ({ kind: 'peer', name }));
const scenario: Scenario = {
  id: 'rough 30s 2s s20 none',
  condition: DEFAULT_CONDITION,
  seeds: 1,
  contenders: [...peers, { kind: 'ours', k0: 13, prior: 'shipped' }],
};

/** A day of each contender that differs in its changes alone. */
function tableWith(changesOfOurs: number) {
  const known = jobsOf(scenario, ['t.csv']).map((job): [string, JobResult] => {
    const changes = job.contender.kind === 'ours' ? changesOfOurs : 100;
    const sums = {
      minutes: 1440,
      violating: 1,
      arrivals: 1e6,
      late: 10,
      excessLate: 0,
      dropped: 0,
    };
    const day = { ...sums, podSeconds: 1e6, transitSeconds: 1e4, changes, launched: changes };
    const rest = { timeline: null, coverage: null, reachable: null, tookMs: 1, seconds: 86_400 };
    return [jobKey(job), { ...rest, days: [day], longestViolationMinutes: 1 }];
  });
  const results = resultsOf(new Map(known));
  return tableOf(scenario, { traces: ['t.csv'], names: ['t'], results, bootstrapDraws: 5 });
}

test('rows of capped changes are there as long as a setting keeps to the cap, or said to be missing', () => {
  const kept = tableWith(100);
  expect(kept.uncapped).toBe(false);
  expect(kept.summary.filter(({ churn }) => churn === 'capped')).toHaveLength(12);
  const broken = tableWith(101); // more than KPA-70's
  expect(broken.uncapped).toBe(true);
  expect(broken.summary).toEqual([]);
});
