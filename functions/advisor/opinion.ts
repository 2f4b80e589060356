// The envelope around a language model: whatever it answers, this is all that can come of it.
import { EXPLANATION_MAX_CHARS, type Advice, type Decision } from '#shared/events/index.ts';
import type { ModelAnswer } from './prompt.ts';

export type Opinion = Pick<
  Advice,
  'source' | 'verdict' | 'explanation' | 'holdUntilMs' | 'fallback'
>;

const MAX_HOLD_MINUTES = 15;
/** What a terminal obeys, and what makes text read in another order than it stands in. */
const CONTROL = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Words as one tidy paragraph. */
export const tidy = (text: string): string =>
  text
    .replace(CONTROL, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, EXPLANATION_MAX_CHARS)
    .replace(/\p{Cs}$/u, '');

const holdUntil = (answer: ModelAnswer, decidedAtMs: number): number | null => {
  if (answer.verdict !== 'hold' || !(answer.holdMinutes > 0)) return null;
  const minutes = Math.min(MAX_HOLD_MINUTES, answer.holdMinutes);
  return Math.round(decidedAtMs + minutes * 60_000);
};

/**
 * Turns a model's answer into advice: words of bounded length, and at most a hold of 15 minutes from
 * the decision. No answer, or an empty one, leaves the words of the rules.
 */
export function check(given: {
  readonly decision: Decision;
  readonly byRule: string;
  readonly answer: ModelAnswer | null;
  readonly failure: string | null;
}): Opinion {
  const { decision, byRule, answer, failure } = given;
  const explanation = answer === null ? '' : tidy(answer.explanation);
  const rules = {
    source: 'rules',
    verdict: 'explain',
    explanation: byRule,
    holdUntilMs: null,
  } as const;
  if (answer === null) return { ...rules, fallback: failure };
  if (explanation === '') return { ...rules, fallback: 'the model gave no explanation' };
  const decidedAtMs = decision.inputs?.atMs;
  const holdUntilMs = decidedAtMs === undefined ? null : holdUntil(answer, decidedAtMs);
  return {
    source: 'llm',
    verdict: holdUntilMs === null ? 'explain' : 'hold',
    explanation,
    holdUntilMs,
    fallback: null,
  };
}
