// What stands between a plan and a change. Each test lays its own plan before the shield.
import { expect, test } from 'vitest';
import { createModel, decide, parseModel, shippedPrior, type Model, type Sample } from './index.ts';
import { observe } from './observe.ts';
import { riskOf, totalOf } from './plan.ts';
import { churnPrice } from './price.ts';
import { planAll, type Plans } from './propose.ts';
import { currentOf, shield, type Shielded } from './shield.ts';
import { aPolicy, BEAT, options, randomOf, sampleAt, T0 } from './testing.ts';

const PODS = 16;
const SECONDS = 3600;

/** An hour of about 400 req/s on sixteen pods that nobody scales. */
const SETTLED = ((): string => {
  const model = createModel({ prior: shippedPrior });
  const random = randomOf(3);
  for (let second = BEAT; second <= SECONDS; second += BEAT) {
    const rate = 400 * (1 + 0.1 * (random() - 0.5));
    decide(model, sampleAt(second, rate, PODS), aPolicy({ minReplicas: PODS }), options());
  }
  return JSON.stringify(model);
})();

interface Asked {
  policy?: object;
  fields?: Partial<Sample>;
  /** Seconds since the last change. */
  rested?: number;
  change?: (model: Model) => void;
}

/** The next beats of a settled fleet: each plan in turn goes through the shield. */
function through(plans: readonly Partial<Plans>[], asked: Asked = {}) {
  const model = parseModel(SETTLED);
  const spec = aPolicy({ cooldownSeconds: 60, ...asked.policy });
  model.plan.upTimes = [];
  model.plan.upPods = [];
  model.plan.changedAtMs = T0 + (SECONDS + BEAT - (asked.rested ?? 1000)) * 1000;
  model.plan.regret = 1e9; // a change is paid for; the test of that begins at nothing
  asked.change?.(model);
  const all = plans.map((wanted, beat) => {
    const sample = sampleAt(SECONDS + (beat + 1) * BEAT, 400, PODS, asked.fields);
    const seen = observe(model, sample, spec);
    const made = {
      ...planAll(model, seen, { spec, options: options() }),
      guardPods: 0,
      keepPods: 0,
      ...wanted,
    };
    return { ...shield(model, made, spec, options()), plans: made };
  });
  const last = all.at(-1);
  if (last === undefined) throw new Error('a plan was asked for');
  return { ...last, all };
}

const names = ({ constraints }: Shielded): string[] => constraints.map(({ name }) => name);

test.each<[what: string, plan: Partial<Plans>, to: number]>([
  ['what a started pod would serve', { upPods: 9, keepPods: 7 }, 9],
  ['what a dropped pod would be missing for', { upPods: 7, keepPods: 9 }, 9],
  ['what is certain now', { upPods: 7, keepPods: 7, guardPods: 10 }, 10],
])('down goes no further than %s', (_what, plan, to) => {
  expect(through([plan])).toMatchObject({ from: PODS, to, kind: 'scale', reason: 'spare' });
});

test('down goes no further than the largest answer of the last two thirds of a block', () => {
  const low = { upPods: 6 };
  const change = (model: Model): void => {
    model.series.blockSeconds = 15;
    model.off.push('churn');
  };
  const fields = { intervalMs: 15_000 }; // for blocks of 15 s: two thirds are two looks
  const asked = { change, fields, policy: { cooldownSeconds: 0 } };
  const after = (...plans: Partial<Plans>[]): number => through(plans, asked).to;
  expect(after({ upPods: 11 }, low)).toBe(11);
  expect(after({ upPods: 11 }, low, low)).toBe(11);
  expect(after({ upPods: 11 }, low, low, low)).toBe(6);
  expect(after({ upPods: 11 }, { upPods: 8 }, low, low)).toBe(8); // the next largest is newer
});

test('up goes at once, whatever rests', () => {
  expect(through([{ upPods: 18 }], { rested: 0 }).to).toBeGreaterThanOrEqual(18);
  expect(through([{ upPods: 9, guardPods: 19 }], { rested: 0 })).toMatchObject({
    to: 19,
    reason: 'guardrail',
  });
});

const cooling = { rested: 30 };

