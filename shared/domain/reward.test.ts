// What a decision is worth once its outcome is known. The figures are worked out by hand.
import { expect, test } from 'vitest';
import type { Matured } from '../events/index.ts';
import { score } from './reward.ts';
import { aMatured, aPolicy } from './testing.ts';

const spec = aPolicy(); // budgets of 0.3 % and 0.4 %: a late request weighs 0.75

test.each<[what: string, fields: Partial<Matured>, efficiency: number, stability: number]>([
  ['a pod more costs its start beside its time', {}, 10 / 5, 2 / 5],
  ['a pod less may have to be started again, half as likely', { from: 12 }, 10 / 5, 1 / 5],
  ['no change costs nothing beside its time', { from: 10 }, 10 / 5, 0],
])('prices of a pod: %s', (_what, fields, efficiency, stability) => {
  const scored = score(aMatured(fields), spec);
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
  expect(score(aMatured(fields), spec).sla).toBeCloseTo(sla, 2);
});

test('a slope that an older event does not tell is that of the prior', () => {
  const beyond = { demandPerSecond: 480 };
  const { kneeSlope, ...older } = aMatured(beyond);
  expect(score(older, spec)).toEqual(score(aMatured({ ...beyond, kneeSlope }), spec));
});

test.each<[what: string, lateRatio: number | null, sla: number]>([
  ['one in a hundred is within the SLO', 0.01, 0],
  ['more is a violating minute', 0.02, 13 * (1 + 0.75 * 0.02)],
  ['all of them late are worse', 1, 13 * (1 + 0.75)],
  ['nobody told', null, 0],
])('late requests that were seen: %s', (_what, lateRatio, sla) => {
  const scored = score(aMatured({ demandPerSecond: 200, lateRatio }), spec);
  expect(scored.sla).toBeCloseTo(sla, 6);
});

test('what was seen counts for what was done alone, not for what was not', () => {
  const whatIf = (lateRatio: number | null): number[] =>
    score(aMatured({ lateRatio }), spec).whatIf;
  expect(whatIf(1)).toEqual(whatIf(0));
  const { whatIf: all, reward } = score(aMatured(), spec);
  expect(all[9]).toBe(reward); // ten pods, as they were
  expect(all.indexOf(Math.max(...all))).toBe(9); // of nine a seventh of the blocks would violate
});

test.each<[what: string, fields: Partial<Matured>, then: string]>([
  ['the added pods carried it', {}, 'needed'],
  ['the added pods idled', { demandPerSecond: 150 }, 'spare'],
  ['the pods were too few', { demandPerSecond: 520 }, 'too-late'],
  ['requests were late all the same', { lateRatio: 0.2 }, 'too-late'],
  ['nothing changed', { from: 10, to: 10 }, 'steady'],
])('an outcome is told: %s', (_what, fields, then) => {
  expect(score(aMatured(fields), spec).outcome).toBe(then);
});

test('a reward is the negative sum of its parts, and overload is never cheap', () => {
  const scored = score(aMatured(), spec);
  expect(scored.reward).toBeCloseTo(-(scored.efficiency + scored.sla + scored.stability), 12);
  const overloaded = score(aMatured({ demandPerSecond: 1500 }), spec).whatIf;
  expect(overloaded[4]).toBeLessThan(overloaded[20]!); // of five pods and of 21
  const less = score(aMatured({ demandPerSecond: 600 }), spec).whatIf;
  expect(less[4]).toBeGreaterThan(overloaded[4]!);
});
