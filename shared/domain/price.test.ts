// The price of a violating minute: what burnt budgets make of it, and what stops it.
import { expect, test } from 'vitest';
import { createModel, decide, shippedPrior, type Model } from './index.ts';
import {
  adaptPrice,
  basePrice,
  budgetBurn,
  churnPrice,
  countOutcome,
  noteSpend,
  noteWorth,
} from './price.ts';
import { aPolicy, aSample, BEAT, options, randomOf, sampleAt, T0 } from './testing.ts';

const spec = aPolicy({ maxReplicas: 50 });

/** Twenty minutes of a load that nobody can forecast well, where Q-learning likes one action best. */
function unsteady(best: number): Model {
  const model = createModel({ prior: shippedPrior });
  model.q.values = model.q.values.map((_, action) => (action === best ? -1 : -2));
  const random = randomOf(5);
  for (let beat = 1; beat <= 240; beat++) {
    const rate = 400 * Math.exp(1.2 * (random() - 0.5));
    decide(model, sampleAt(beat * BEAT, rate, 14), spec, options());
  }
  return model;
}

test.each([6, 10, 14])(
  'doubling the price is asked of the price that Q-learning made of it, by action %i',
  (action) => {
    const [risk = 0, atDouble = 0] = unsteady(action).price.worth;
    expect(risk).toBeGreaterThan(0);
    expect(atDouble / risk).toBeLessThan(0.99); // exactly 1 where the double was less than the price
  },
);

const MINUTE = 60_000;

/** Counts minutes of 600 requests, of which these are late; from `startMs` on, one sample a minute. */
function minutes(model: Model, lates: readonly number[], policy = spec): void {
  lates.forEach((late, i) => {
    const atMs = T0 - (T0 % MINUTE) + i * MINUTE;
    const sample = aSample({ atMs, requests: 600, lateRatio: late / 600 });
    countOutcome(model, sample, 60, policy);
  });
}

const repeated = (late: number, times: number): number[] => new Array<number>(times).fill(late);

test.each([
  ['a day', 86_400],
  ['ten minutes', 600],
  ['a minute', 60],
])('with a season of %s the burnt budget is known after about an hour', (_what, seasonSeconds) => {
  const policy = aPolicy({ seasonSeconds });
  const model = createModel();
  minutes(model, repeated(0, 55), policy);
  expect(budgetBurn(model, policy)).toBeNull();
  minutes(model, repeated(0, 15), policy);
  expect(budgetBurn(model, policy)).toBe(0);
});

test('a minute violates when more than one request in a hundred is late, and counts when it is told', () => {
  const model = createModel();
  const week = aPolicy({
    seasonSeconds: 604_800,
    slo: { violatingMinutesPercent: 2, lateRequestsPercent: 100 },
  });
  minutes(model, [...repeated(6, 50), ...repeated(7, 50), 0], week); // the last is still open
  expect(budgetBurn(model, week)).toBeCloseTo(50 / 2, 0); // 50 of 100 minutes, 2 allowed
  const sample = aSample({ atMs: T0 + 200 * MINUTE, lateRatio: null, requests: 600 });
  const before = [...model.price.burn];
  for (let i = 0; i < 3; i++) {
    countOutcome(model, { ...sample, atMs: sample.atMs + i * MINUTE }, 60, week);
  }
  expect(model.price.burn[0]).toBeCloseTo((before[0] ?? 0) + 1, 1); // the open one alone
});

test('the burn is the larger of the two budgets, minutes and requests', () => {
  const week = (violatingMinutesPercent: number, lateRequestsPercent: number) =>
    aPolicy({ seasonSeconds: 604_800, slo: { violatingMinutesPercent, lateRequestsPercent } });
  const model = createModel();
  minutes(model, [...repeated(60, 10), ...repeated(0, 90), 0], week(1, 1));
  expect(budgetBurn(model, week(5, 10))).toBeCloseTo(2, 1); // 10 % of the minutes, 1 % of the requests
  expect(budgetBurn(model, week(50, 0.25))).toBeCloseTo(4, 1);
});