test('before the cooldown ends as many pods stay as make overload dearer than the last of them', () => {
  const verdict = through([{ upPods: 1 }], cooling);
  const { keep } = verdict.plans;
  const accepted = 1 / (keep.k * keep.mean); // a pod's price over that of a violating minute
  expect(riskOf(keep, verdict.to)).toBeLessThanOrEqual(accepted);
  expect(riskOf(keep, verdict.to - 1)).toBeGreaterThan(accepted);
  expect(verdict.to).toBeGreaterThan(through([{ upPods: 1 }], { rested: 60 }).to);
});

const coverage = (share: number, outcomes: number) => (model: Model) => {
  model.keep.outcomes = outcomes;
  model.keep.covered[2] = share * outcomes; // forecasts that should be right in 90 of 100 cases
};

test.each<[what: string, change: (model: Model) => void, rested: number, moves: boolean]>([
  ['forecasts were right as often as they said', coverage(0.9, 500), 30, true],
  ['forecasts were wrong too often', coverage(0.8, 500), 30, false],
  ['there were too few of them', coverage(0.9, 59), 30, false],
  ['there were few and they were a little wrong', coverage(0.8, 60), 30, true],
  ['the cooldown is over', coverage(0.5, 500), 60, true],
])('whether pods go where %s', (_what, change, rested, moves) => {
  const verdict = through([{ upPods: 1 }], { change, rested });
  expect(verdict.to < PODS).toBe(moves);
  if (!moves) expect(verdict).toMatchObject({ to: PODS, kind: 'hold', reason: 'cooldown' });
});

test('spare pods go when they have cost what a change costs', () => {
  const plan = { upPods: 14, keepPods: 14 };
  const { keep } = through([plan]).plans;
  const perMinute = totalOf(keep, PODS) - totalOf(keep, 14);
  const price = churnPrice(parseModel(SETTLED), aPolicy()) / Math.sqrt(keep.mean);
  const beats = ((price / perMinute) * 60) / BEAT;
  expect(beats).toBeGreaterThan(3);
  const change = (model: Model): void => void (model.plan.regret = 0);
  const { all } = through(new Array<Partial<Plans>>(Math.ceil(2 * beats)).fill(plan), { change });
  const dropped = all.findIndex(({ to }) => to === 14) + 1;
  expect(dropped / beats).toBeGreaterThan(0.8);
  expect(dropped / beats).toBeLessThan(1.3);
  for (const held of all.slice(0, dropped - 1)) expect(names(held)).toEqual(['churn']);
  expect(names(all[dropped]!)).toEqual(['churn']); // the next change must be paid for anew
});

const young = {
  policy: { seasonSeconds: 600_000 },
  change: ({ workload }: Model): void => void Object.assign(workload, { demand: 0, busy: 0 }),
};

test.each<[what: string, cpuUtilization: number, to: number]>([
  ['what is there', 0.5, PODS],
  ['what the HPA would have', 0.8, 19], // 16 × 80 / 70 = 18.3
  ['that within the maximum', 0.95, 20],
])('just installed, a fleet of spare pods stays at %s', (_what, cpuUtilization, to) => {
  const verdict = through([{ upPods: 5 }], { ...young, fields: { cpuUtilization } });
  expect(verdict.to).toBe(to);
  expect(names(verdict)).toContain('warm-up');
});

test('a maximum that was lowered takes pods away at once, a minimum that was raised adds them', () => {
  expect(through([{ upPods: 20 }], { policy: { maxReplicas: 9 }, rested: 0 })).toMatchObject({
    to: 9,
    reason: 'bounds',
  });
  const stale = { policy: { maxReplicas: 9 }, fields: { measuredAtMs: T0 } };
  expect(through([{ upPods: 20 }], stale)).toMatchObject({ to: 9, reason: 'bounds' });
  const more = { policy: { minReplicas: 18 }, rested: 0 };
  expect(through([{ upPods: 8 }], more)).toMatchObject({ to: 18, reason: 'bounds' });
});

test('a floor goes on from what was asked for last, for ten minutes', () => {
  const model = parseModel(SETTLED);
  model.plan.last = 9;
  const replicas = { desired: 4, ready: 4, starting: 0, draining: 0 };
  const at = (ms: number, mode: string): number => {
    const sample = sampleAt(0, 400, 4, { atMs: model.lastAtMs + ms, replicas });
    return currentOf(model, sample, aPolicy({ mode }));
  };
  expect([at(600_000, 'floor'), at(600_001, 'floor'), at(5000, 'act')]).toEqual([9, 4, 4]);
  model.plan.last = -1;
  expect(at(5000, 'floor')).toBe(4);
});
