// What becomes of decisions: they wait for their outcome, and the outcome waits to be learned.
import { expect, test } from 'vitest';
import type { Score } from '../events/index.ts';
import { createModel, decide, learn, score, shippedPrior, type Model } from './index.ts';
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