test('samples of one minute are summed before it is judged', () => {
  const model = createModel();
  const start = T0 - (T0 % MINUTE);
  const add = (second: number, requests: number, lateRatio: number): void => {
    countOutcome(model, aSample({ atMs: start + second * 1000, requests, lateRatio }), 20, spec);
  };
  add(0, 100, 0);
  add(20, 100, 0.05); // 5 of 1200: no violating minute, though one of 20 s would be
  add(40, 1000, 0);
  add(60, 100, 0);
  expect(model.price.burn).toEqual([1, 0, 1200, 5]);
});

/** λ after one quarter of a season in which so much of the budget was burnt. */
function adapted(burn: number, { atDouble = 0.5, ours = 10, hpa = 10, quarters = 1 } = {}): Model {
  const model = createModel();
  model.seasonSeconds = 86_400;
  model.price.burn = [10_000, burn * 30, 0, 0]; // of a budget of 0.3 %
  noteWorth(model, 1, atDouble);
  const replicas = { desired: 0, ready: ours - 2, starting: 1, draining: 1 };
  noteSpend(model, aSample({ replicas }), hpa, 60);
  const policy = aPolicy({ seasonSeconds: 86_400 });
  for (let quarter = 0; quarter <= quarters; quarter++) {
    adaptPrice(model, policy, T0 + quarter * 6 * 3_600_000);
  }
  return model;
}

test.each<[what: string, burn: number, given: Parameters<typeof adapted>[1], lambda: number]>([
  ['at 0.7 of the budget it stays', 0.7, {}, 0],
  ['twice the budget raises it where money is left', 2, { ours: 5 }, 0.25 * Math.log(2 / 0.7)],
  ['no further than a fleet of 1.1 HPAs', 2, {}, 0.25 * 7 * Math.log(1.1)],
  ['a dearer fleet lets it fall', 2, { ours: 12 }, 0.25 * 7 * Math.log(1.1 / 1.2)],
  ['nothing burnt counts as an eighth', 0, {}, 0.25 * Math.log(0.125 / 0.7)],
  ['it stops where the double buys nothing', 2, { ours: 5, atDouble: 0.95 }, 0],
  ['but falls there, too', 0, { ours: 5, atDouble: 0.95 }, 0.25 * Math.log(0.125 / 0.7)],
  ['it is eight times the price at most', 9, { ours: 5, quarters: 40 }, Math.log(8)],
  ['and an eighth at least', 0, { quarters: 40 }, -Math.log(8)],
])('λ follows the burnt budget: %s', (_what, burn, given, lambda) => {
  expect(adapted(burn, given).price.lambda).toBeCloseTo(lambda, 9);
});

test.each<[what: string, burn: number, given: Parameters<typeof adapted>[1], reachable: boolean]>([
  ['while money buys something', 2, { ours: 5 }, true],
  ['unless the double buys nothing', 2, { ours: 5, atDouble: 0.95 }, false],
  ['unless the fleet costs as much as it may', 2, { ours: 11 }, false],
  ['when it is kept, whatever is left', 1, { ours: 11, atDouble: 0.95 }, true],
])('an SLO is called reachable %s', (_what, burn, given, reachable) => {
  expect(adapted(burn, given).price.reachable).toBe(reachable);
});

test('λ moves once in a quarter of a season', () => {
  const model = adapted(0);
  const { lambda } = model.price;
  const hour = 3_600_000;
  adaptPrice(model, aPolicy({ seasonSeconds: 86_400 }), T0 + 11.9 * hour);
  expect(model.price.lambda).toBe(lambda);
  adaptPrice(model, aPolicy({ seasonSeconds: 86_400 }), T0 + 12 * hour);
  expect(model.price.lambda).toBeCloseTo(2 * lambda, 9);
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
