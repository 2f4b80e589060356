import { expect, test } from 'vitest';
import { PolicySpec, type Matured } from '../events/index.ts';
import { createModel } from './create.ts';
import { MULTIPLIERS, chooseAction, epsilonOf, greedyAction, learnScores } from './q-learning.ts';
import { bestPods, bestPodsFor, riskOf } from './plan.ts';
import { correct, dot, gainOf } from './regression.ts';
import { score } from './reward.ts';
import { blockSeconds } from './series.ts';
import { addToShape, quantile, survivalAt, tailOf } from './shape.ts';
import { basePrice, churnPrice } from './price.ts';
import { capacityOf } from './capacity.ts';
import { kneeOf } from './workload.ts';
import { zeros } from './maths.ts';

const spec = PolicySpec.parse({
  targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
});

test.each([
  [2, 30, 15],
  [5, 8, 5],
  [2, 90, 15],
  [15, 30, 15],
  [30, 30, 30],
  [1, 3, 2],
])('a beat of %i s and a start-up of %i s are judged in blocks of %i s', (beat, startup, block) => {
  expect(blockSeconds(beat, startup)).toBe(block);
});

test('the prior shape is a Student t with four degrees of freedom and variance one', () => {
  const tail = tailOf([]);
  expect(survivalAt(tail, 0)).toBeCloseTo(0.5, 2);
  expect(survivalAt(tail, 2.132 / Math.SQRT2)).toBeCloseTo(0.05, 2); // t(4) table
  expect(survivalAt(tail, 3.747 / Math.SQRT2)).toBeCloseTo(0.01, 3);
  for (const level of [0.9, 0.5, 0.1, 0.02, 0.005]) {
    expect(survivalAt(tail, quantile(tail, level))).toBeCloseTo(level, 6);
  }
});

test('the shape follows the errors it is shown', () => {
  const shape = zeros(64);
  for (let i = 0; i < 5000; i++) addToShape(shape, i % 20 === 0 ? 5 : 0, 1);
  expect(survivalAt(tailOf(shape), 4)).toBeCloseTo(0.05, 2);
});

test('recursive least squares finds the weights of a linear rule', () => {
  const covariance = [1, 0, 0, 1];
  const theta = [0, 0];
  for (let i = 0; i < 400; i++) {
    const inputs = [1, Math.sin(i)];
    const error = 0.3 - 0.7 * Math.sin(i) - dot(theta, inputs);
    correct(theta, gainOf(covariance, inputs, 1), error, 1);
  }
  expect(theta[0]).toBeCloseTo(0.3, 2);
  expect(theta[1]).toBeCloseTo(-0.7, 2);
});

const situation = (k: number, mu = Math.log(400), sigma = 0.1) => {
  const model = createModel();
  model.up.mu = mu;
  model.up.sigma = sigma;
  return {
    series: model.series,
    forecaster: model.up,
    tail: tailOf([]),
    capacity: 50,
    knee: 0.8,
    mean: 10,
    k,
    podPrice: 2,
  };
};

test.each([0.3, 1, 4, 13, 50, 500])('at price %d no other number of pods is cheaper', (k) => {
  const plan = situation(k);
  const best = bestPods(plan, 200);
  const total = (pods: number): number => (2 * pods) / plan.mean + k * riskOf(plan, pods);
  expect(riskOf(plan, best)).toBeLessThanOrEqual(0.3);
  for (let pods = 1; pods <= 60; pods++) {
    if (riskOf(plan, pods) <= 0.3) expect(total(best)).toBeLessThanOrEqual(total(pods) + 1e-9);
  }
});

test('the what-ifs of all 21 prices are the plans at those prices, and never fall', () => {
  const prices = MULTIPLIERS.map((multiplier) => 13 * multiplier);
  const planned = bestPodsFor(situation(13), prices, 200);
  expect(planned).toEqual(prices.map((k) => bestPods(situation(k), 200)));
  expect([...planned].sort((a, b) => a - b)).toEqual(planned);
});

test('a pod that is there is kept where it would not be started', () => {
  const start = situation(13);
  const keep = { ...start, podPrice: 0.4 };
  expect(bestPods(keep, 200)).toBeGreaterThan(bestPods(start, 200));
});

