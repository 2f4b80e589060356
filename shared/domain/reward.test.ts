// What a decision is worth once its outcome is known. The figures are worked out by hand.
import { expect, test } from 'vitest';
import type { Matured } from '../events/index.ts';
import { score } from './reward.ts';
import { aPolicy } from './testing.ts';

const spec = aPolicy(); // budgets of 0.3 % and 0.4 %: a late request weighs 0.75

/** Ten pods of 50 req/s, two of them new, at a use of 0.7: 0.1 below the knee. */
const outcome = (fields: Partial<Matured> = {}): Matured => ({
  decisionId: 'd1',
  sequence: 1,
  decidedAtMs: 1000,
  maturedAtMs: 40_000,
  action: 10,
  from: 8,
  to: 10,
  demandPerSecond: 350,
  lateRatio: 0,
  capacityPerPod: 50,
  knee: 0.8,
  kneeSlope: 25,
  whatIfReplicas: Array.from({ length: 21 }, (_, i) => i + 1),
  meanReplicas: 5,
  k: 13,
  intervalSeconds: 15,
  ...fields,
});

test.each<[what: string, fields: Partial<Matured>, efficiency: number, stability: number]>([
  ['a pod more costs its start beside its time', {}, 10 / 5, 2 / 5],
  ['a pod less may have to be started again, half as likely', { from: 12 }, 10 / 5, 1 / 5],
  ['no change costs nothing beside its time', { from: 10 }, 10 / 5, 0],
])('prices of a pod: %s', (_what, fields, efficiency, stability) => {
  const scored = score(outcome(fields), spec);
  expect(scored.efficiency).toBeCloseTo(efficiency, 12);
  expect(scored.stability).toBeCloseTo(stability, 12);
});

test.each<[what: string, fields: Partial<Matured>, sla: number]>([
  ['at the knee half of the blocks violate', { demandPerSecond: 400 }, 13 / 2],
  ['far below it none', { demandPerSecond: 200 }, 0],
  [
    'far beyond it all do, and what is late beyond 1.4 % of the requests is paid for',
    { demandPerSecond: 480 },
    13 * (1 + 0.75 * (0.014 * Math.exp(25 * 0.16) - 0.014)),
  ],
  ['of twice what fits one fleet waits', { demandPerSecond: 1000 }, 13 * (1 + 0.75 * 1.986)],
  ['of four times two do', { demandPerSecond: 2000 }, 13 * (1 + 0.75 * 2.986)],
  ['and it grows no further', { demandPerSecond: 1e6 }, 13 * (1 + 0.75 * 2.986)],
])('price of overload: %s', (_what, fields, sla) => {
  expect(score(outcome(fields), spec).sla).toBeCloseTo(sla, 2);
});

test('a slope that an older event does not tell is that of the prior', () => {
  const beyond = { demandPerSecond: 480 };
  const { kneeSlope, ...older } = outcome(beyond);
  expect(score(older, spec)).toEqual(score(outcome({ ...beyond, kneeSlope }), spec));
});

test.each<[what: string, lateRatio: number | null, sla: number]>([
  ['one in a hundred is within the SLO', 0.01, 0],
  ['more is a violating minute', 0.02, 13 * (1 + 0.75 * 0.02)],
  ['all of them late are worse', 1, 13 * (1 + 0.75)],
  ['nobody told', null, 0],
])('late requests that were seen: %s', (_what, lateRatio, sla) => {
  const scored = score(outcome({ demandPerSecond: 200, lateRatio }), spec);
  expect(scored.sla).toBeCloseTo(sla, 6);
});

test('what was seen counts for what was done alone, not for what was not', () => {
  const whatIf = (lateRatio: number | null): number[] => score(outcome({ lateRatio }), spec).whatIf;
  expect(whatIf(1)).toEqual(whatIf(0));
  const { whatIf: all, reward } = score(outcome(), spec);
  expect(all[9]).toBe(reward); // ten pods, as they were
  expect(all.indexOf(Math.max(...all))).toBe(9); // of nine a seventh of the blocks would violate
});
