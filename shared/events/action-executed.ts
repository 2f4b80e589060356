import { z } from 'zod';
import { defineEvent } from './define.ts';
import { Matured, MATURED_MAX, SENTENCE_MAX_CHARS } from './decision-made.ts';
import { Mode, PolicyIdentity, Slo } from './policy.ts';
import { Target } from './target.ts';
import { epochMs } from './time.ts';

const replicas = z.int().nonnegative();

export const Action = z.object({
  decisionId: z.string().min(1),
  sequence: z.int().nonnegative(),
  policy: PolicyIdentity,
  target: Target.nullable(),
  mode: Mode,
  outcome: z.enum(['applied', 'held']),
  /** Why: `applied`, or what stood against it. */
  reason: z.enum([
    'applied',
    'hold',
    'superseded',
    'mode',
    'suspended',
    'bounds',
    'conflict',
    'no-autoscaler',
    'target-replaced',
    'target-missing',
    'policy-missing',
    'expired',
    'forbidden',
  ]),
  message: z.string().max(SENTENCE_MAX_CHARS),
  /** The field that was written, such as `spec.replicas`; null where nothing was. */
  field: z.string().nullable(),
  from: replicas,
  to: replicas,
  decidedAtMs: epochMs,
  executedAtMs: epochMs,
  matured: z.array(Matured).max(MATURED_MAX),
  /** The promise that the outcomes are scored by; absent where the policy is gone. */
  slo: Slo.optional(),
});
export type Action = z.infer<typeof Action>;

/** executor → reward, operator. What was done, or why nothing was. */
export const ActionExecuted = defineEvent('io.nimbusguard.action.executed.v1', Action);
