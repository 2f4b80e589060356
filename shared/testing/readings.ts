import { unread } from '../adapters/readings.ts';
import type { Readings } from '../events/index.ts';

/** Readings of a workload in which nothing is known but what is given. */
export const readings = (over: Partial<Readings> = {}): Readings => ({
  ...unread('pods'),
  ...over,
});
