import { z } from 'zod';
import { defineEvent } from './define.ts';
import { LearningState } from './decision-made.ts';

export const Learned = z.object({
  policy: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  targetUid: z.string(),
  decisionIds: z.array(z.string()).max(64),
  learning: LearningState,
});
export type Learned = z.infer<typeof Learned>;

/** decider → operator. What the rewards changed. */
export const PolicyLearned = defineEvent('io.nimbusguard.policy.learned.v1', Learned);
