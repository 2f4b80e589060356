// Q-learning with one state: what a block of scores does to the 21 values, by hand.
import { expect, test } from 'vitest';
import type { Score } from '../events/index.ts';
import { createModel, learn, type Model, type Part } from './index.ts';
import { zeros } from './maths.ts';
import { MULTIPLIERS, chooseAction, epsilonOf, greedyAction, learnScores } from './q-learning.ts';
import { score } from './reward.ts';
import { aMatured, aPolicy, T0 } from './testing.ts';

const spec = aPolicy({ seasonSeconds: 600 }); // blocks of 100 s

const aScore = (sequence: number, second: number, fields: Partial<Score> = {}): Score => ({
  decisionId: `d${sequence}`,
  sequence,
  decidedAtMs: T0 + second * 1000,
  maturedAtMs: T0 + second * 1000 + 20_000,
  action: 10,
  reward: -1,
  efficiency: 1,
  sla: 0,
  stability: 0,
  whatIf: Array.from({ length: 21 }, (_, action) => -action),
  outcome: 'steady',
  ...fields,
});

function blank(off: Part[] = []): Model {
  const model = createModel({ off });
  model.q.values = zeros(21);
  return model;
}

/** Ten scores over the 100 s of block number `block`, and none of the next one but its first. */
const show = (model: Model, block: number, fields: Partial<Score> = {}): void => {
  for (let i = 0; i < 10; i++) {
    const n = 10 * block + i;
    learn(model, [aScore(n, 10 * n, fields)], spec);
  }
};

test('a block moves each value by a tenth to the mean reward and 0.95 of the best value', () => {
  const model = blank();
  show(model, 0);
  expect(model.q.values).toEqual(zeros(21)); // the block is not over
  learn(model, [aScore(10, 100)], spec);
  expect(model.q.updates).toBe(1);
  model.q.values.forEach((value, action) => expect(value).toBeCloseTo(-0.1 * action, 12));
});

test('the future counts: where every action earns −1 the values go towards −20', () => {
  const model = blank();
  const whatIf = { whatIf: new Array<number>(21).fill(-1) };
  for (let block = 0; block < 3; block++) show(model, block, whatIf);
  expect(model.q.updates).toBe(2);
  expect(model.q.values[3]).toBeCloseTo(-0.1 + 0.1 * (-1 - 0.95 * 0.1 + 0.1), 12);
  for (let block = 3; block < 2000; block++) show(model, block, whatIf);
  expect(model.q.values[3]).toBeCloseTo(-20, 1);
});

test('a block rests on eight scores at least', () => {
  const model = blank();
  for (let i = 0; i < 7; i++) learn(model, [aScore(i, 1000 * i)], spec);
  expect(model.q.updates).toBe(0);
  learn(model, [aScore(7, 7000)], spec);
  expect(model.q.updates).toBe(1);
});

test('of the scores that were learned the last 64 are remembered', () => {
  const model = blank();
  for (let i = 0; i < 200; i++) learn(model, [aScore(i, i)], spec);
  expect(model.q.learned).toEqual(Array.from({ length: 64 }, (_, i) => 136 + i));
});

test('without what-ifs only the action that was taken learns, from each score', () => {
  const model = blank(['what-if']);
  model.q.values = new Array<number>(21).fill(-10);
  model.q.values[8] = -4;
  learn(model, [aScore(1, 0, { action: 4, reward: -2 })], spec);
  expect(model.q.values[4]).toBeCloseTo(-10 + 0.1 * (-2 - 0.95 * 4 + 10), 12);
  expect(model.q.values.filter((value) => value === -10)).toHaveLength(19);
});

test('what was learned waits no longer to be learned', () => {
  const model = blank();
  const waiting = [1, 2].map((sequence) => ({ sequence }) as Model['matured'][number]);
  model.matured = [...waiting];
  learn(model, [aScore(1, 0)], spec);
  expect(model.matured).toEqual([waiting[1]]);
});

