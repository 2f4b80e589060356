import { expect, test } from 'vitest';
import { Decision, Inputs, PolicySpec, type ObservedState } from '../events/index.ts';
import { aState } from '../testing/builders.ts';
import { measure } from './measure.ts';
import { createModel, decide, learn, parseModel, PARTS, score, shippedPrior } from './index.ts';
import { startupSeconds } from './workload.ts';
import type { DecideOptions, Model, Part, Sample, Verdict } from './index.ts';
import {
  aPolicy,
  BEAT,
  fuzzTelemetry,
  KNEE,
  options,
  POD,
  randomOf,
  sampleAt,
  STARTUP,
  T0,
} from './testing.ts';

interface Run {
  verdicts: Verdict[];
  violatingSeconds: number;
  podSeconds: number;
  model: Model;
}

/** A service of 1 s ticks: pods of 50 req/s that take 8 s to start, observed every 5 s. */
function live(
  rateAt: (second: number) => number,
  seconds: number,
  setting: {
    record?: boolean;
    restartAt?: number;
    policy?: PolicySpec;
    off?: Part[];
    churnPrice?: number;
    /** Requests/s that a pod carries at second t; POD unless given. */
    podAt?: (second: number) => number;
    /** Seconds in which a pod is three times slower and burns its CPU. */
    warmUp?: number;
  } = {},
): Run {
  const spec = setting.policy ?? aPolicy();
  const random = randomOf(7);
  const { off = [], churnPrice } = setting;
  let model = createModel({
    prior: shippedPrior,
    off,
    ...(churnPrice === undefined ? {} : { fixed: { churn: churnPrice } }),
  });
  const warmUp = setting.warmUp ?? 0;
  let warming: number[] = [];
  let ready = 2;
  let starting: number[] = [];
  let desired = ready;
  let startups = [STARTUP, STARTUP]; // of the two pods that are there
  let seen = { arrivals: 0, late: 0 };
  const run: Run = { verdicts: [], violatingSeconds: 0, podSeconds: 0, model };
  for (let t = 0; t < seconds; t++) {
    const due = starting.filter((at) => at <= t).length;
    warming = [...warming.filter((at) => at > t), ...new Array<number>(due).fill(t + warmUp)];
    ready += due;
    startups.push(...Array.from({ length: due }, () => STARTUP));
    starting = starting.filter((at) => at > t);
    const rate = rateAt(t) * (1 + 0.06 * (random() - 0.5));
    const carrying = ready - (warming.length * 2) / 3;
    const use = rate / (carrying * (setting.podAt?.(t) ?? POD));
    const late = rate * Math.min(1, 0.01 * Math.exp(25 * (use - KNEE)));
    if (late > 0.01 * rate) run.violatingSeconds++;
    run.podSeconds += ready + starting.length;
    seen = { arrivals: seen.arrivals + rate, late: seen.late + late };
    if ((t + 1) % BEAT !== 0) continue;
    const sample = sampleAt(t + 1, seen.arrivals / BEAT, ready, {
      requests: seen.arrivals,
      lateRatio: seen.late / seen.arrivals,
      cpuUtilization: (Math.min(1, use) * (ready - warming.length) + warming.length) / ready,
      replicas: { desired, ready, starting: starting.length, draining: 0 },
      startups,
    });
    if (t + 1 === setting.restartAt) model = parseModel(JSON.stringify(model));
    const record = setting.record ?? false;
    const verdict = decide(model, sample, spec, { random, record, explore: 'safe' });
    learn(
      model,
      verdict.matured.map((matured) => score(matured, spec)),
      spec,
    );
    run.verdicts.push(verdict);
    startups = [];
    seen = { arrivals: 0, late: 0 };
    for (let i = desired; i < verdict.to; i++) starting.push(t + 1 + STARTUP);
    for (let i = verdict.to; i < desired; i++) if (starting.pop() === undefined) ready--;
    desired = verdict.to;
  }
  return { ...run, model };
}

const spike = (t: number): number =>
  t < 60 ? 40 : t < 80 ? 40 + 28 * (t - 60) : t < 240 ? 600 : 40;

test('a spike from 40 to 600 req/s within 20 s is carried within start-up + 2 beats, from a cold start', () => {
  for (const shift of [0, 1, 2, 3, 4]) {
    const run = live((t) => spike(t - shift), 360);
    expect(run.violatingSeconds).toBeLessThanOrEqual(STARTUP + 2 * BEAT);
    expect(run.verdicts.at(-1)?.to).toBeLessThanOrEqual(10);
  }
});

