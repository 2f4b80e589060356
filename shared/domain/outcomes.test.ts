// What becomes of decisions: they wait for their outcome, and the outcome waits to be learned.
import { expect, test } from 'vitest';
import type { Score } from '../events/index.ts';
import { createModel, decide, learn, score, shippedPrior, type Model } from './index.ts';
import {
  forgetLearned,
  matureDecisions,
  maturedOf,
  outcomeDue,
  rememberDecision,
} from './outcomes.ts';
import { aPolicy, BEAT, options, sampleAt, STARTUP } from './testing.ts';

const spec = aPolicy();

/** Ten minutes of a fleet whose telemetry is so old at each beat: the scores of what matured. */
function matured(ageAt: (beat: number) => number): { scores: Score[]; model: Model } {
  const model = createModel({ prior: shippedPrior });
  const scores: Score[] = [];
  for (let beat = 1; beat <= 120; beat++) {
    const sample = sampleAt(beat * BEAT, 400, 12, { startups: beat === 1 ? [STARTUP] : [] });
    const told = { ...sample, measuredAtMs: sample.atMs - ageAt(beat) * 1000 };
    const verdict = decide(model, told, spec, options());
    const now = verdict.matured.map((one) => score(one, spec));
    learn(model, now, spec);
    scores.push(...now);
  }
  return { scores, model };
}

test.each<[what: string, ageAt: (beat: number) => number]>([
  ['is fresh', () => 0],
  ['is always 15 s late', () => 15],
  ['is always 20 s late', () => 20],
  ['is always 60 s late', () => 60],
  ['comes every 30 s and is 5 s late', (beat) => 5 + BEAT * (beat % 6)],
])('decisions get their outcome where telemetry %s', (_what, ageAt) => {
  const { scores, model } = matured(ageAt);
  expect(scores.length).toBeGreaterThan(30);
  expect(new Set(scores.map(({ sequence }) => sequence)).size).toBe(scores.length);
  expect(model.pendingDecisions.length).toBeLessThanOrEqual(8);
  expect(model.q.updates).toBeGreaterThan(0);
});

const T1 = 1_700_000_000_000;

/** Blocks of 5 s, and a demand of 100 req/s that is 200 from second 10 on and 400 from second 15 on. */
function counted(untilSecond: number): Model {
  const model = createModel();
  const { series } = model;
  series.blockSeconds = 5;
  for (let second = 0; second <= untilSecond; second++) {
    const count = 100 * second + 100 * Math.max(0, second - 10) + 200 * Math.max(0, second - 15);
    series.times.push(T1 + second * 1000);
    series.counts.push(count);
  }
  return model;
}

const aDecision = (sequence: number, atMs = T1) => ({
  id: `d${sequence}`,
  sequence,
  atMs,
  action: 10,
  from: 8,
  to: 10,
  whatIf: [],
  mean: 9,
  k: 13,
});
const now = { lateRatio: 0.02, capacity: 50, knee: 0.8, slope: 25 };

test('the outcome of a decision is the demand of the block after its control delay', () => {
  for (const [second, outcomes] of [
    [14, 0],
    [15, 1],
    [20, 1],
  ] as const) {
    const model = counted(second);
    rememberDecision(model, aDecision(7), 10);
    matureDecisions(model, now);
    expect(maturedOf(model)).toHaveLength(outcomes);
    if (outcomes === 0) continue;
    expect(maturedOf(model)[0]).toMatchObject({
      sequence: 7,
      demandPerSecond: 200,
      decidedAtMs: T1,
      maturedAtMs: T1 + 15_000,
      intervalSeconds: 5,
      lateRatio: 0.02,
      capacityPerPod: 50,
    });
  }
});

test('a decision whose time no demand covers has no outcome', () => {
  const model = counted(20);
  rememberDecision(model, aDecision(1, T1 - 60_000), 10);
  matureDecisions(model, now);
  expect([model.pendingDecisions, maturedOf(model)]).toEqual([[], []]);
});

test('one decision in a block gets an outcome, fewer where the control delay is long', () => {
  const model = counted(20);
  expect(outcomeDue(model, T1)).toBe(true);
  rememberDecision(model, aDecision(1), 10);
  expect([4900, 5000].map((ms) => outcomeDue(model, T1 + ms))).toEqual([false, true]);
  rememberDecision(model, aDecision(2, T1 + 5000), 85); // (85 + 5) s for six of those that wait
  expect([19_900, 20_000].map((ms) => outcomeDue(model, T1 + ms))).toEqual([false, true]);
});

test('outcomes are told again until they were learned, the newest eight', () => {
  const model = counted(20);
  for (let sequence = 1; sequence <= 9; sequence++) {
    rememberDecision(model, aDecision(sequence), 10);
    matureDecisions(model, now);
  }
  const sequences = (): number[] => maturedOf(model).map(({ sequence }) => sequence);
  expect(sequences()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  forgetLearned(model, [1, 3, 9]);
  expect(sequences()).toEqual([2, 4, 5, 6, 7, 8]);
});
