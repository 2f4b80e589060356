import { z } from 'zod';
import { defineEvent } from './define.ts';
import { epochMs } from './time.ts';

export const Advice = z.object({
  decisionId: z.string().min(1),
  sequence: z.int().nonnegative(),
  policy: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  targetUid: z.string(),
  source: z.enum(['rules', 'llm']),
  /** `hold` asks for no scale-down until holdUntilMs; nothing else can be asked for. */
  verdict: z.enum(['explain', 'hold']),
  explanation: z.string().min(1).max(1200),
  /** At most 15 minutes after the decision; null unless the verdict is hold. */
  holdUntilMs: epochMs.nullable(),
  model: z.string().nullable(),
  tookMs: z.number().nonnegative(),
  /** Why a language model's answer was not used, where it was asked. */
  fallback: z.string().max(300).nullable(),
});
export type Advice = z.infer<typeof Advice>;

/** advisor → decider, operator. Words, or a request to hold; never a number of replicas. */
export const AdviceGiven = defineEvent('io.nimbusguard.advice.given.v1', Advice);