test('a steady load is carried near the knee once it is known, without changes', () => {
  const run = live(() => 400, 3600);
  const last = run.verdicts.slice(-200).map((verdict) => verdict.to);
  expect(Math.max(...last)).toBeLessThanOrEqual(13); // 9.8 pods are needed at the knee
  expect(Math.min(...last)).toBeGreaterThanOrEqual(10);
  expect(new Set(last).size).toBeLessThanOrEqual(3);
  expect(run.violatingSeconds).toBeLessThanOrEqual(20);
});

test.each([
  ['halves', 25, 16],
  ['cuts to a fifth', 10, 46],
  ['doubles', 100, 4],
])('a release that %s what a pod carries is noticed within three minutes', (_how, pod, most) => {
  const policy = aPolicy({ maxReplicas: 50 });
  const podAt = (t: number): number => (t < 1200 ? POD : pod);
  const load = (seconds: number) => live(() => 250, seconds, { policy, podAt });
  const [before, after] = [load(1200 + 180), load(2400)];
  expect(after.violatingSeconds - before.violatingSeconds).toBeLessThanOrEqual(5);
  expect(after.verdicts.at(-1)?.to).toBeLessThanOrEqual(most);
});

test('a price on changes makes fewer of them, in larger steps up, and lets no more requests be late', () => {
  const random = randomOf(3);
  let level = 0;
  const demand = Array.from({ length: 3600 }, () => {
    level = 0.99 * level + 0.04 * (random() - 0.5);
    return 300 * Math.exp(level);
  });
  const runs = [{ churnPrice: 0 }, {}].map((setting) =>
    live((t) => demand[t] ?? 0, demand.length, setting),
  );
  const [free, priced] = runs.map(({ verdicts, violatingSeconds }) => {
    const steps = verdicts.map(({ from, to }) => to - from).filter((step) => step !== 0);
    const up = steps.filter((step) => step > 0);
    return {
      changes: steps.length,
      stepUp: up.reduce((sum, step) => sum + step, 0) / up.length,
      violatingSeconds,
    };
  });
  if (free === undefined || priced === undefined) throw new Error('two runs were asked for');
  expect(priced.changes).toBeLessThan(0.7 * free.changes);
  expect(priced.stepUp).toBeGreaterThan(1.2 * free.stepUp);
  expect(priced.violatingSeconds).toBeLessThanOrEqual(free.violatingSeconds);
});

test('pods that burn their CPU while they warm up ask for no more of them', () => {
  const bursts = (t: number): number => 150 + (t % 97 < 25 ? 250 : 0) + 60 * Math.sin(t / 7);
  const policy = aPolicy({ maxReplicas: 50 });
  const [plain, burning] = [0, 30].map((warmUp) => live(bursts, 5400, { policy, warmUp }));
  expect(burning!.podSeconds).toBeLessThan(1.25 * plain!.podSeconds);
});

test.each([
  ['busier than the requests explain, nothing is taken away', 0.76, 8, 8],
  ['as busy as expected, spare pods go', 0.375, 3, 7],
])('after a rollout, with a CPU %s', (_what, cpuUtilization, least, most) => {
  const { model } = live(() => 150, 900);
  const pods = 8;
  const startups = new Array<number>(pods).fill(STARTUP);
  const replicas = { desired: pods, ready: pods, starting: 0, draining: 0 };
  const last = Array.from({ length: 12 }, (_, beat) => {
    const told = { cpuUtilization, replicas, startups: beat === 0 ? startups : [] };
    const sample = sampleAt(900 + (beat + 1) * BEAT, 150, pods, { ...told, lateRatio: 0 });
    return decide(model, sample, aPolicy(), options()).to;
  });
  expect(Math.min(...last)).toBeGreaterThanOrEqual(least);
  expect(Math.min(...last)).toBeLessThanOrEqual(most);
});

test.each([
  ['beside those that serve are not missing', { ready: 12, starting: 3 }, 0],
  ['in the place of those that serve are', { ready: 9, starting: 6 }, 3],
])('pods that a rollout starts %s', (_what, pods, missing) => {
  const next = (counts: { ready: number; starting: number }): Verdict => {
    const { model, spec, atMs } = settled();
    const replicas = { desired: 12, draining: 0, ...counts };
    const sample = sampleAt(3600 + BEAT, 440, 12, { atMs: atMs + BEAT * 1000, replicas });
    return decide(model, sample, spec, options());
  };
  const usual = next({ ready: 12, starting: 0 });
  const rollout = next(pods);
  expect(usual.to).toBeGreaterThanOrEqual(12);
  expect(rollout.to - usual.to).toBe(missing);
  expect(rollout.constraints.some(({ name }) => name === 'not-ready')).toBe(missing > 0);
});

