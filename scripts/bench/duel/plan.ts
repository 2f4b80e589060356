// What a duel consists of: its load, its runs and their order. Pure.
import { NimbusError } from '#shared/errors.ts';
import type { Trace } from '../../replay/trace.ts';

/** Seconds at the base rate before the pattern: every controller settles on it; nothing of it is scored. */
export const LEAD_SECONDS = 45;
export const HPA_TARGET_PERCENT = 70;

/** The peer that the others are judged by. */
export const PEER = 'HPA-70';
/** NimbusGuard's modes that can fight it. */
export const MODES = ['act', 'floor'] as const;
/** In the order in which the report names them. */
export const CONTENDERS = [PEER, ...MODES] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface Fight {
  readonly contender: Contender;
  readonly seed: number;
}

/**
 * Long enough to show what an HPA costs as well as what it misses: it keeps its largest answer for
 * 300 s. A spike with 200 s of rest behind it, three waves of 300 s, three days of 600 s.
 */
const DEFAULT_SECONDS = { spike: 600, sine: 900, daily: 1800 } as const;
type Shape = keyof typeof DEFAULT_SECONDS;
const REPLAY_SECONDS = 600;
const DAY_SECONDS = 600;

const isShape = (pattern: string): pattern is Shape => Object.hasOwn(DEFAULT_SECONDS, pattern);

/** What `--pattern` names: a shape of the load generator, or the path of a trace. */
export function patternOf(text: string | undefined): Shape | { readonly path: string } {
  if (text !== undefined && isShape(text)) return text;
  if (text !== undefined && /\.csv(\.gz)?$/i.test(text)) return { path: text };
  const given = text === undefined ? 'nothing' : JSON.stringify(text);
  throw new NimbusError(
    'input.invalid',
    `--pattern must be ${Object.keys(DEFAULT_SECONDS).join(', ')} or the path of a trace FILE.csv (got ${given})`,
  );
}

export const defaultSeconds = (pattern: ReturnType<typeof patternOf>): number =>
  typeof pattern === 'string' ? DEFAULT_SECONDS[pattern] : REPLAY_SECONDS;

/** The trace as the load generator reads it, with at most one point per second of its play. */
export function playableCsv({ rps, stepSeconds }: Trace, durationSeconds: number): string {
  const points = Math.max(2, Math.min(rps.length, Math.floor(durationSeconds)));
  const rows = Array.from({ length: points }, (_, i) => {
    const from = Math.floor((i * rps.length) / points);
    const part = rps.subarray(from, Math.floor(((i + 1) * rps.length) / points));
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    return `${from * stepSeconds},${mean.toPrecision(6)}`;
  });
  return ['t_s,rps', ...rows, ''].join('\n');
}

export interface LoadSettings {
  readonly pattern: Shape | { readonly trace: Trace };
  readonly durationSeconds: number;
  readonly peakPerSecond: number;
}

const dayOf = (durationSeconds: number): number => Math.min(DAY_SECONDS, durationSeconds);

/** Body of `POST /load/generate`: the same seed, the same requests at the same times. */
export function loadOf({ pattern, durationSeconds, peakPerSecond }: LoadSettings, seed: number) {
  const common = {
    target: 'http',
    duration: durationSeconds,
    rate: peakPerSecond,
    startupSeconds: LEAD_SECONDS,
    arrivals: 'poisson',
    seed,
  };
  if (typeof pattern !== 'string') {
    return { ...common, pattern: 'replay', trace: playableCsv(pattern.trace, durationSeconds) };
  }
  if (pattern === 'spike') return { ...common, pattern };
  const periodSeconds = pattern === 'sine' ? durationSeconds / 3 : dayOf(durationSeconds);
  return { ...common, pattern, periodSeconds };
}

/** From when on there is a season to have learned from: the second day of the daily pattern. */
export const learnedFromSecond = ({ pattern, durationSeconds }: LoadSettings): number =>
  pattern === 'daily' ? dayOf(durationSeconds) : 0;

/** Every contender under every seed. Who begins changes with the seed, as a machine's mood does. */
export function fightsOf(seeds: number, contenders: readonly Contender[] = CONTENDERS): Fight[] {
  return Array.from({ length: seeds }, (_, i) => {
    const first = i % contenders.length;
    const order = [...contenders.slice(first), ...contenders.slice(0, first)];
    return order.map((contender) => ({ contender, seed: i + 1 }));
  }).flat();
}
