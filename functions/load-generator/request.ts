import { z } from 'zod';
import { PATTERNS, type Plan } from './pattern.ts';
import { fitTrace, parseTrace } from './trace.ts';

const MAX_SECONDS = 86_400;
const MAX_PER_SECOND = 20_000;
const seconds = z.number().min(0).max(MAX_SECONDS);
const perSecond = z.number().max(MAX_PER_SECOND);

/**
 * Body of `POST /load/generate` and `POST /load/preview`. The first four keys are those that users of
 * the original system know; with only them everything else has a sensible value.
 */
export const LoadRequest = z
  .strictObject({
    pattern: z.enum(PATTERNS),
    /** Seconds. */
    duration: z.number().min(1).max(MAX_SECONDS),
    /** `http`, `kafka`, or a URL that the operator of this service has allowed. */
    target: z.string().min(1).max(2000).default('http'),
    /** Percent of the configured greatest rate (MAX_RATE, 800 requests/s): the peak. */
    intensity: z.number().gt(0).max(100).optional(),
    /** The peak in requests/s, instead of intensity. */
    rate: perSecond.gt(0).optional(),
    /** Requests/s at rest. Default: 5 % of MAX_RATE, at most half of the peak. */
    baseRate: perSecond.min(0).optional(),
    seed: z.int().min(0).max(4_294_967_295).default(1),
    arrivals: z.enum(['even', 'poisson']).optional(),
    /** At the base rate before the pattern; left out of latencies and SLO. */
    startupSeconds: seconds.default(0),
    /** A request that takes longer, from its intended time, is late. */
    sloMilliseconds: z.int().min(1).max(600_000).default(500),
    /** spike: when it begins (20 % of the duration), how long it rises and falls (20 s), holds (40 %). */
    spikeAtSeconds: seconds.optional(),
    riseSeconds: seconds.optional(),
    holdSeconds: seconds.optional(),
    /** step: equal steps from base to peak. */
    steps: z.int().min(1).max(1000).default(1),
    /** sine: one wave (a quarter of the duration). daily: one day (600 s, at most the duration). */
    periodSeconds: z.number().min(1).max(MAX_SECONDS).optional(),
    /** replay: a CSV with header `t_s,rps`, or the name of a file in the trace directory. */
    trace: z.string().min(1).max(1_000_000).optional(),
  })
  .superRefine((request, context) => {
    const refuse = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const peakless = request.intensity === undefined && request.rate === undefined;
    if (request.intensity !== undefined && request.rate !== undefined) {
      refuse('rate', 'intensity and rate exclude each other');
    }
    if (peakless && request.pattern !== 'replay') {
      refuse('intensity', 'needed: percent, above 0 and at most 100 (or rate, in requests/s)');
    }
    if (request.pattern === 'replay' && request.trace === undefined) {
      refuse('trace', 'needed by replay: a CSV with header t_s,rps, or the name of a file');
    }
    if (request.pattern !== 'replay' && request.trace !== undefined) {
      refuse('trace', `not used by ${request.pattern}`);
    }
  });
export type LoadRequest = z.infer<typeof LoadRequest>;

interface Rates {
  readonly peakPerSecond: number;
  readonly basePerSecond: number;
}

/** Patterns that are flat have no base; the others rest at 5 % of the greatest rate. */
function ratesOf(request: LoadRequest, maxRate: number): Rates {
  const peakPerSecond = request.rate ?? ((request.intensity ?? 100) / 100) * maxRate;
  return {
    peakPerSecond,
    basePerSecond: request.baseRate ?? Math.min(0.05 * maxRate, peakPerSecond / 2),
  };
}

function spikeOf(request: LoadRequest): Plan['spike'] {
  const { duration } = request;
  return {
    atSeconds: request.spikeAtSeconds ?? 0.2 * duration,
    riseSeconds: request.riseSeconds ?? Math.min(20, 0.1 * duration),
    holdSeconds: request.holdSeconds ?? 0.4 * duration,
  };
}

function periodOf({ pattern, duration, periodSeconds }: LoadRequest): number {
  if (periodSeconds !== undefined) return periodSeconds;
  return pattern === 'daily' ? Math.min(600, duration) : duration / 4;
}

/**
 * The plan a request stands for. `maxRate` is what 100 % means, in requests/s; `traceCsv` the text of
 * the trace for a replay. Throws `input.invalid` for a trace that cannot be read.
 */
export function planOf(request: LoadRequest, maxRate: number, traceCsv?: string): Plan {
  const { pattern, duration } = request;
  const { peakPerSecond, basePerSecond } = ratesOf(request, maxRate);
  const scaled = request.intensity !== undefined || request.rate !== undefined;
  return {
    pattern,
    durationSeconds: duration,
    startupSeconds: request.startupSeconds,
    peakPerSecond,
    basePerSecond,
    arrivals: request.arrivals ?? (pattern === 'poisson' ? 'poisson' : 'even'),
    seed: request.seed,
    spike: spikeOf(request),
    steps: request.steps,
    periodSeconds: periodOf(request),
    trace:
      traceCsv === undefined
        ? []
        : fitTrace(parseTrace(traceCsv), duration, {
            peakPerSecond: scaled ? peakPerSecond : undefined,
            limit: MAX_PER_SECOND,
          }),
  };
}
