import { expect, test } from 'vitest';
import { judge, judgeOutdone } from './bars.ts';
import { PEERS, scenariosFor } from './plan.ts';
import type { SummaryRow } from './report.ts';

const row = (peer: string, fields: Partial<SummaryRow> = {}): SummaryRow => ({
  path: 'rough',
  mode: 'act',
  startupSeconds: 30,
  telemetry: '2s',
  churn: 'capped',
  peer,
  metric: 'violatingMinutes',
  equal: 'meanCost',
  peerPct: 1,
  peerRelativeReplicaHours: 1.4,
  oursPct: 0.1,
  ratio: 10,
  ci95: [8.1, 12],
  costAtEqualViolations: 0.9,
  withoutLargest: null,
  leaveOneOut: [],
  ratioOfReadyPods: 10,
  lost: [],
  notes: [],
  ...fields,
});

test('a bar of the table is passed when the low end of the interval is over 0.8 of it', () => {
  const judged = judge([row('HPA-70'), row('HPA-70', { ci95: [7.9, 12] }), row('PHPA-70')]);
  expect(judged.map(({ bar, passed }) => [bar, passed])).toEqual([
    [10, true],
    [10, false],
  ]);
});

test.each(['PHPA-70', 'PHPA-HW-70', 'Crane-60', 'Crane-p99-80'])(
  '%s must be outdone in violations and in cost at once',
  (peer) => {
    const verdict = (fields: Partial<SummaryRow>) => judgeOutdone([row(peer, fields)])[0]?.passed;
    expect(verdict({})).toBe(true);
    expect(verdict({ costAtEqualViolations: 1.01 })).toBe(false);
    expect(verdict({ costAtEqualViolations: null })).toBe(false);
    expect(verdict({ ci95: [0.9, 12] })).toBe(false);
    expect(judgeOutdone([row(peer, { metric: 'lateRequests' })])).toEqual([]);
  },
);

test('every forecasting peer that the bench runs is judged, and only those', () => {
  const judged = PEERS.filter((peer) => judgeOutdone([row(peer)]).length > 0);
  const families = ['PHPA', 'PHPA-HW', 'Crane', 'Crane-p99'];
  expect(judged).toEqual(families.flatMap((name) => [70, 60, 80].map((at) => `${name}-${at}`)));
});

test('each model of Predictive HPA and Crane is in the quick bench, and found by --only', () => {
  const options = { traces: [], seeds: 1, startups: [30], telemetry: ['2s'] as const };
  const names = (quick: boolean, onlyPeer: string | null): string[] =>
    scenariosFor({ ...options, quick, onlyPeer }).flatMap(({ contenders }) =>
      contenders.flatMap((one) => (one.kind === 'peer' ? [one.name] : [])),
    );
  expect(names(true, null)).toEqual(
    expect.arrayContaining(['PHPA-70', 'PHPA-HW-70', 'Crane-70', 'Crane-p99-70']),
  );
  expect(new Set(names(false, 'Crane-p99-60'))).toEqual(
    new Set(['oracle', 'HPA-70', 'KEDA-70', 'KPA-70', 'Crane-p99-60', 'HPA-85-w0']),
  );
});
