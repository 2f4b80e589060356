import { digits, table } from './markdown.ts';
import type { PolicyFile } from './policy-file.ts';
import type { TraceRow } from './report.ts';

/** One stated bar and whether it holds. */
export interface Verdict {
  readonly bar: string;
  readonly allowed: number;
  readonly got: number;
  readonly holds: boolean;
}

/** Ours over theirs. Nothing at all keeps every bar, whatever theirs is. */
const overOf = (ours: number, theirs: number): number =>
  theirs > 0 ? ours / theirs : ours > 0 ? Infinity : 0;

/** Judges our row by the policy's SLO and by the bars it states beside an HPA. */
export function judgePolicy(policy: PolicyFile, ours: TraceRow, hpa: TraceRow): Verdict[] {
  const { bars } = policy.replay;
  const { slo } = policy.spec;
  const stated: [string, number | undefined, number][] = [
    [
      'violating minutes, %',
      bars.violatingMinutesPercent ?? slo.violatingMinutesPercent,
      ours.violatingPct,
    ],
    ['late requests, %', bars.lateRequestsPercent ?? slo.lateRequestsPercent, ours.latePct],
    [
      "replica-hours over HPA's",
      bars.replicaHoursOverHpa,
      overOf(ours.replicaHours, hpa.replicaHours),
    ],
    [
      "violating minutes over HPA's",
      bars.violatingMinutesOverHpa,
      overOf(ours.violatingPct, hpa.violatingPct),
    ],
    ["changes over HPA's", bars.changesOverHpa, overOf(ours.changesPerDay, hpa.changesPerDay)],
  ];
  return stated.flatMap(([bar, allowed, got]) =>
    allowed === undefined ? [] : [{ bar, allowed, got, holds: got <= allowed }],
  );
}

export const verdictTable = (verdicts: readonly Verdict[]): string =>
  table(
    ['bar', 'allowed', 'got', ''],
    verdicts.map((verdict) => [
      verdict.bar,
      digits(verdict.allowed, 3),
      digits(verdict.got, 3),
      verdict.holds ? 'holds' : 'MISSED',
    ]),
  );

/** The answer to "what would it have done to my week, and what would it have cost". */
export const answerTable = (rows: readonly TraceRow[]): string =>
  table(
    ['controller', 'violating', 'late', 'longest', 'replica-hours', 'of the oracle', 'changes/day'],
    rows.map((row) => [
      `${row.contender}${row.flagged ? ' (drops requests)' : ''}`,
      `${digits(row.violatingPct, 3)} %`,
      `${digits(row.latePct, 3)} %`,
      `${row.longestViolationMinutes} min`,
      digits(row.replicaHours, 1),
      digits(row.relativeReplicaHours, 3),
      digits(row.changesPerDay, 0),
    ]),
  );