test.each(['act', 'floor'] as const)(
  'in mode %s pods that somebody else started are missed once they are late',
  (mode) => {
    const { model, atMs } = settled();
    const spec = aPolicy({ mode });
    const verdicts = Array.from({ length: 6 }, (_, beat) => {
      const replicas = { desired: beat === 0 ? 12 : 16, ready: 12, draining: 0 };
      const starting = replicas.desired - replicas.ready;
      const told = { atMs: atMs + (beat + 1) * BEAT * 1000, replicas: { ...replicas, starting } };
      return decide(model, sampleAt(0, 440, 12, told), spec, options());
    });
    const missed = verdicts.map(({ constraints }) => {
      const found = constraints.find(({ name }) => name === 'not-ready');
      return found === undefined ? 0 : found.to - found.from;
    });
    expect(missed).toEqual([0, 0, 0, 0, 0, 3]); // after two start-up times; a quarter of those that serve
  },
);

test.each([5, 500, 2000])(
  'a first guess of 50 requests/s is mended where a pod carries %d',
  (pod) => {
    const policy = aPolicy({ maxReplicas: 50 });
    const load = (seconds: number) => live(() => 4 * pod, seconds, { policy, podAt: () => pod });
    const [before, after] = [load(120), load(1200)];
    expect(after.violatingSeconds - before.violatingSeconds).toBeLessThanOrEqual(5);
    expect(after.verdicts.at(-1)?.to).toBeLessThanOrEqual(8);
  },
);

test('a season is learned: scale-ups of later days stand before the demand', () => {
  const day = (t: number): number =>
    60 + 540 * Math.max(0, Math.sin((Math.PI * (t % 600)) / 600)) ** 2;
  const policy = aPolicy({ slo: { violatingMinutesPercent: 1 } });
  const run = live(day, 3000, { policy });
  const ups = run.verdicts
    .map((verdict, i) => ({ verdict, t: (i + 1) * BEAT }))
    .filter(({ verdict, t }) => t > 1200 && verdict.to > verdict.from);
  const before = ups.filter(({ verdict, t }) => day(t) < verdict.to * POD * KNEE);
  expect(ups.length).toBeGreaterThan(10);
  expect(before.length / ups.length).toBeGreaterThan(0.9);
  const late = live(day, 3000, { policy }).violatingSeconds;
  expect(late).toBeLessThanOrEqual(60);
});

test('half of the pods are asked for 0 to 2 start-ups before they are needed, not so without forecast', () => {
  const day = (t: number): number => 40 + 260 * Math.sin((Math.PI * (t % 600)) / 600) ** 2;
  const policy = aPolicy({ slo: { violatingMinutesPercent: 1, lateRequestsPercent: 1 } });
  const inTime = (off: Part[]): number => {
    const added = live(day, 3000, { policy, off }).verdicts.flatMap(({ from, to }, i) =>
      Array.from({ length: Math.max(0, to - from) }, (_, n) => ({
        t: (i + 1) * BEAT,
        pod: from + n + 1,
      })),
    );
    const later = added.filter(({ t }) => t > 600); // the first day teaches
    const needed = (pod: number, t: number): boolean => day(t) > (pod - 1) * POD * 0.7;
    return (
      later.filter(({ t, pod }) => !needed(pod, t) && needed(pod, t + 2 * STARTUP)).length /
      later.length
    );
  };
  expect(inTime([])).toBeGreaterThanOrEqual(0.5);
  expect(inTime(['forecast'])).toBeLessThan(0.5);
});

/** Three noisy days of ten minutes, the last one with a jump at its quietest, and what came of them. */
const noisyDays = (off: Part[]): string => {
  const random = randomOf(3);
  const day = (t: number): number =>
    t > 1790 ? 900 : (60 + 540 * Math.sin((Math.PI * t) / 600) ** 2) * (1 + 0.3 * (random() - 0.5));
  const { verdicts, model } = live(day, 1830, { off });
  return JSON.stringify([verdicts.map(({ to, action }) => [to, action]), model.q]);
};
const WHOLE = noisyDays([]);

test.each(PARTS)('without its part "%s" the core is another', (part) => {
  expect(noisyDays([part])).not.toBe(WHOLE);
});

test('decisions are the same with the record and without, and across a restart from JSON', () => {
  const plain = live(spike, 300).verdicts.map(({ to, reason }) => `${to} ${reason}`);
  const recorded = live(spike, 300, { record: true }).verdicts;
  const restarted = live(spike, 300, { restartAt: 75 }).verdicts;
  expect(recorded.map(({ to, reason }) => `${to} ${reason}`)).toEqual(plain);
  expect(restarted.map(({ to, reason }) => `${to} ${reason}`)).toEqual(plain);
});