test('another action must be better by one part in a hundred, and the best of these is taken', () => {
  const model = blank();
  model.q.values = new Array<number>(21).fill(-100);
  model.q.values[3] = -99.01;
  expect(greedyAction(model)).toBe(10);
  model.q.values[3] = -98.9;
  expect(greedyAction(model)).toBe(3);
  model.q.values[17] = -98.8;
  expect(greedyAction(model)).toBe(17);
  expect(greedyAction({ ...model, off: ['q'] })).toBe(10);
});

test.each([
  [20, [18, 19, 20]],
  [1, [0, 1, 2, 3]],
])('beside the last actions there is none to try: greedy is %i', (greedy, tried) => {
  const model = blank();
  model.q.values[greedy] = 1;
  model.decisions = 0; // every decision explores
  const actions = Array.from({ length: 50 }, (_, i) => {
    return chooseAction(model, spec, 'safe', () => i / 50).action;
  });
  expect([...new Set(actions)].sort((a, b) => a - b)).toEqual(tried);
});

const daily = aPolicy({ seasonSeconds: 86_400 }); // blocks of four hours

test('Q-learning moves to a higher price where the planner thinks the workload better than it is', () => {
  const model = createModel();
  expect(greedyAction(model)).toBe(10);
  // Demand needs 11 pods; the neutral action asks for 10 and pays for it.
  const whatIfReplicas = Array.from({ length: 21 }, (_, i) => 5 + Math.floor(i / 2));
  const tight = { whatIfReplicas, meanReplicas: 10, demandPerSecond: 430 };
  for (let i = 1; i <= 3000; i++) {
    const decidedAtMs = i * 60_000;
    const scored = score(aMatured({ ...tight, sequence: i, decidedAtMs }), daily);
    learnScores(model, [scored], daily);
  }
  expect(model.q.updates).toBeGreaterThan(10);
  expect(greedyAction(model)).toBeGreaterThan(10);
});

test('Q-learning goes on after the clock was set back by days', () => {
  const model = createModel();
  const day = 86_400_000;
  const show = (first: number, startMs: number): void => {
    for (let i = 0; i < 300; i++) {
      const decidedAtMs = startMs + i * 60_000; // five hours: one block of four
      learnScores(model, [score(aMatured({ sequence: first + i, decidedAtMs }), daily)], daily);
    }
  };
  show(0, 9 * day);
  expect(model.q.updates).toBe(1);
  show(1000, 2 * day);
  expect(model.q.updates).toBe(2);
});

test('exploration starts at 1, falls by 0.995 a decision and ends at 0.01', () => {
  const model = createModel();
  const epsilons = [0, 1, 100, 10_000].map((decisions) => {
    model.decisions = decisions;
    return epsilonOf(model, spec);
  });
  expect(epsilons).toEqual([1, 0.995, expect.closeTo(0.995 ** 100, 12), 0.01]);
});

test('an action is tried as often as exploration says, near the best one where that is asked', () => {
  const model = createModel();
  model.decisions = 10_000;
  /** Random numbers of which the first says whether, the second which. */
  const draws = (first: number) =>
    Array.from({ length: 100 }, (_, i) => {
      const left = [first, i / 100];
      return () => left.shift() ?? 0;
    });
  const tried = (explore: 'none' | 'safe' | 'free', first: number): number[] => {
    const actions = draws(first).map((random) => chooseAction(model, spec, explore, random));
    expect(new Set(actions.map(({ greedy }) => greedy))).toEqual(new Set([10]));
    return [...new Set(actions.map(({ action }) => action))];
  };
  expect(tried('safe', 0.01)).toEqual([10]);
  expect(tried('none', 0)).toEqual([10]);
  expect(tried('safe', 0.009)).toEqual([8, 9, 10, 11, 12]);
  expect(tried('free', 0.009)).toEqual(MULTIPLIERS.map((_, action) => action));
});
