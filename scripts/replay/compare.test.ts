import { expect, test } from 'vitest';
import { cappedOnly, compare, drawsOf, makeWeights, markSheet, withMoney } from './compare.ts';
import { costAtValue, geoMeanRatio, ratioOf, readCurve } from './curve.ts';
import type { Sheet } from './sheet.ts';
import type { Day } from './tally.ts';

const points = [
  { cost: 1, value: 4 },
  { cost: 1.03, value: 1 },
  { cost: 1.2, value: 0.1 },
];

test.each<[where: string, cost: number, value: number | null, how: string]>([
  ['on a setting', 1, 4, 'between'],
  ['half-way, log-linear', 1.015, 2.00125, 'between'],
  ['between settings more than 4 % apart', 1.1, 1, 'cheaper'],
  ['beyond the dearest', 1.5, 0.1, 'largest'],
  ['below the cheapest', 0.9, null, 'undercut'],
])('a curve read %s', (_where, cost, value, how) => {
  const read = readCurve(points, cost);
  expect(read.how).toBe(how);
  if (value === null) expect(read.value).toBe(null);
  else expect(read.value).toBeCloseTo(value, 3);
});

test('cost at equal violations, and never where they are not reached', () => {
  expect(costAtValue(points, 4)).toBeCloseTo(1, 6);
  expect(costAtValue(points, 1)).toBeCloseTo(1.03, 6);
  expect(costAtValue(points, 0.05)).toBe(null);
});

test('no violations on either side is a draw, not a defeat', () => {
  expect(ratioOf(0, 0)).toBe(1);
  expect(ratioOf(4, 2)).toBe(2);
});

test('the geometric mean is smoothed by 0.05', () => {
  expect(geoMeanRatio([0.95, 0.05], [0.05, 0.05])).toBeCloseTo(Math.sqrt(10), 6);
});

const aDay = (violating: number, podSeconds: number, transitSeconds = 0): Day => ({
  minutes: 1000,
  violating,
  arrivals: 1000,
  late: violating / 10,
  excessLate: 0,
  dropped: 0,
  podSeconds,
  transitSeconds,
  changes: 0,
  launched: 0,
});

const sheet = (name: string, violating: number[], cost: number): Sheet => ({
  name,
  k0: null,
  seeds: 1,
  days: violating.map((count) => Array.from({ length: 8 }, () => aDay(count, cost * 1000))),
});

const oracle = sheet('oracle', [0, 0], 1);
const weights = makeWeights(oracle, 50);
const mark = (some: Sheet) => markSheet(some, oracle, weights);
const ours = [mark(sheet('K1', [20, 10], 1)), mark(sheet('K2', [2, 1], 1.03))];

test('at equal mean cost: our mean there, the peer’s over it, an interval around the ratio', () => {
  const draws = drawsOf(mark(sheet('peer', [30, 30], 1.03)), ours);
  const row = compare(draws, 'violatingMinutes', 'meanCost', ['a', 'b']);
  expect(row).toMatchObject({ peerPct: 3, peerRelativeReplicaHours: 1.03 });
  expect(row.oursPct).toBeCloseTo(0.15, 6);
  expect(row.ratio).toBeCloseTo(20, 6);
  expect(row.ci95[0]).toBeCloseTo(20, 6); // every day is alike: nothing to be unsure of
  expect(row.withoutLargest).toMatchObject({ trace: 'a', ratio: expect.closeTo(30, 6) as number });
});

test('seeds are the same days again: they make the interval no narrower', () => {
  const ofSeeds = (seeds: number, name: string, violating: number[], cost: number): Sheet => {
    const days = violating.map((minutes) => aDay(minutes, 1000 * cost));
    return { name, k0: null, seeds, days: [Array.from({ length: seeds }, () => days).flat()] };
  };
  const widthOf = (seeds: number): number => {
    const base = ofSeeds(seeds, 'oracle', Array<number>(8).fill(0), 1);
    const draws = makeWeights(base, 400);
    const marked = (some: Sheet) => markSheet(some, base, draws);
    const peer = marked(ofSeeds(seeds, 'peer', [80, 5, 40, 1, 60, 10, 20, 2], 1));
    const own = marked(ofSeeds(seeds, 'K1', [4, 6, 1, 5, 2, 8, 3, 7], 1));
    const { ci95 } = compare(drawsOf(peer, [own]), 'violatingMinutes', 'meanCost', ['a']);
    return ci95[1] - ci95[0];
  };
  expect(widthOf(5)).toBeCloseTo(widthOf(1), 9);
});

