import type { Readings } from '../events/index.ts';

/** Readings of a workload in which nothing is known but what is given. */
export const readings = (over: Partial<Readings> = {}): Readings => ({
  source: 'pods',
  measuredAtMs: null,
  counters: null,
  rates: null,
  latencyP95Ms: null,
  cpuUtilization: null,
  memoryUtilization: null,
  inFlight: null,
  lagMessages: null,
  silentPods: 0,
  ...over,
});
