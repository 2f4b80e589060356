import type { Readings } from '../events/index.ts';

/** Nothing could be read: every quantity is unknown. */
export function unread(source: Readings['source'], silentPods = 0): Readings {
  return {
    source,
    measuredAtMs: null,
    counters: null,
    rates: null,
    latencyP95Ms: null,
    cpuUtilization: null,
    memoryUtilization: null,
    inFlight: null,
    lagMessages: null,
    silentPods,
  };
}