test('the record fits the vocabulary, and the document stays below 32 KiB', () => {
  const run = live(spike, 1200, { record: true });
  for (const verdict of run.verdicts) {
    const { record } = verdict;
    const parts = Decision.pick({
      inputs: true,
      forecast: true,
      price: true,
      learning: true,
      options: true,
      counterfactual: true,
      sentence: true,
      matured: true,
      constraints: true,
    }).parse({ ...record, matured: verdict.matured, constraints: verdict.constraints });
    expect(parts.sentence.length).toBeGreaterThan(10);
  }
  expect(JSON.stringify(run.model).length).toBeLessThan(32 * 1024);
  const last = run.verdicts.at(-1)?.record;
  expect(Inputs.parse(last?.inputs).replicas.ready).toBeGreaterThan(0);
  expect(last?.counterfactual.hpa).not.toBeNull();
  expect(last?.counterfactual.kpa).not.toBeNull();
});

test('the document stays below 32 KiB where pods start for a quarter of an hour and somebody scales them', () => {
  const model = createModel({ prior: shippedPrior });
  const spec = aPolicy({ maxReplicas: 1000, seasonSeconds: 86_400 });
  const startups = [850, 900, 950];
  let largest = 0;
  for (let second = 1; second <= 12_000; second++) {
    const ready = 60 + (second % 2);
    const replicas = { desired: ready, ready, starting: 0, draining: 0 };
    const rate = 2000 + 900 * Math.sin(second / 97) + Math.sin(7 * second);
    const fields = { replicas, startups: second < 9 ? startups : [], intervalMs: 1000 };
    decide(model, sampleAt(second, rate, ready, fields), spec, {
      ...options(second),
      record: second % 4 === 0,
      id: `0190a3c2-7c1e-7f33-b3b6-2f6c0f6b7a1e.${second}.decider`,
      sequence: 1e9 + second,
    });
    if (second % 50 === 0) largest = Math.max(largest, JSON.stringify(model).length);
  }
  expect(model.workload.startups).toBeGreaterThan(20);
  expect(largest).toBeLessThan(32 * 1024 - 1700); // a season's other parts take as much
});

/** A model that has seen an hour of 400 req/s and has pods to spare. */
const SETTLED = JSON.stringify(live(() => 400, 3600).model);
const settled = (): { model: Model; spec: PolicySpec; atMs: number } => ({
  model: parseModel(SETTLED),
  spec: aPolicy(),
  atMs: T0 + 3600 * 1000,
});

/** Lets demand fall to 100 req/s for a minute, with `fields` laid over each sample. */
function fallTo(fields: (atMs: number) => Partial<Sample>, more: Partial<DecideOptions> = {}) {
  const { model, spec, atMs } = settled();
  const verdicts: Verdict[] = [];
  for (let beat = 1; beat <= 24; beat++) {
    const now = atMs + beat * BEAT * 1000;
    const sample = { ...sampleAt(0, 100, 12), atMs: now, measuredAtMs: now - 100, ...fields(now) };
    verdicts.push(decide(model, sample, spec, { ...options(), ...more }));
  }
  return verdicts;
}

test('nights without demand leave the spread as it was', () => {
  const hour = (t: number): number => (t / 3600) % 24;
  const office = (t: number): number =>
    hour(t) < 8 || hour(t) > 20 ? 0 : 400 * Math.sin((Math.PI * (hour(t) - 8)) / 12) ** 0.7;
  const policy = aPolicy({ maxReplicas: 50, cooldownSeconds: 300, seasonSeconds: 86_400 });
  const { verdicts, model } = live(office, 3 * 86_400, { policy });
  expect(verdicts.every(({ to }) => Number.isInteger(to))).toBe(true);
  expect(Math.max(...verdicts.map(({ to }) => to))).toBeLessThanOrEqual(16);
  expect(Math.max(...model.up.scale.map(Math.abs))).toBeLessThanOrEqual(1);
});

test('pods that never become ready are made up for by a few, not by more and more', () => {
  const { model, atMs } = settled();
  const spec = aPolicy({ maxReplicas: 50 });
  let desired = 12;
  for (let beat = 1; beat <= 240; beat++) {
    const replicas = { desired, ready: 12, starting: desired - 12, draining: 0 };
    const sample = sampleAt(3600 + beat * BEAT, 600, 12, { atMs: atMs + beat * 5000, replicas });
    desired = decide(model, sample, spec, options()).to;
  }
  expect(desired).toBeGreaterThan(15);
  expect(desired).toBeLessThanOrEqual(22);
});

test('a clock that is set back stops nothing', () => {
  const { model, spec } = settled();
  const first = 1800; // half an hour before what was seen last
  let fleet = 12;
  for (let beat = 1; beat <= 30; beat++) {
    fleet = decide(model, sampleAt(first + beat * BEAT, 700, fleet), spec, options()).to;
  }
  expect(fleet).toBeGreaterThan(15);
});

