import { expect, test } from 'vitest';
import { equalRows, equalTable, winsText } from './equal.ts';
import type { TraceRow } from './report.ts';

const row = (contender: string, violatingPct: number, replicaHours: number): TraceRow => ({
  scenario: 's',
  trace: 't',
  contender,
  k0: null,
  violatingPct,
  latePct: 0,
  excessLatePct: 0,
  droppedPct: 0,
  flagged: false,
  relativeReplicaHours: replicaHours / 100,
  relativeReadyHours: replicaHours / 100,
  transitPct: 0,
  replicaHours,
  changesPerDay: 0,
  startedPerDay: 0,
  longestViolationMinutes: 0,
});
const priced = [row('NimbusGuard K3', 4, 100), row('NimbusGuard K30', 0.5, 110)];
const peers = [row('oracle', 0, 90), row('HPA-70', 2, 110), row('KPA-70', 0.2, 100)];

test('a peer beside our prices: what we violate at its cost, what we cost at its violations', () => {
  const rows = equalRows([row('NimbusGuard policy', 1, 105), ...peers], priced);
  expect(rows.map(({ peer, oursPct }) => [peer, oursPct])).toEqual([
    ['HPA-70', 0.5],
    ['KPA-70', 4],
  ]);
  expect(rows[0]?.oursReplicaHours).toBeCloseTo(103.3, 1); // log-linear between the two prices
  expect(rows[1]?.oursReplicaHours).toBeNull();
  const [hpa, kpa] = equalTable(rows).split('\n').slice(-2);
  expect(hpa).toMatch(/HPA-70 .*2\.0* % .*110\.0 .*0\.500 % .*103\.3 \(0\.939 ×\)/);
  expect(kpa).toMatch(/KPA-70 .*0\.200 % .*100\.0 .*4\.0* % .*never so few/);
  expect(winsText(rows, 1000)).toMatch(/^- KPA-70 has 38 violating minutes fewer at equal cost/);
});

test('a peer that pays more than our highest price is not said to win at equal cost', () => {
  const rows = equalRows([row('HPA-50', 0.1, 150)], priced);
  expect(rows[0]).toMatchObject({ oursPct: 0.5, how: 'largest' });
  expect(winsText(rows, 1000)).toMatch(
    /^- HPA-50 has 4 violating minutes fewer for more replica-hours than our highest price, of 1000/,
  );
});

test('a peer that is cheaper than our lowest price is named, not read from the curve', () => {
  const rows = equalRows([row('HPA-80', 9, 80)], priced);
  expect(rows[0]).toMatchObject({ oursPct: null, how: 'undercut' });
  expect(equalTable(rows)).toMatch(/HPA-80 .*costs more at any price/);
  expect(winsText(rows, 1000)).toBe(
    '- HPA-80 costs less than NimbusGuard does at its lowest price.',
  );
});

test('a draw is nobody’s win', () => {
  const rows = equalRows([row('HPA-70', 4, 100)], priced);
  expect(rows[0]?.oursPct).toBe(4);
  expect(winsText(rows, 1000)).toMatch(/^No autoscaler has fewer/);
});
