// When a delivery is tried again, and when it has failed for good: Knative's Kafka dispatcher.
import type { Delivery } from '../manifests/index.ts';

/** 5xx, 404, 408, 409 and 429 may change; every other refusal is final. Retry-After is ignored. */
export const isRetried = (status: number): boolean =>
  status >= 500 || status === 404 || status === 408 || status === 409 || status === 429;

/** Wait before retry n (from 1): linear `delay × n`, exponential `delay × 2ⁿ`, milliseconds. */
export const backoffMs = (
  { backoffPolicy, backoffDelayMs }: Pick<Delivery, 'backoffPolicy' | 'backoffDelayMs'>,
  n: number,
): number => (backoffPolicy === 'linear' ? backoffDelayMs * n : backoffDelayMs * 2 ** n);