test('a mean over a gap is no reason to take pods away', () => {
  const { model, spec, atMs } = settled();
  const after = (seconds: number, requests: number): ObservedState => {
    const measuredAtMs = atMs + seconds * 1000;
    const counters = [{ pod: 'a', startedAtMs: T0, requests, inFlight: null, late: 0, failed: 0 }];
    const replicas = { desired: 12, ready: 12, starting: 0, draining: 0 };
    const readings = { ...aState().readings!, measuredAtMs, counters };
    return aState({ observedAtMs: measuredAtMs, replicas, readings });
  };
  const { counters } = measure(null, after(0, 1_000_000));
  const { sample } = measure(counters, after(140, 1_001_200));
  expect(sample.requestsPerSecond).toBeCloseTo(8.6, 1);
  expect(decide(model, sample, spec, options())).toMatchObject({ to: 12, reason: 'no-data' });
});

test('a floor of long ago is not where the next one starts', () => {
  const floor = aPolicy({ mode: 'floor' });
  const { model } = live(() => 600, 900, { policy: floor });
  expect(model.plan.last).toBeGreaterThanOrEqual(14);
  const verdict = decide(model, sampleAt(900 + 7200, 60, 3), floor, options());
  expect(verdict.from).toBe(3);
  expect(verdict.to).toBeLessThanOrEqual(3);
});

test('of pods that somebody else starts no more is remembered than the last minute', () => {
  const noisy = (t: number): number => 300 + 150 * Math.sin(t / 60);
  const { model, verdicts } = live(noisy, 3600, { policy: aPolicy({ mode: 'floor' }) });
  expect(verdicts.filter(({ to, from }) => to > from).length).toBeGreaterThan(5);
  expect(model.plan.added.length).toBeLessThan(20);
});

test('falling demand gives pods back within two minutes', () => {
  expect(fallTo(() => ({})).some((verdict) => verdict.to < 12)).toBe(true);
});

test('telemetry that is always late is no reason to hold; later than usual is', () => {
  const spec = aPolicy();
  const model = createModel({ prior: shippedPrior });
  const rests = (beat: number, rate: number, ageMs: number): Verdict => {
    const { atMs, ...sample } = sampleAt(beat * BEAT, rate, 12);
    return decide(model, { ...sample, atMs, measuredAtMs: atMs - ageMs }, spec, options());
  };
  for (let beat = 1; beat <= 720; beat++) rests(beat, 400, 60_000);
  const atFall = parseModel(JSON.stringify(model));
  const usual = Array.from({ length: 48 }, (_, i) => rests(721 + i, 100, 60_000));
  expect(usual.some(({ to, from }) => to < from)).toBe(true);
  Object.assign(model, atFall);
  const later = Array.from({ length: 48 }, (_, i) => rests(745 + i, 100, 180_000));
  expect(later.filter(({ to, from }) => to < from)).toEqual([]);
});

test.each<[what: string, fields: (atMs: number) => Partial<Sample>, constraint: string]>([
  ['missing', () => ({ requestsPerSecond: null }), 'data-missing'],
  ['not a number', () => ({ requestsPerSecond: Number.NaN }), 'data-missing'],
  ['infinite', () => ({ requestsPerSecond: Infinity }), 'data-missing'],
  ['negative', () => ({ requestsPerSecond: -3 }), 'data-missing'],
  ['of no known age', () => ({ measuredAtMs: null }), 'data-missing'],
  ['stale', (atMs) => ({ measuredAtMs: atMs - 45_000 }), 'data-stale'],
  ['from the future', (atMs) => ({ measuredAtMs: atMs + 60_000 }), 'data-missing'],
  ['beside a CPU that cannot be', () => ({ cpuUtilization: -1 }), 'data-missing'],
  ['of an outage', () => ({ failedRatio: 0.5 }), 'outage-dip'],
])('telemetry that is %s never scales down', (_what, fields, constraint) => {
  const verdicts = fallTo(fields);
  expect(verdicts.filter((verdict) => verdict.to < verdict.from)).toEqual([]);
  expect(verdicts.flatMap((verdict) => verdict.constraints.map(({ name }) => name))).toContain(
    constraint,
  );
});

test('after an outage nothing is taken away for two control delays more, and then it is', () => {
  const { model, spec, atMs } = settled();
  const outageMs = atMs + 30_000;
  let fleet = 12;
  let downMs = Infinity;
  for (let beat = 1; beat <= 60; beat++) {
    const now = atMs + beat * BEAT * 1000;
    const told = { atMs: now, measuredAtMs: now - 100, failedRatio: now <= outageMs ? 0.5 : 0 };
    fleet = decide(model, { ...sampleAt(0, 100, fleet), ...told }, spec, options()).to;
    if (fleet < 12) downMs = Math.min(downMs, now);
  }
  expect(downMs - outageMs).toBeGreaterThanOrEqual(2 * (STARTUP + BEAT) * 1000);
  expect(fleet).toBeLessThan(8);
});

