import type { PolicySpec, Score } from '../events/index.ts';
import type { Model } from './model.ts';
import { forgetLearned } from './outcomes.ts';
import { learnScores } from './q-learning.ts';

/** Learns from scored decisions; the same decision a second time changes nothing. */
export function learn(model: Model, scores: readonly Score[], spec: PolicySpec): void {
  learnScores(model, scores, spec);
  forgetLearned(
    model,
    scores.map((score) => score.sequence),
  );
}
