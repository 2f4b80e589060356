// The shapes of load: pure rates at a time, in requests per second.

export const PATTERNS = [
  'constant',
  'ramp',
  'step',
  'spike',
  'sine',
  'poisson',
  'daily',
  'replay',
] as const;
type PatternName = (typeof PATTERNS)[number];

/** One point of a trace: `tSeconds` from its start, mean rate from here to the next point. */
export interface TracePoint {
  readonly tSeconds: number;
  readonly perSecond: number;
}

/** Everything that decides which requests are due when. Plain JSON; the same plan, the same load. */
export interface Plan {
  readonly pattern: PatternName;
  /** Length of the pattern itself. */
  readonly durationSeconds: number;
  /** At the base rate before the pattern begins. */
  readonly startupSeconds: number;
  readonly peakPerSecond: number;
  readonly basePerSecond: number;
  /** `poisson`: random gaps with the pattern's rate. `even`: as regular as the rate allows. */
  readonly arrivals: 'even' | 'poisson';
  readonly seed: number;
  /** spike: when it rises, how fast it rises and falls, how long it stays. */
  readonly spike: {
    readonly atSeconds: number;
    readonly riseSeconds: number;
    readonly holdSeconds: number;
  };
  /** step: number of equal steps from base to peak. */
  readonly steps: number;
  /** sine: one wave. daily: one day. */
  readonly periodSeconds: number;
  /** replay: the trace, scaled to the plan's duration and peak. */
  readonly trace: readonly TracePoint[];
}

export const totalSecondsOf = (plan: Plan): number => plan.startupSeconds + plan.durationSeconds;

/** Share of the way from the night's low to the evening's peak, by hour: an ordinary web service. */
const DAY = [
  0.22, 0.12, 0.06, 0.02, 0, 0.02, 0.08, 0.22, 0.45, 0.66, 0.78, 0.83, 0.8, 0.76, 0.76, 0.78, 0.8,
  0.83, 0.9, 0.98, 1, 0.88, 0.66, 0.42,
] as const;

/** Smooth between two hours, with no slope at either. */
const ease = (x: number): number => (1 - Math.cos(Math.PI * x)) / 2;

function dayShare(phase: number): number {
  const hour = phase * DAY.length;
  const from = DAY[Math.floor(hour) % DAY.length] ?? 0;
  const to = DAY[(Math.floor(hour) + 1) % DAY.length] ?? 0;
  return from + (to - from) * ease(hour % 1);
}

function spikeShare({ atSeconds, riseSeconds, holdSeconds }: Plan['spike'], t: number): number {
  const since = t - atSeconds;
  if (since < 0) return 0;
  if (since < riseSeconds) return since / riseSeconds;
  const falling = since - riseSeconds - holdSeconds;
  if (falling <= 0) return 1;
  return falling < riseSeconds ? 1 - falling / riseSeconds : 0;
}

/** Where the trace's interval at `t` stands in it; -1 before its start. */
function intervalAt(trace: readonly TracePoint[], t: number): number {
  let low = 0;
  let high = trace.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trace[middle]?.tSeconds ?? Infinity) <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The area below the trace between two times of it. */
function traceArea(trace: readonly TracePoint[], fromSeconds: number, toSeconds: number): number {
  let area = 0;
  for (let i = Math.max(0, intervalAt(trace, fromSeconds)); i < trace.length; i += 1) {
    const start = Math.max(fromSeconds, trace[i]?.tSeconds ?? Infinity);
    if (start >= toSeconds) break;
    const end = Math.min(toSeconds, trace[i + 1]?.tSeconds ?? Infinity);
    area += (end - start) * (trace[i]?.perSecond ?? 0);
  }
  return area;
}

/** Share of the way from base to peak at `t` seconds into the pattern. */
const SHARE: Record<Exclude<PatternName, 'replay'>, (plan: Plan, t: number) => number> = {
  constant: () => 1,
  poisson: () => 1,
  ramp: (plan, t) => t / plan.durationSeconds,
  step: ({ steps, durationSeconds }, t) =>
    Math.min(steps, Math.floor((t / durationSeconds) * (steps + 1))) / steps,
  spike: (plan, t) => spikeShare(plan.spike, t),
  sine: (plan, t) => (1 - Math.cos((2 * Math.PI * t) / plan.periodSeconds)) / 2,
  daily: (plan, t) => dayShare((t / plan.periodSeconds) % 1),
};

/** Requests per second at `tSeconds` from the start; 0 before and after. */
export function rateAt(plan: Plan, tSeconds: number): number {
  if (tSeconds < 0 || tSeconds >= totalSecondsOf(plan)) return 0;
  const t = tSeconds - plan.startupSeconds;
  if (t < 0) return plan.basePerSecond;
  if (plan.pattern === 'replay') return plan.trace[intervalAt(plan.trace, t)]?.perSecond ?? 0;
  const share = SHARE[plan.pattern](plan, t);
  return plan.basePerSecond + (plan.peakPerSecond - plan.basePerSecond) * share;
}

/**
 * Requests of the plan in a short time: its rate in the middle, exact for straight lines. A trace may
 * have many intervals in that time, and each of them counts for what it has.
 */
export function requestsIn(plan: Plan, fromSeconds: number, seconds: number): number {
  if (plan.pattern !== 'replay') return rateAt(plan, fromSeconds + seconds / 2) * seconds;
  const t = fromSeconds - plan.startupSeconds;
  const resting = Math.max(0, Math.min(seconds, -t));
  return resting * plan.basePerSecond + traceArea(plan.trace, Math.max(0, t), t + seconds);
}

/** Enough for the parts of a pattern of any length: 5 ms of five minutes. */
const SUMMARY_STEPS = 60_000;

/** How many requests the plan has, the expected number of random ones, and its highest rate. */
export function summaryOf(plan: Plan): { requests: number; peakPerSecond: number } {
  const step = totalSecondsOf(plan) / SUMMARY_STEPS;
  let requests = 0;
  let peakPerSecond = rateAt(plan, 0);
  for (let i = 0; i < SUMMARY_STEPS; i += 1) {
    requests += requestsIn(plan, i * step, step);
    peakPerSecond = Math.max(peakPerSecond, rateAt(plan, (i + 0.5) * step));
  }
  for (const { perSecond } of plan.trace) peakPerSecond = Math.max(peakPerSecond, perSecond);
  return { requests: Math.round(requests), peakPerSecond };
}

/** The plan's rate at `points` equally spaced times, for a picture before the load is sent. */
export function preview(plan: Plan, points: number): { tSeconds: number; perSecond: number }[] {
  const step = totalSecondsOf(plan) / points;
  return Array.from({ length: points }, (_, i) => {
    const tSeconds = i * step;
    // of a trace the mean: a single interval may be narrower than what lies between two points
    const isTrace = plan.pattern === 'replay';
    const perSecond = isTrace ? requestsIn(plan, tSeconds, step) / step : rateAt(plan, tSeconds);
    return { tSeconds, perSecond };
  });
}
