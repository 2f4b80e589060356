// How long a delivery waits before its next try: Knative's Kafka dispatcher, which ignores Retry-After.
import type { Delivery } from '../manifests/index.ts';

/** Wait before retry n (from 1): linear `delay × n`, exponential `delay × 2ⁿ`, milliseconds. */
export const backoffMs = (
  { backoffPolicy, backoffDelayMs }: Pick<Delivery, 'backoffPolicy' | 'backoffDelayMs'>,
  n: number,
): number => (backoffPolicy === 'linear' ? backoffDelayMs * n : backoffDelayMs * 2 ** n);
