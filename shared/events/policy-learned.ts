import { z } from 'zod';
import { defineEvent } from './define.ts';
import { LearningState, MATURED_MAX } from './decision-made.ts';
import { PolicyIdentity } from './policy.ts';

export const Learned = z.object({
  policy: PolicyIdentity,
  targetUid: z.string(),
  decisionIds: z.array(z.string()).max(MATURED_MAX),
  learning: LearningState,
});
export type Learned = z.infer<typeof Learned>;

/** decider → operator. What the rewards changed. */
export const PolicyLearned = defineEvent('io.nimbusguard.policy.learned.v1', Learned);
