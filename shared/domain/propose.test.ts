// What is proposed: the control delay, the unit of cost, and the least dear number of pods.
import { expect, test } from 'vitest';
import type { PolicySpec } from '../events/index.ts';
import { createModel, decide, shippedPrior, type Model } from './index.ts';
import { noteDelay, observe } from './observe.ts';
import { bestPods, riskOf, totalOf, type Situation } from './plan.ts';
import { orderPods, planAll, type Plans } from './propose.ts';
import { tailOf } from './shape.ts';
import { aPolicy, BEAT, options, sampleAt, STARTUP } from './testing.ts';

/** A model that has seen ten minutes of 400 req/s on 12 pods, and what it plans next. */
function planned(
  given: { spec?: PolicySpec; ageMs?: number; change?: (model: Model) => void } = {},
): { model: Model; plans: Plans; spec: PolicySpec } {
  const { spec = aPolicy(), ageMs = 100, change } = given;
  const model = createModel({ prior: shippedPrior });
  const at = (beat: number) => {
    const { atMs, ...sample } = sampleAt(beat * BEAT, 400, 12, {
      startups: new Array<number>(beat === 1 ? 50 : 0).fill(STARTUP),
    });
    return { atMs, ...sample, measuredAtMs: atMs - ageMs };
  };
  for (let beat = 1; beat <= 120; beat++) decide(model, at(beat), spec, options());
  change?.(model);
  const seen = observe(model, at(121), spec);
  return { model, spec, plans: planAll(model, seen, { spec, options: options() }) };
}

test('the control delay is beat, chain and sync in nine of ten cases, and the usual start-up', () => {
  const { plans } = planned({
    change: ({ delay }) => {
      for (let i = 0; i < 50; i++) {
        noteDelay(delay.chain, i % 2); // mean 0.5, deviation 0.5
        noteDelay(delay.apply, 10);
      }
    },
  });
  expect(plans.delay.intervalSeconds).toBe(BEAT);
  expect(plans.delay.chainSeconds).toBeCloseTo(0.5 + 1.28 * 0.5, 1);
  expect(plans.delay.applySeconds).toBeCloseTo(10, 9);
  expect(plans.delay.startupSeconds).toBeCloseTo(STARTUP, 0);
  const { intervalSeconds, chainSeconds, applySeconds, startupSeconds } = plans.delay;
  const sum = intervalSeconds + chainSeconds + applySeconds + startupSeconds;
  expect(plans.outlook.horizonSeconds).toBeCloseTo(sum, 9);
});

test('nobody looks further ahead than a quarter of an hour', () => {
  const { plans } = planned({
    change: ({ workload }) => void (workload.startupMean = Math.log(3600)),
  });
  expect(plans.outlook.horizonSeconds).toBe(900);
});

test('the unit of cost is the usual fleet at the knee, the least that the policy allows, or half a pod', () => {
  const { plans } = planned();
  expect(plans.up.mean).toBeCloseTo(400 / (50 * plans.knee.used), 1);
  expect(planned({ spec: aPolicy({ minReplicas: 15 }) }).plans.up.mean).toBe(15);
  const idle = planned({ change: ({ plan }) => void (plan.need = 0) });
  expect(idle.plans.up.mean).toBe(1); // the policy asks for one
  const none = planned({
    spec: aPolicy({ minReplicas: 0 }),
    change: ({ plan }) => void (plan.need = 0),
  });
  expect(none.plans.up.mean).toBe(0.5);
});

test('a pod that is there must earn a quarter of what a new one must', () => {
  const { plans } = planned();
  expect([plans.up.podPrice, plans.keep.podPrice]).toEqual([2, 0.5]);
  expect(plans.keepPods).toBeGreaterThanOrEqual(plans.upPods);
});

test('once the fleet goes up it takes pods along that would not be worth a change of their own', () => {
  const { model, plans, spec } = planned();
  const order = orderPods(model, plans, spec);
  expect(order).toBeGreaterThanOrEqual(plans.upPods);
  const cheap = { ...plans.up, podPrice: 2 / (1 + 15 * 0.31) };
  expect(order).toBe(bestPods(cheap, spec.maxReplicas));
  const floor = aPolicy({ mode: 'floor' });
  expect(orderPods(model, plans, floor)).toBe(
    bestPods({ ...plans.up, podPrice: 2 / (1 + 15 * 0.2 * 0.31) }, spec.maxReplicas),
  );
});

test('what is certain now is carried at the knee', () => {
  const { plans } = planned();
  expect(plans.guardPods).toBe(Math.ceil(plans.guard.demand / (plans.capacity * plans.knee.used)));
  expect(plans.guardPods).toBeGreaterThan(5);
});

const large = (k: number): Situation => {
  const model = createModel();
  Object.assign(model.up, { mu: Math.log(40_000), sigma: 0.1 });
  const { series, up: forecaster } = model;
  return {
    series,
    forecaster,
    tail: tailOf([]),
    capacity: 50,
    knee: 0.8,
    mean: 1000,
    k,
    podPrice: 2,
  };
};

test.each([1, 13, 200])(
  'of a fleet of a thousand no other number is cheaper by a percent, price %d',
  (k) => {
    const plan = large(k);
    const best = bestPods(plan, 10_000);
    const cost = (pods: number): number => (2 * pods) / plan.mean + k * riskOf(plan, pods);
    for (let pods = 900; pods <= 3000; pods++) {
      if (riskOf(plan, pods) <= 0.3) expect(cost(best)).toBeLessThan(1.01 * cost(pods));
    }
    expect(bestPods(plan, 800)).toBe(800); // all there may be, though it is too few
    expect(totalOf(plan, best)).toBeCloseTo(best / 1000 + k * riskOf(plan, best), 12);
  },
);
