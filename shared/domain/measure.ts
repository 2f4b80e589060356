// Raw counters → rates. Counter resets, new pods and vanished pods never make negative demand.
import type { ObservedState, PodCounters } from '../events/index.ts';
import type { Counters, Sample } from './types.ts';

/** Assumed time to the next look where there was none before, milliseconds. */
const FIRST_INTERVAL_MS = 5_000;
/** Longer pauses than this are not taken for the beat, milliseconds: a minute, and its jitter. */
const BEAT_MAX_MS = 75_000;
/** Two pauses in a row that are so much alike are the beat of a slow schedule, up to this one. */
const BEAT_LIKENESS = 0.2;
const SLOW_BEAT_MAX_MS = 660_000;
/** A mean over more than this, and over more beats than this, is not taken for the rate of now. */
const WINDOW_MAX_MS = 150_000;
const WINDOW_MAX_BEATS = 1.5;
/** Counters that are older than the last ones by more are of a clock that was set back. */
const CLOCK_TURNED_MS = 5_000;
/** Where fewer of the pods than this answer, nobody knows what the others get. */
const ANSWERED_MIN = 0.5;

interface Totals {
  /** Answered. */
  requests: number;
  /** Came in: answered, or waiting now and not before. */
  arrived: number;
  /** Null where a pod does not tell. */
  late: number | null;
  failed: number;
  /** Pods whose counters could be compared. */
  pods: number;
}

/** Growth of one counter; a counter that fell was reset and counts from zero. */
const growth = (before: number | undefined, after: number): number =>
  before === undefined || after < before ? after : after - before;

type Grown = Omit<Totals, 'pods'>;

/**
 * Requests that came in while `answered` were answered. A counter grows when a request is answered: without
 * what waits, a growing queue hides demand, and one that drains makes some up.
 */
function arrivedOf(answered: number, now: PodCounters, before: number | null): number {
  return now.inFlight === null || before === null
    ? answered
    : Math.max(0, answered + now.inFlight - before);
}

/** Growth of a pod that both reads saw. */
function growthOf(now: PodCounters, before: PodCounters): Grown {
  const base = now.requests < before.requests ? undefined : before;
  const requests = growth(base?.requests, now.requests);
  return {
    requests,
    arrived: arrivedOf(requests, now, base === undefined ? 0 : base.inFlight),
    late: now.late === null || base?.late === null ? null : growth(base?.late, now.late),
    failed: growth(base?.failed, now.failed),
  };
}

/**
 * What a pod that only the second read saw adds. Its whole history when it started in between;
 * else at most what the busiest of the others grew by, for the cluster's clock has whole seconds
 * and a pod that became ready at the last look may not have been read by it. Leaving such a pod
 * out would read as a dip of the demand, and the next look as a steep rise.
 */
function growthOfNew(
  now: PodCounters,
  sinceMs: number,
  busiest: Pick<Grown, 'requests' | 'arrived'>,
): Grown | null {
  if (now.startedAtMs >= sinceMs) {
    return growthOf(now, { ...now, requests: 0, inFlight: 0, late: 0, failed: 0 });
  }
  const came = now.requests + (now.inFlight ?? 0);
  if (busiest.arrived === 0 || came === 0) return null;
  const share = now.requests === 0 ? 0 : Math.min(1, busiest.requests / now.requests);
  return {
    requests: share * now.requests,
    arrived: Math.min(came, busiest.arrived),
    late: now.late === null ? null : share * now.late,
    failed: share * now.failed,
  };
}

