import { expect, test } from 'vitest';
import type { DecisionRecord } from '../view.ts';
import { comparison, unitOf } from './why.ts';

const option = (replicas: number, cost: number, risk: number, overloadProbability: number) => ({
  replicas,
  cost,
  risk,
  total: cost + risk,
  overloadProbability,
});

const OPTIONS = [
  option(0, 0, 3.9, 1),
  option(1, 1.3, 3.67, 0.94),
  option(2, 2.61, 1.56, 0.4),
  option(3, 3.91, 0.86, 0.22),
  option(4, 5.22, 0.42, 0.11),
  option(5, 6.52, 0.25, 0.06),
];

const decided = (from: number, to: number, names: string[] = []): DecisionRecord =>
  ({
    ...{ from, to, options: OPTIONS },
    constraints: names.map((name) => ({ name, from: 3, to, detail: 'x' })),
  }) as unknown as DecisionRecord;

test.each<[when: string, record: DecisionRecord, says: RegExp, never: RegExp]>([
  ['the least sum was chosen', decided(1, 3), /add 0.70 of risk.*is never planned for/, /cheapest/],
  ['running pods were kept', decided(12, 4), /3 pods would do if all had to be started/, /bit/],
  [
    'a rule held more',
    decided(5, 5, ['cooldown']),
    /sum is at 3; the rules below/,
    /another price/,
  ],
  ['it explored', decided(1, 4), /sum is at 3; another price was tried/, /bit/],
])('why this number, when %s', (_when, record, says, never) => {
  expect(comparison(record)).toMatch(says);
  expect(comparison(record)).not.toMatch(never);
});

test('the chance of overload stands beside the risk, and each number has its unit', () => {
  const said = comparison(decided(1, 3));
  expect(said).toContain('overload would be 40 % likely, not 22 %');
  expect(said).toContain('4 pods would cost 1.31 more and take away 0.44 of risk: 11 % likely');
  const unit = unitOf(decided(1, 3));
  expect(unit).toContain('1 is what the usual fleet costs (1.54 pods)');
  expect(unit).toMatch(/Overload, .*, is priced at 3.90\./);
});

test('a number between two that were weighed was set by no limit', () => {
  const few = OPTIONS.filter(({ replicas }) => replicas % 2 === 1);
  const record = { ...decided(4, 2), options: few };
  expect(comparison(record)).toBe('2 pods lie between two of the numbers that were weighed.');
  expect(comparison({ ...record, to: 9 })).toMatch(/set by a limit/);
});