test('failures beside a demand that did not fall are no outage: spare pods go', () => {
  const { model, spec, atMs } = settled();
  let fleet = 20;
  for (let beat = 1; beat <= 60; beat++) {
    const now = atMs + beat * BEAT * 1000;
    const told = { atMs: now, measuredAtMs: now - 100, failedRatio: 0.1 };
    fleet = decide(model, { ...sampleAt(0, 380, fleet), ...told }, spec, options()).to;
  }
  expect(fleet).toBeLessThan(15);
});

test.each([
  ['what demand asks for', 40, 'min-replicas', 'bounds', 6],
  ['what is certain now', 900, 'max-replicas', 'guardrail', 12],
])('bounds of the policy stand above %s', (_what, rate, name, reason, to) => {
  const spec = aPolicy({ minReplicas: 6, maxReplicas: 12 });
  const model = createModel({ prior: shippedPrior });
  const verdict = decide(model, sampleAt(BEAT, rate, 2), spec, options());
  expect(verdict).toMatchObject({ kind: 'scale', from: 2, to, reason });
  expect(verdict.constraints.at(-1)).toMatchObject({ name, to });
});

test('what is certain now and not forecast is told as the guardrail', () => {
  const { verdicts } = live(spike, 120);
  const rising = verdicts.filter(({ from, to }) => to > from);
  expect(rising.map(({ reason }) => reason)).toContain('guardrail');
  const guarded = rising.filter(({ reason }) => reason === 'guardrail');
  for (const { constraints } of guarded) {
    expect(constraints.map(({ name }) => name)).toContain('guardrail');
  }
  const calm = live(() => 400, 1200).verdicts.slice(-200);
  expect(calm.filter(({ reason }) => reason === 'guardrail')).toEqual([]);
});

test('an adviser may ask for a hold, and it ends', () => {
  const { atMs } = settled();
  const held = fallTo(() => ({}), { holdUntilMs: atMs + 3_600_000 });
  expect(held.every((verdict) => verdict.to >= 12)).toBe(true);
  expect(held.map((verdict) => verdict.reason)).toContain('held');
  const ended = fallTo(() => ({}), { holdUntilMs: atMs + 60_000 });
  expect(ended.slice(0, 11).every((verdict) => verdict.to >= 12)).toBe(true);
  expect(ended.some((verdict) => verdict.to < 12)).toBe(true);
});

test('no fuzzed stream scales down on bad data', () => {
  const { bad, scaledDown } = fuzzTelemetry(120, 11);
  expect(bad).toBeGreaterThan(1000);
  expect(scaledDown).toEqual([]);
});

test('CPU alone: demand is use × pods, and full CPU doubles the fleet', () => {
  const spec = aPolicy();
  const model = createModel({ prior: shippedPrior });
  const blind = { requestsPerSecond: null, requests: null, lateRatio: null };
  const at = (beat: number, cpuUtilization: number, ready: number): Sample => ({
    ...sampleAt(beat * BEAT, 100, ready, { ...blind, cpuUtilization }),
  });
  for (let beat = 1; beat < 40; beat++) decide(model, at(beat, 0.5, 4), spec, options());
  expect(model.demandUnit).toBe('pods');
  const full = decide(model, at(40, 1, 4), spec, options());
  expect(full.to).toBeGreaterThanOrEqual(8);
  expect(full.constraints.map(({ name }) => name)).toContain('censored-demand');
});

test('a rate that comes up becomes the demand: at once in the warm-up, later when it stays', () => {
  const spec = aPolicy({ seasonSeconds: 86_400 });
  const model = createModel({ prior: shippedPrior });
  const cpuOnly = { requestsPerSecond: null, requests: null };
  const rest = (beat: number, fields: Partial<Sample> = {}): Verdict =>
    decide(model, sampleAt(beat * BEAT, 200, 6, fields), spec, { ...options(), record: true });
  rest(1, cpuOnly);
  expect(model.demandUnit).toBe('pods');
  const verdict = rest(2);
  expect(model.demandUnit).toBe('requests');
  expect(verdict.record?.forecast?.up.q50).toBeCloseTo(200, -1);
  const old = createModel({ prior: shippedPrior });
  for (const second of [0, 1900]) {
    decide(old, sampleAt(second, 200, 6, cpuOnly), spec, options());
  }
  const units = [1910, 2500, 3709, 3715].map((second) => {
    decide(old, sampleAt(second, 200, 6), spec, options());
    return old.demandUnit;
  });
  expect(units).toEqual(['pods', 'pods', 'pods', 'requests']);
});