function totalsOf(previous: Counters, pods: readonly PodCounters[]): Totals {
  const before = new Map(previous.pods.map((pod) => [pod.pod, pod]));
  const totals: Totals = { requests: 0, arrived: 0, late: 0, failed: 0, pods: 0 };
  const add = (grown: Grown): void => {
    totals.requests += grown.requests;
    totals.arrived += grown.arrived;
    totals.late = totals.late === null || grown.late === null ? null : totals.late + grown.late;
    totals.failed += grown.failed;
    totals.pods++;
  };
  const strangers: PodCounters[] = [];
  const busiest = { requests: 0, arrived: 0 };
  for (const pod of pods) {
    const seen = before.get(pod.pod);
    if (seen === undefined) {
      strangers.push(pod);
      continue;
    }
    const grown = growthOf(pod, seen);
    busiest.requests = Math.max(busiest.requests, grown.requests);
    busiest.arrived = Math.max(busiest.arrived, grown.arrived);
    add(grown);
  }
  for (const pod of strangers) {
    const grown = growthOfNew(pod, previous.measuredAtMs, busiest);
    if (grown !== null) add(grown);
  }
  return totals;
}

type Rates = Pick<
  Sample,
  'windowMs' | 'requestsPerSecond' | 'requests' | 'lateRatio' | 'failedRatio'
>;

const UNKNOWN: Rates = {
  windowMs: null,
  requestsPerSecond: null,
  requests: null,
  lateRatio: null,
  failedRatio: null,
};

/** Milliseconds between two reads; null where they do not belong together. */
function windowOf(previous: Counters, measuredAtMs: number, beatMs: number): number | null {
  const windowMs = measuredAtMs - previous.measuredAtMs;
  const most = Math.max(WINDOW_MAX_MS, WINDOW_MAX_BEATS * beatMs);
  return windowMs > 0 && windowMs <= most ? windowMs : null;
}

/** Part of the requests; null where it is unknown, or there are none. */
const shareOf = (part: number | null, requests: number): number | null =>
  part === null || requests === 0 ? null : Math.min(1, part / requests);

/**
 * Rates of all pods by the counters of those that answered: the silent ones serve as much as these. A
 * window that spans a long gap has a mean that says nothing about now: it only gives the next its base.
 */
function fromCounters(
  previous: Counters | null,
  pods: readonly PodCounters[],
  now: { measuredAtMs: number; silentPods: number; beatMs: number },
): Rates {
  const { measuredAtMs, silentPods, beatMs } = now;
  const windowMs = previous === null ? null : windowOf(previous, measuredAtMs, beatMs);
  if (previous === null || windowMs === null) return UNKNOWN;
  const totals = totalsOf(previous, pods);
  const answered = pods.length / (pods.length + silentPods);
  if (totals.pods === 0 || answered < ANSWERED_MIN) return UNKNOWN;
  return {
    windowMs,
    requestsPerSecond: (totals.arrived / answered) * (1000 / windowMs),
    requests: totals.requests / answered,
    lateRatio: shareOf(totals.late, totals.requests),
    failedRatio: shareOf(totals.failed, totals.requests),
  };
}

function ratesOf(previous: Counters | null, state: ObservedState, beatMs: number): Rates {
  const { readings } = state;
  if (readings === null || readings.measuredAtMs === null) return UNKNOWN;
  if (readings.counters !== null) {
    const { measuredAtMs, silentPods } = readings;
    return fromCounters(previous, readings.counters, { measuredAtMs, silentPods, beatMs });
  }
  if (readings.rates === null) return UNKNOWN;
  const { windowMs, requestsPerSecond, lateRatio, failedRatio } = readings.rates;
  const requests = requestsPerSecond === null ? null : (requestsPerSecond * windowMs) / 1000;
  return { windowMs, requestsPerSecond, requests, lateRatio, failedRatio };
}

const passedMs = (previous: Counters | null, { observedAtMs }: ObservedState): number =>
  observedAtMs - (previous?.observedAtMs ?? -Infinity);

/** Nominal time between looks: the time since the last one, where that was a beat. */
function intervalOf(previous: Counters | null, state: ObservedState): number {
  const passed = passedMs(previous, state);
  if (passed >= 1000 && passed <= BEAT_MAX_MS) return passed;
  const alike = Math.abs(passed / (previous?.pauseMs ?? Infinity) - 1) <= BEAT_LIKENESS;
  return alike && passed <= SLOW_BEAT_MAX_MS ? passed : FIRST_INTERVAL_MS;
}

