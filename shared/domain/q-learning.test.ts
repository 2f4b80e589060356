// Q-learning with one state: what a block of scores does to the 21 values, by hand.
import { expect, test } from 'vitest';
import type { Score } from '../events/index.ts';
import { createModel, learn, type Model, type Part } from './index.ts';
import { zeros } from './maths.ts';
import { chooseAction, greedyAction } from './q-learning.ts';
import { aPolicy, T0 } from './testing.ts';

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
