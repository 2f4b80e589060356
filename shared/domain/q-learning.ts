// Q-learning with ONE state and 21 actions: the multiplier of the price of a violating minute.
// Arrivals do not depend on us, so every matured decision tells what each action would have
// earned; rewards are averaged over a block of hours before one update (Watkins 1989, eq. 1).
import {
  ACTIONS,
  ACTION_BASE,
  NEUTRAL_ACTION,
  Q_BLOCKS_PER_SEASON,
  Q_MARGIN,
  SAFE_STEPS,
} from './constants.ts';
import type { PolicySpec, Score } from '../events/index.ts';
import { at, clamp, zeros } from './maths.ts';
import type { Model } from './model.ts';
import type { Exploration, Random } from './types.ts';

/** Learned scores that are remembered, so that a second delivery changes nothing. */
const LEARNED_MAX = 64;
/** A block must rest on this many scores. */
const SCORES_MIN = 8;

export const MULTIPLIERS: readonly number[] = Array.from(
  { length: ACTIONS },
  (_, action) => ACTION_BASE ** (action - NEUTRAL_ACTION),
);

/** The best action by its value; the neutral one unless another is clearly better. */
export function greedyAction(model: Model): number {
  if (model.off.includes('q')) return NEUTRAL_ACTION;
  const { values } = model.q;
  const neutral = at(values, NEUTRAL_ACTION);
  const margin = Q_MARGIN * Math.abs(neutral);
  let best = NEUTRAL_ACTION;
  let bestValue = neutral + margin;
  for (let action = 0; action < ACTIONS; action++) {
    if (at(values, action) > bestValue) {
      best = action;
      bestValue = at(values, action);
    }
  }
  return best;
}

/** Probability of trying another action, after so many decisions. */
export function epsilonOf(model: Model, spec: PolicySpec): number {
  const { explorationStart, explorationEnd, explorationDecay } = spec.learning;
  const decayed = explorationStart * Math.pow(explorationDecay, model.decisions);
  return Math.max(explorationEnd, decayed);
}

/** Picks the action of one decision. `safe` stays within two steps of greedy. */
export function chooseAction(
  model: Model,
  spec: PolicySpec,
  explore: Exploration,
  random: Random,
): { action: number; greedy: number } {
  const greedy = greedyAction(model);
  if (explore === 'none' || model.off.includes('q')) return { action: greedy, greedy };
  if (random() >= epsilonOf(model, spec)) return { action: greedy, greedy };
  const draw = random();
  if (explore === 'free') return { action: Math.floor(draw * ACTIONS), greedy };
  const step = Math.floor(draw * (2 * SAFE_STEPS + 1)) - SAFE_STEPS;
  return { action: clamp(greedy + step, 0, ACTIONS - 1), greedy };
}

/** Adds scores to the current block and closes the block when its time is over. */
export function learnScores(model: Model, scores: readonly Score[], spec: PolicySpec): void {
  const { q } = model;
  for (const score of scores) {
    if (q.learned.includes(score.sequence)) continue;
    q.learned.push(score.sequence);
    if (q.learned.length > LEARNED_MAX) q.learned.shift();
    addToBlock(model, score, spec);
    const blockMs = (spec.seasonSeconds * 1000) / Q_BLOCKS_PER_SEASON;
    // A block that began long after this decision is one of a clock that was set back since.
    if (q.blockMs === 0 || score.decidedAtMs < q.blockMs - blockMs) q.blockMs = score.decidedAtMs;
    if (score.decidedAtMs - q.blockMs >= blockMs && q.count >= SCORES_MIN) {
      closeBlock(model, spec);
      q.blockMs = score.decidedAtMs;
    }
  }
}

function addToBlock(model: Model, score: Score, spec: PolicySpec): void {
  const { q } = model;
  const whatIf = !model.off.includes('what-if');
  for (let action = 0; action < ACTIONS; action++) {
    if (whatIf) q.sums[action] = at(q.sums, action) + at(score.whatIf, action);
  }
  q.count++;
  if (!whatIf) update(model, score.action, score.reward, spec);
}

function update(model: Model, action: number, reward: number, spec: PolicySpec): void {
  const { values } = model.q;
  const { learningRate, discountFactor } = spec.learning;
  const target = reward + discountFactor * Math.max(...values);
  values[action] = at(values, action) + learningRate * (target - at(values, action));
}

function closeBlock(model: Model, spec: PolicySpec): void {
  const { q } = model;
  const { learningRate, discountFactor } = spec.learning;
  const future = discountFactor * Math.max(...q.values);
  if (!model.off.includes('what-if')) {
    for (let action = 0; action < ACTIONS; action++) {
      const target = at(q.sums, action) / q.count + future;
      q.values[action] = at(q.values, action) + learningRate * (target - at(q.values, action));
    }
  }
  q.sums = zeros(ACTIONS);
  q.count = 0;
  q.updates++;
}