/** The time since the last look, where that was longer than most beats are. */
function pauseOf(previous: Counters | null, state: ObservedState): Pick<Counters, 'pauseMs'> {
  const passed = passedMs(previous, state);
  return passed > BEAT_MAX_MS && passed <= SLOW_BEAT_MAX_MS ? { pauseMs: passed } : {};
}

/** Whether a read is newer than the one before, or of a clock that was set back since. */
const isNewer = (beforeMs: number, measuredAtMs: number): boolean =>
  measuredAtMs > beforeMs || beforeMs - measuredAtMs > CLOCK_TURNED_MS;

/** Start-ups but those that are to come, by the clock of a node that is ahead: these would hide the others. */
const startupsOf = ({ startups, observedAtMs }: ObservedState): ObservedState['startups'] =>
  startups.filter(({ readyAtMs }) => readyAtMs <= observedAtMs + CLOCK_TURNED_MS);

/** Start-ups up to this time were reported. A time to come is of a clock that was set back since. */
const reportedUntil = (previous: Counters | null, { observedAtMs }: ObservedState): number =>
  Math.min(previous?.lastReadyAtMs ?? 0, observedAtMs + CLOCK_TURNED_MS);

/** Before any counters were read, and where a source has none: start-ups are reported once all the same. */
const NO_COUNTERS = { measuredAtMs: -1, pods: [] };

function nextCounters(previous: Counters | null, state: ObservedState): Counters {
  const before = previous ?? NO_COUNTERS;
  const lastReadyAtMs = startupsOf(state).reduce(
    (latest, one) => Math.max(latest, one.readyAtMs),
    reportedUntil(previous, state),
  );
  const { observedAtMs } = state;
  const pause = pauseOf(previous, state);
  const { counters: pods = null, measuredAtMs = null } = state.readings ?? {};
  if (pods !== null && measuredAtMs !== null && isNewer(before.measuredAtMs, measuredAtMs)) {
    return { observedAtMs, ...pause, measuredAtMs, pods, lastReadyAtMs };
  }
  const { measuredAtMs: readAtMs, pods: read } = before;
  return { observedAtMs, ...pause, measuredAtMs: readAtMs, pods: read, lastReadyAtMs };
}

type Levels = Pick<
  Sample,
  'latencyP95Ms' | 'cpuUtilization' | 'memoryUtilization' | 'inFlight' | 'lagMessages'
>;

const DARK: Levels = {
  latencyP95Ms: null,
  cpuUtilization: null,
  memoryUtilization: null,
  inFlight: null,
  lagMessages: null,
};

function levelsOf(readings: ObservedState['readings']): Levels {
  if (readings === null) return DARK;
  const { latencyP95Ms, cpuUtilization, memoryUtilization, inFlight, lagMessages } = readings;
  return { latencyP95Ms, cpuUtilization, memoryUtilization, inFlight, lagMessages };
}

/**
 * Turns one observation into what the core sees, by the counters of the one before.
 * @param intervalMs nominal time to the next observation, where the caller knows it.
 */
export function measure(
  previous: Counters | null,
  state: ObservedState,
  intervalMs?: number,
): { sample: Sample; counters: Counters } {
  const seen = reportedUntil(previous, state);
  const beatMs = intervalMs ?? intervalOf(previous, state);
  const sample: Sample = {
    atMs: state.observedAtMs,
    measuredAtMs: state.readings?.measuredAtMs ?? null,
    ...ratesOf(previous, state, beatMs),
    ...levelsOf(state.readings),
    replicas: state.replicas ?? { desired: 0, ready: 0, starting: 0, draining: 0 },
    startups: startupsOf(state)
      .filter((one) => one.readyAtMs > seen)
      .map((one) => one.seconds),
    intervalMs: beatMs,
  };
  return { sample, counters: nextCounters(previous, state) };
}