test('per trace: ratio of the sums, each trace at its own cost', () => {
  const peer: Sheet = {
    name: 'peer',
    k0: null,
    seeds: 1,
    days: [
      Array.from({ length: 8 }, () => aDay(30, 1030)),
      Array.from({ length: 8 }, () => aDay(30, 1000)),
    ],
  };
  const row = compare(drawsOf(mark(peer), ours), 'violatingMinutes', 'costPerTrace', ['a', 'b']);
  expect(row.ratio).toBeCloseTo(60 / 12, 6); // ours: 2 on a, 10 on b
  expect(row.lost).toEqual([]);
});

test('where the peer has less with its money is named, trace by trace', () => {
  const draws = drawsOf(mark(sheet('peer', [30, 0], 1.2)), ours);
  const row = compare(draws, 'violatingMinutes', 'costPerTrace', ['a', 'b']);
  expect(row.ratio).toBeGreaterThan(1);
  expect(row.lost).toEqual([{ trace: 'b', peerPct: 0, oursPct: 0.1, how: 'largest' }]);
});

test('a peer that undercuts our cheapest counts as equal, and is named', () => {
  const draws = drawsOf(mark(sheet('peer', [30, 30], 0.9)), ours);
  const row = compare(draws, 'violatingMinutes', 'costPerTrace', ['a', 'b']);
  expect(row.ratio).toBe(1);
  expect(row.notes[0]).toMatch(/^a: the peer undercuts our cheapest/);
});

test('without each trace in turn, and with another amount of money', () => {
  const draws = drawsOf(mark(sheet('peer', [30, 60], 1)), ours);
  const row = compare(draws, 'violatingMinutes', 'meanCost', ['a', 'b']);
  expect(row.ratio).toBeCloseTo(3, 6);
  expect(row.leaveOneOut).toEqual([
    { trace: 'a', ratio: expect.closeTo(6, 6) as number },
    { trace: 'b', ratio: expect.closeTo(1.5, 6) as number },
  ]);
  const dearer = compare(withMoney(draws, 1.03), 'violatingMinutes', 'meanCost', ['a', 'b']);
  expect(dearer.ratio).toBeCloseTo(30, 6);
});

test('what we cost at the peer’s violations, over what it costs', () => {
  const row = (violating: number, cost: number) =>
    compare(
      drawsOf(mark(sheet('peer', [violating, violating], cost)), ours),
      'violatingMinutes',
      'meanCost',
      ['a', 'b'],
    );
  expect(row(15, 1.25).costAtEqualViolations).toBeCloseTo(1 / 1.25, 6); // as many as K1 has, for 1
  expect(row(0, 1.25).costAtEqualViolations).toBeNull();
  expect(row(30, 0.9)).toMatchObject({ ratio: 1, oursPct: null });
  expect(row(30, 0.9).notes).toEqual([expect.stringMatching(/^mean: the peer undercuts/)]);
});

test('the trace that is left out is the one on which the peer is worst', () => {
  const draws = drawsOf(mark(sheet('peer', [5, 60], 1)), ours);
  const row = compare(draws, 'violatingMinutes', 'meanCost', ['calm', 'wild']);
  expect(row.withoutLargest?.trace).toBe('wild');
});

test('capped settings change at most 3 × as often as HPA-70 in the mean, and KPA-70 anywhere', () => {
  const changing = (name: string, changes: number[]): Sheet => ({
    ...sheet(name, [0, 0], 1),
    days: changes.map((count) => [{ ...aDay(0, 1000), minutes: 1440, changes: count }]),
  });
  const names = cappedOnly(
    [
      { sheet: changing('calm', [10, 10]) },
      { sheet: changing('just so', [50, 10]) },
      { sheet: changing('over KPA on one', [51, 5]) },
      { sheet: changing('over HPA in the mean', [40, 21]) },
    ],
    changing('HPA-70', [12, 8]),
    changing('KPA-70', [50, 100]),
  ).map((one) => one.sheet.name);
  expect(names).toEqual(['calm', 'just so']);
});

test('pods that start or drain can be left out of the cost', () => {
  const busy: Sheet = {
    name: 'K3',
    k0: null,
    seeds: 1,
    days: [0, 1].map(() => Array.from({ length: 8 }, () => aDay(1, 1100, 100))),
  };
  const draws = drawsOf(mark(sheet('peer', [30, 30], 1)), [...ours, mark(busy)]);
  const row = compare(draws, 'violatingMinutes', 'meanCost', ['a', 'b']);
  expect(row.ratio).toBeCloseTo(2, 6); // K1, as the third is too dear
  expect(row.ratioOfReadyPods).toBeCloseTo(30, 6);
});
