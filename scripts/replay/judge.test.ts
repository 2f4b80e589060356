import { expect, test } from 'vitest';
import { judgeDefault, judgeFault, judgeLearning, judgeSpeed } from './judge.ts';
import { overAtEqualCost, type LearningRow } from './learning.ts';
import type { MeanRow, TraceRow } from './report.ts';

const trace = (contender: string, violatingPct: number, cost: number): TraceRow => ({
  scenario: 'rough 30s 2s s20 none',
  trace: 'shop',
  contender,
  k0: null,
  violatingPct,
  latePct: violatingPct / 2,
  excessLatePct: 0,
  droppedPct: 0,
  flagged: false,
  relativeReplicaHours: cost,
  relativeReadyHours: cost,
  transitPct: 0,
  replicaHours: 100 * cost,
  changesPerDay: 10,
  startedPerDay: 5,
  longestViolationMinutes: 1,
});

const missed = (rows: readonly { name: string; passed: boolean }[]): string[] =>
  rows.filter((row) => !row.passed).map((row) => row.name);

test.each<[what: string, violating: number, cost: number, missed: string[]]>([
  ['half of HPA-70’s violations at its cost', 0.5, 1.2, []],
  ['a little more than half', 0.6, 1.2, ['shop: violating minutes, %']],
  ['too dear', 0.1, 1.4, ["shop: replica-hours over HPA-70's"]],
  ['behind KPA in both', 0.45, 1.31, ['shop: peers better in both']],
])('the default policy is judged by trace: %s', (_what, violating, cost, expected) => {
  const rows = [
    trace('HPA-70', 1, 1.2),
    trace('KPA-70', 0.4, 1.3),
    trace('oracle', 0, 1),
    trace('NimbusGuard policy', violating, cost),
  ];
  expect(missed(judgeDefault(rows))).toEqual(expected);
});

test('under a fault each mode is judged by the traces on which HPA-70 violates less', () => {
  const rows = [
    trace('HPA-70', 1, 1.2),
    trace('NimbusGuard policy', 1.1, 1),
    trace('NimbusGuard policy over HPA-70', 0.2, 1.3),
  ];
  const [act, floor] = judgeFault('fault gaps-30', rows);
  expect(act).toMatchObject({ bar: 6, got: 1, passed: false });
  expect(act?.name).toContain('(shop)');
  expect(floor).toMatchObject({ got: 0, passed: true });
});

const mean = (violatingPct: number, cost: number): MeanRow => ({
  contender: 'NimbusGuard',
  k0: 13,
  violatingPct,
  latePct: 0,
  relativeReplicaHours: cost,
  relativeReadyHours: cost,
  transitPct: 0,
  changesPerDay: 1,
});

test('learned over told is read at equal cost, and only where both curves reach', () => {
  const told = [mean(1, 1), mean(0.25, 1.1)];
  expect(overAtEqualCost([mean(2, 1), mean(1, 2)], told)).toBeCloseTo(2, 1);
  expect(overAtEqualCost([mean(2, 0.9)], told)).toBe(null);
});

test('learning: the first day is shown, later ones are judged; a burn out of reach is excused', () => {
  const row = (window: LearningRow['window'], overTold: number): LearningRow => ({
    workload: 's20',
    window,
    q: true,
    overTold,
    qObjective: { learned: 1, told: 1 },
    points: [],
  });
  const rows = [row('first 24 h', 9), row('24 h to 72 h', 1.4), row('after 72 h', 1.4)];
  const burn = { trace: 'shop', mode: 'act' as const, burn: 3, reachable: false };
  const cold = { cold: mean(0.3, 1.2), warm: mean(0.2, 1) };
  const judged = judgeLearning(rows, cold, [burn, { ...burn, reachable: true }]);
  expect(missed(judged)).toEqual([
    's20, after 72 h: violations learned over told',
    "cold start, first 24 h: replica-hours over the warmed core's",
    'shop: budget burnt',
  ]);
});

test('a bench out of the cache is not judged by its time', () => {
  const speed = {
    microsecondsPerDecision: 8,
    microsecondsWithRecord: 60,
    thirtyDaysSeconds: 15,
    stateKiB: 20,
    differing: 0,
  };
  expect(missed(judgeSpeed(speed, null))).toEqual(['decide + learn, full record, µs']);
  expect(missed(judgeSpeed(speed, { seconds: 700, limit: 600 }))).toContain('this bench, s');
});
