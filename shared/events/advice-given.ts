import { z } from 'zod';
import { defineEvent } from './define.ts';
import { PolicyIdentity } from './policy.ts';
import { epochMs } from './time.ts';

export const EXPLANATION_MAX_CHARS = 1200;
/** Of why a model's answer was not used. */
export const FALLBACK_MAX_CHARS = 300;

export const Advice = z.object({
  decisionId: z.string().min(1),
  sequence: z.int().nonnegative(),
  policy: PolicyIdentity,
  targetUid: z.string(),
  source: z.enum(['rules', 'llm']),
  /** `hold` asks for no scale-down until holdUntilMs; nothing else can be asked for. */
  verdict: z.enum(['explain', 'hold']),
  explanation: z.string().min(1).max(EXPLANATION_MAX_CHARS),
  /** At most 15 minutes after the decision; null unless the verdict is hold. */
  holdUntilMs: epochMs.nullable(),
  model: z.string().nullable(),
  tookMs: z.number().nonnegative(),
  /** Why a language model's answer was not used, where it was asked. */
  fallback: z.string().max(FALLBACK_MAX_CHARS).nullable(),
});
export type Advice = z.infer<typeof Advice>;

/** advisor → decider, operator. Words, or a request to hold; never a number of replicas. */
export const AdviceGiven = defineEvent('io.nimbusguard.advice.given.v1', Advice);