test('half the budget is twice the price', () => {
  const strict = { ...spec, slo: { ...spec.slo, violatingMinutesPercent: 0.15 } };
  const model = createModel();
  expect(basePrice(model, strict)).toBeCloseTo(2 * basePrice(model, spec), 9);
});

test('the price of a change follows the root of the price, and a floor pays a fifth of it', () => {
  const at13 = createModel({ fixed: { k0: 13 } });
  const at52 = createModel({ fixed: { k0: 52 } });
  const act = churnPrice(at13, { ...spec, mode: 'act' });
  expect(churnPrice(at52, { ...spec, mode: 'act' })).toBeCloseTo(2 * act);
  expect(churnPrice(at13, { ...spec, mode: 'floor' })).toBeCloseTo(act / 5);
});

test('before latency has spoken the planner fills pods to the CPU target and doubts its knee', () => {
  const knee = kneeOf(createModel(), spec);
  expect(knee.used).toBe(0.7);
  expect(knee.deviation).toBeGreaterThan(0.04);
  expect(kneeOf(createModel(), { ...spec, targetCPUUtilizationPercentage: 40 }).used).toBe(0.4);
});

test.each([
  [70, 0.77],
  [50, 0.55],
  [100, 0.95],
])(
  'with CPU alone and a target of %i %% pods are filled to %d, as the HPA tolerates',
  (target, fill) => {
    const model = createModel();
    model.demandUnit = 'pods';
    const policy = { ...spec, targetCPUUtilizationPercentage: target };
    expect(kneeOf(model, policy).used).toBeCloseTo(fill, 9);
  },
);

const outcome = (fields: Partial<Matured> = {}): Matured => ({
  decisionId: 'd1',
  sequence: 1,
  decidedAtMs: 1000,
  maturedAtMs: 40_000,
  action: 10,
  from: 8,
  to: 10,
  demandPerSecond: 380,
  lateRatio: 0,
  capacityPerPod: 50,
  knee: 0.8,
  kneeSlope: 25,
  whatIfReplicas: Array.from({ length: 21 }, (_, i) => 5 + Math.floor(i / 2)),
  meanReplicas: 10,
  k: 13,
  intervalSeconds: 15,
  ...fields,
});

test.each<[what: string, fields: Partial<Matured>, then: string]>([
  ['the added pods carried it', {}, 'needed'],
  ['the added pods idled', { demandPerSecond: 150 }, 'spare'],
  ['the pods were too few', { demandPerSecond: 520 }, 'too-late'],
  ['requests were late all the same', { lateRatio: 0.2 }, 'too-late'],
  ['nothing changed', { from: 10, to: 10 }, 'steady'],
])('an outcome is told: %s', (_what, fields, then) => {
  expect(score(outcome(fields), spec).outcome).toBe(then);
});

test('a reward is the negative sum of its parts, and overload is never cheap', () => {
  const scored = score(outcome(), spec);
  expect(scored.reward).toBeCloseTo(-(scored.efficiency + scored.sla + scored.stability), 12);
  const worst = score(outcome({ demandPerSecond: 1500 }), spec).whatIf;
  expect(worst[0]).toBeLessThan(worst[20]!);
  expect(score(outcome({ demandPerSecond: 600 }), spec).whatIf[0]).toBeGreaterThan(worst[0]!);
});

test('Q-learning moves to a higher price where the planner thinks the workload better than it is', () => {
  const model = createModel();
  expect(greedyAction(model)).toBe(10);
  // Demand needs 11 pods; the neutral action asks for 10 and pays for it.
  for (let i = 1; i <= 3000; i++) {
    const decidedAtMs = i * 60_000;
    const scored = score(outcome({ sequence: i, decidedAtMs, demandPerSecond: 430 }), spec);
    learnScores(model, [scored], spec);
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
      learnScores(model, [score(outcome({ sequence: first + i, decidedAtMs }), spec)], spec);
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

test('a model that is told what a pod can do uses that from the first sample on', () => {
  const told = createModel({ told: { capacity: 80, knee: 0.76, slope: 20 } });
  expect(capacityOf(told)).toBe(80);
  expect(kneeOf(told, spec)).toMatchObject({ value: 0.76, deviation: 0, slope: 20 });
  expect(kneeOf(told, spec).used).toBeGreaterThan(0.76);
  expect(kneeOf(createModel(), spec).used).toBe(0.7); // nobody told: unknown
});
