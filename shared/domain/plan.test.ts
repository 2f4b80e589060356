// Price to pods: the least dear number, and that at every price of the Q-table.
import { expect, test } from 'vitest';
import { createModel } from './index.ts';
import { bestPods, bestPodsFor, riskOf } from './plan.ts';
import { MULTIPLIERS } from './q-learning.ts';
import { tailOf } from './shape.ts';

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