test('rates that are gone for minutes leave the demand to CPU, and full pods are not left alone', () => {
  const spec = aPolicy();
  const { model } = settled();
  const gone = { requestsPerSecond: null, requests: null, lateRatio: null, cpuUtilization: 1 };
  const after = (seconds: number): Verdict =>
    decide(model, sampleAt(3600 + seconds, 0, 12, gone), spec, options());
  expect(after(BEAT)).toMatchObject({ reason: 'no-data', to: 12 });
  expect(after(170)).toMatchObject({ reason: 'no-data', to: 12 });
  expect(after(190).to).toBe(spec.maxReplicas);
  expect(model.demandUnit).toBe('pods');
});

test('after a change of unit a cooldown must pass before anything is taken away', () => {
  const spec = aPolicy({ cooldownSeconds: 300 });
  const { model } = settled();
  const gone = { requestsPerSecond: null, requests: null, lateRatio: null, cpuUtilization: 0.2 };
  const changes: number[] = [];
  for (let second = BEAT; second <= 600; second += BEAT) {
    const verdict = decide(model, sampleAt(3600 + second, 0, 12, gone), spec, options());
    if (verdict.to < 12) changes.push(second);
  }
  expect(changes[0]).toBeGreaterThanOrEqual(180 + 300);
});

test('exploration happens live, by small steps', () => {
  const run = live(() => 300, 600);
  const tried = new Set(run.verdicts.map(({ action }) => action));
  expect(tried.size).toBeGreaterThan(1);
  for (const action of tried) expect(Math.abs(action - 10)).toBeLessThanOrEqual(2);
});

test.each<[what: string, document: unknown, message: RegExp]>([
  ['not JSON', '{', /not JSON/],
  ['no object', '3', /expected a JSON object/],
  ['another schema', { schema: 9 }, /schema 9 cannot be read/],
  ['a missing part', { ...createModel(), up: undefined }, /up/],
  ['a damaged number', { ...createModel(), decisions: Number.NaN }, /decisions: not a finite/],
])('a stored model that has %s is refused with the reason', (_what, document, message) => {
  expect(() => parseModel(document)).toThrow(message);
});

test.each<[what: string, part: string, damage: object, message: RegExp]>([
  ['words for numbers', 'plan', { last: 'x' }, /plan\.last: expected a number/],
  ['a word in a list', 'price', { burn: [1, 'x', 0, 0] }, /price\.burn\.1: expected a number/],
  ['a null in a list', 'season', { bins: [null], visits: [1] }, /season\.bins\.0: expected/],
  ['lists that do not match', 'series', { times: [1] }, /series\.counts: expected 1 entries/],
  ['no variance', 'up', { slow: 0 }, /up\.slow: 0 cannot be/],
  ['a negative spread', 'workload', { startupVariance: -1 }, /startupVariance: -1 cannot be/],
  ['a weight beyond all', 'keep', { theta: Array(13).fill(1e300) }, /keep\.theta\.0: 1e\+300/],
  ['a hold of years', 'plan', { dipUntilMs: T0 + 1e12 }, /plan\.dipUntilMs: \d+ cannot be/],
  ['a part of a season that is not there', 'season', { bin: 7 }, /season\.bin: 7 cannot be/],
])('a stored model with %s is refused with the reason', (_what, part, damage, message) => {
  const model = { ...createModel(), lastAtMs: T0 } as Record<string, unknown>;
  const damaged = { ...model, [part]: { ...(model[part] as object), ...damage } };
  expect(() => parseModel(JSON.stringify(damaged))).toThrow(message);
});

test('what waits in a stored model must be whole', () => {
  const { model } = live(() => 300, 300);
  const whole = JSON.stringify(model);
  expect(parseModel(whole)).toEqual(model);
  for (const list of ['pendingForecasts', 'pendingDecisions', 'matured'] as const) {
    const damaged = { ...model, [list]: [{ toMs: T0 }] };
    expect(() => parseModel(JSON.stringify(damaged)), list).toThrow(`${list}.0`);
  }
  const peers = { ...model.peers, hpa: { answer: 1 } };
  expect(() => parseModel(JSON.stringify({ ...model, peers }))).toThrow('peers.hpa.behavior');
});

test('a model of an older schema goes on where it was', () => {
  const { model } = live(() => 300, 300);
  const { price, workload } = createModel();
  const older = {
    ...model,
    schema: 1,
    k0: 13,
    churnPrice: 0.75,
    otherUnitSinceMs: undefined,
    up: { ...model.up, scale: [-20, 29, 29, 14, -3, -43] },
    price: { ...model.price, spent: undefined },
    workload: { ...model.workload, byUse: undefined, background: undefined, bound: undefined },
    plan: { ...model.plan, need: (model.plan.need * model.workload.busy) / model.workload.demand },
  };
  const read = parseModel(JSON.stringify(older));
  expect(read.plan.need).toBeCloseTo(model.plan.need, 6);
  expect(read).toEqual({
    ...model,
    otherUnitSinceMs: 0,
    up: { ...model.up, scale: createModel().up.scale },
    price: { ...model.price, spent: price.spent },
    workload: {
      ...model.workload,
      byUse: workload.byUse,
      background: 0,
      bound: workload.bound,
      young: 0,
    },
    plan: { ...model.plan, need: read.plan.need, fleet: -1, addedMs: [], added: [] },
  });
});

