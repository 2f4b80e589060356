import { expect, test } from 'vitest';
import type { SummaryRow } from './report.ts';
import { winsText } from './wins.ts';

const row = (peer: string, fields: Partial<SummaryRow> = {}): SummaryRow => ({
  path: 'rough',
  mode: 'act',
  startupSeconds: 30,
  telemetry: '2s',
  churn: 'free',
  peer,
  metric: 'violatingMinutes',
  equal: 'costPerTrace',
  peerPct: 1,
  peerRelativeReplicaHours: 1.4,
  oursPct: 2,
  ratio: 0.5,
  ci95: [0.4, 0.6],
  costAtEqualViolations: 1.1,
  withoutLargest: null,
  leaveOneOut: [],
  ratioOfReadyPods: 0.6,
  lost: [{ trace: 'web', peerPct: 1, oursPct: 2, how: 'between' }],
  notes: [],
  ...fields,
});

test('a peer that wins is named with the traces, the figures and the reason', () => {
  expect(winsText([row('HPA-70')])).toBe(
    '- HPA-70, violating minutes, cost per trace (rough, 30 s, 2s, free): ÷ 0.50. ' +
      'web: 1.000 % against 2.000 %, at equal cost. ' +
      "Why: it keeps the same share of its pods free at any time, NimbusGuard what the forecast's error asks for.",
  );
});

test.each<[peer: string, fields: Partial<SummaryRow>, reason: RegExp]>([
  ['KPA-70', { ratioOfReadyPods: 1.2 }, /Why: it starts and drains less; were that free/],
  ['static-70', {}, /Why: it keeps pods for peaks that were/],
  [
    'HPA-60',
    { lost: [{ trace: 'web', peerPct: 1, oursPct: 2, how: 'largest' }] },
    /, for more than our dearest setting costs\. Why: it costs more there/,
  ],
])('why %s wins with %j', (peer, fields, reason) => {
  expect(winsText([row(peer, fields)])).toMatch(reason);
});

test('peers cheaper than all of ours are one line, rows that are won none', () => {
  const cheap = { oursPct: null, ratio: 1, lost: [] };
  const won = row('KEDA-70', { ratio: 3, oursPct: 0.1, lost: [] });
  expect(winsText([row('KPA-80', cheap), row('textbook-Q', cheap), won])).toBe(
    '- Cost less than our cheapest setting, so there is nothing to compare (rough, 30 s, 2s, free): KPA-80, textbook-Q.',
  );
  expect(winsText([won])).toMatch(/^No peer has fewer/);
});
