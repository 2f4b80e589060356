import { isCalibrated, type CoverageRow } from './coverage.ts';
import type { Burn, ColdStart, LearningRow } from './learning.ts';
import type { TraceRow } from './report.ts';
import type { Speed } from './speed.ts';

/** A bar beside the table of equal costs, and what was measured. */
export interface Judgement {
  /**
   * 1: peers at equal cost · 2: the default policy beside HPA-70, trace by trace · 3: mode `floor` ·
   * 4: what learning, a cold start and the budget's control cost · 5: calibration · 6: faults · 7: speed.
   */
  readonly bar: number;
  readonly name: string;
  readonly wanted: string;
  readonly got: number;
  readonly passed: boolean;
}

export const atMost = (bar: number, name: string, got: number, allowed: number): Judgement => ({
  bar,
  name,
  wanted: `≤ ${Number(allowed.toPrecision(4))}`,
  got,
  passed: got <= allowed,
});

const ACT = 'NimbusGuard policy';
const FLOOR = 'NimbusGuard policy over HPA-70';
const SLO = { violatingPct: 0.3, latePct: 0.4 };

const rowOf = (rows: readonly TraceRow[], contender: string, trace: string): TraceRow | undefined =>
  rows.find((row) => row.contender === contender && row.trace === trace);

/** Peers with fewer violations and less cost on the same trace. */
const dominating = (rows: readonly TraceRow[], ours: TraceRow): number =>
  rows.filter(
    (row) =>
      row.trace === ours.trace &&
      row.k0 === null &&
      row.contender !== 'oracle' &&
      !row.contender.startsWith('NimbusGuard') &&
      row.violatingPct < ours.violatingPct &&
      row.relativeReplicaHours < ours.relativeReplicaHours,
  ).length;

/** Bar 2: the default policy in mode `act` beside HPA-70, trace by trace. */
export function judgeDefault(rows: readonly TraceRow[]): Judgement[] {
  return rows
    .filter((row) => row.contender === ACT)
    .flatMap((ours) => {
      const hpa = rowOf(rows, 'HPA-70', ours.trace);
      if (hpa === undefined) return [];
      const name = (what: string): string => `${ours.trace}: ${what}`;
      const minutes = Math.max(hpa.violatingPct / 2, SLO.violatingPct);
      const late = Math.max(hpa.latePct, SLO.latePct);
      const cost = ours.relativeReplicaHours / hpa.relativeReplicaHours;
      return [
        atMost(2, name('violating minutes, %'), ours.violatingPct, minutes),
        atMost(2, name('late requests, %'), ours.latePct, late),
        atMost(2, name("replica-hours over HPA-70's"), cost, 1.15),
        atMost(2, name('peers better in both'), dominating(rows, ours), 0),
      ];
    });
}

const LEARNED_LIMITS: Partial<Record<LearningRow['window'], number>> = {
  '24 h to 72 h': 1.5,
  'after 72 h': 1.2,
};
const Q_LIMIT = 1.01;

/** Bar 4: what it costs not to be told capacity and knee; the cold start; the budget's burn. */
export function judgeLearning(
  rows: readonly LearningRow[],
  cold: ColdStart | null,
  burns: readonly Burn[],
): Judgement[] {
  const learned = rows.flatMap(({ workload, window, q, overTold, qObjective }) => {
    const limit = LEARNED_LIMITS[window];
    if (limit === undefined || overTold === null || !q) return [];
    const name = (what: string): string => `${workload}, ${window}: ${what}`;
    return [
      atMost(4, name('violations learned over told'), overTold, limit),
      atMost(4, name('objective with Q over without, told'), qObjective.told, Q_LIMIT),
    ];
  });
  return [...learned, ...judgeColdStart(cold), ...burns.map(judgeBurn)];
}

function judgeColdStart(start: ColdStart | null): Judgement[] {
  if (start === null) return [];
  const { cold, warm } = start;
  const name = (what: string): string => `cold start, first 24 h: ${what}`;
  const cost = cold.relativeReplicaHours / warm.relativeReplicaHours;
  return [
    atMost(4, name('violating, %'), cold.violatingPct, 1.5 * warm.violatingPct + 0.1),
    atMost(4, name("replica-hours over the warmed core's"), cost, 1.1),
  ];
}

const BURN = { least: 0.5, most: 1.1 };

const judgeBurn = ({ trace, burn, reachable }: Burn): Judgement => ({
  bar: 4,
  name: `${trace}: budget burnt${reachable ? '' : ', SLO not reachable'}`,
  wanted: reachable ? `${BURN.least} … ${BURN.most}` : 'any',
  got: burn,
  passed: !reachable || (burn >= BURN.least && burn <= BURN.most),
});

/** Bar 5: miss rates out of tolerance per trace and forecast. */
export function judgeCoverage(
  rows: readonly (CoverageRow & { readonly trace: string })[],
): Judgement[] {
  const groups = Map.groupBy(rows, (row) => `${row.trace}: ${row.forecast.toUpperCase()}`);
  return [...groups].map(([name, some]) => {
    const judged = some.map(isCalibrated).filter((verdict) => verdict !== null);
    const out = judged.filter((verdict) => !verdict).length;
    return atMost(5, `${name}, miss rates out of tolerance of ${judged.length}`, out, 0);
  });
}

/** Bar 6: traces on which we violate more than HPA-70 under the same fault, in both modes. */
export function judgeFault(fault: string, rows: readonly TraceRow[]): Judgement[] {
  return [ACT, FLOOR].flatMap((contender) => {
    const ours = rows.filter((row) => row.contender === contender);
    if (ours.length === 0) return [];
    const worse = ours.filter((row) => {
      const hpa = rowOf(rows, 'HPA-70', row.trace);
      return hpa !== undefined && row.violatingPct > hpa.violatingPct;
    });
    const where = worse.map((row) => row.trace).join(', ');
    const mode = contender === ACT ? 'act' : 'floor';
    const name = `${fault}, ${mode}: traces with more violations than HPA-70`;
    return [atMost(6, where === '' ? name : `${name} (${where})`, worse.length, 0)];
  });
}

/** Bar 7. A bench that took results from its cache says nothing of how long it takes. */
export function judgeSpeed(speed: Speed, bench: { seconds: number; limit: number } | null) {
  return [
    atMost(7, 'decide + learn, records off, µs', speed.microsecondsPerDecision, 10),
    atMost(7, 'decide + learn, full record, µs', speed.microsecondsWithRecord, 50),
    atMost(7, 'decisions that differ with the record', speed.differing, 0),
    atMost(7, 'state, KiB', speed.stateKiB, 32),
    atMost(7, '30 days at 2 s, s', speed.thirtyDaysSeconds, 20),
    ...(bench === null ? [] : [atMost(7, 'this bench, s', bench.seconds, bench.limit)]),
  ];
}