test.each<[what: string, missing: object, otherUnitSinceMs: number]>([
  ['as it first was', { otherUnitSinceMs: undefined }, 0],
  ['complete', { otherUnitSinceMs: 7 }, 7],
])('a model of schema 4, %s, goes on where it was', (_what, missing, otherUnitSinceMs) => {
  const { model } = live(() => 300, 300);
  const plan = { ...model.plan, fleet: undefined };
  const read = parseModel(JSON.stringify({ ...model, schema: 4, plan, ...missing }));
  const { addedMs, added } = read.plan;
  expect(read).toEqual({
    ...model,
    otherUnitSinceMs,
    plan: { ...model.plan, fleet: -1, addedMs, added },
  });
  expect(addedMs.length).toBe(otherUnitSinceMs === 0 ? 0 : model.plan.addedMs.length);
});

test('an edited budget and an edited season count from the next decision on', () => {
  const decideUnder = (fields: object): { model: Model; record: Verdict['record'] } => {
    const { model, atMs } = settled();
    const sample = sampleAt(3600 + BEAT, 400, 12, { atMs: atMs + BEAT * 1000 });
    const asked = { ...options(), record: true };
    return { model, record: decide(model, sample, aPolicy(fields), asked).record };
  };
  const before = decideUnder({});
  const strict = decideUnder({ slo: { violatingMinutesPercent: 0.1 } });
  expect(strict.record!.price!.k0 / before.record!.price!.k0).toBeCloseTo(3);
  expect(strict.record!.price!.lambda).toBe(before.record!.price!.lambda);
  const longer = decideUnder({ seasonSeconds: 1200 });
  expect(longer.model.season.bins.length).toBe(2 * before.model.season.bins.length);
  expect(Math.max(...longer.model.season.visits)).toBe(0);
  expect(Math.max(...before.model.season.visits)).toBeGreaterThan(0);
});

test('learning the same score twice changes nothing', () => {
  const run = live(() => 300, 300);
  const spec = aPolicy();
  const [matured] = live(() => 300, 60).verdicts.flatMap((verdict) => verdict.matured);
  const scored = score({ ...matured!, sequence: 9999 }, spec);
  learn(run.model, [scored], spec);
  const once = JSON.stringify(run.model);
  learn(run.model, [scored], spec);
  expect(JSON.stringify(run.model)).toBe(once);
});

test('one dip of the measured rate, as when counters of pods vanish, makes no jump', () => {
  const spec = aPolicy();
  for (const seed of [1, 2, 3]) {
    const model = createModel({ prior: shippedPrior });
    const random = randomOf(seed);
    let fleet = 4;
    for (const [beat, rate] of [...Array<number>(30).fill(100), 50, 100, 100].entries()) {
      const seen = rate + 9 * (random() + random() - 1);
      const verdict = decide(model, sampleAt((beat + 1) * BEAT, seen, fleet), spec, {
        random,
        record: false,
      });
      fleet = verdict.to;
    }
    expect(fleet).toBeLessThanOrEqual(5); // a slope from 50 to 100 in 5 s would ask for 9
  }
});

test('of the numbers of pods that are shown, none of those that were compared is left out', () => {
  const { model, spec, atMs } = settled();
  const replicas = { desired: 400, ready: 400, starting: 0, draining: 0 };
  const sample = sampleAt(3600 + BEAT, 400, 400, { atMs: atMs + BEAT * 1000, replicas });
  const wide = { ...spec, maxReplicas: 1000, minReplicas: 397 };
  const { to, record } = decide(model, sample, wide, { ...options(), record: true });
  const shown = record?.options.map((option) => option.replicas) ?? [];
  expect(shown).toEqual(expect.arrayContaining([to - 1, to, to + 1]));
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => a - b));
  expect(shown.length).toBeLessThanOrEqual(60);
});

test.each([1e300, Infinity, 86_400])('a start-up of %d s is none', (seconds) => {
  const { model, atMs } = settled();
  const before = startupSeconds(model);
  const sample = sampleAt(3600 + BEAT, 400, 12, { atMs: atMs + BEAT * 1000, startups: [seconds] });
  decide(model, sample, aPolicy(), options());
  expect(startupSeconds(model)).toBe(before);
});
