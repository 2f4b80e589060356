import { z } from 'zod';
import { defineEvent } from './define.ts';
import { actionIndex, MATURED_MAX, perAction } from './decision-made.ts';
import { PolicyIdentity } from './policy.ts';
import { epochMs } from './time.ts';

/** The score of one matured decision: of the action taken and, as arrivals do not depend on us, of every action not taken. */
export const Score = z.object({
  decisionId: z.string(),
  sequence: z.int().nonnegative(),
  decidedAtMs: epochMs,
  maturedAtMs: epochMs,
  action: actionIndex,
  reward: z.number(),
  /** −reward = efficiency + sla + stability, each in mean-fleet-minutes per minute. */
  efficiency: z.number(),
  sla: z.number(),
  stability: z.number(),
  whatIf: perAction(z.number()),
  outcome: z.enum(['needed', 'spare', 'too-late', 'steady']),
});
export type Score = z.infer<typeof Score>;

export const Rewards = z.object({
  policy: PolicyIdentity,
  targetUid: z.string(),
  scores: z.array(Score).min(1).max(MATURED_MAX),
});
export type Rewards = z.infer<typeof Rewards>;

/** reward → decider, operator. */
export const RewardCalculated = defineEvent('io.nimbusguard.reward.calculated.v1', Rewards);
