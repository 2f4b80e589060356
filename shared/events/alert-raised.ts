import { z } from 'zod';
import { defineEvent } from './define.ts';

export const AlertData = z.object({
  /** Kind of alert in snake case, such as `high_cpu_usage`. */
  eventType: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be snake_case, at most 63 characters'),
  /** Name of the target the alert is about. */
  service: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label'),
  namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label'),
  value: z.number().min(0).max(1e9).optional(),
});
export type AlertData = z.infer<typeof AlertData>;

/** anyone → observer. Look at that target at once. */
export const AlertRaised = defineEvent('io.nimbusguard.alert.raised.v1', AlertData);
