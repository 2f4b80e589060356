import type { Sample } from '#shared/domain/types.ts';
import type { Series } from './view.ts';

/** A minute, or here a beat, violates the SLO when more than this share of its requests was late. */
export const LATE_LIMIT = 0.01;

/** Longest time one observation speaks for; a longer gap is unknown. */
const MAX_SPAN_MS = 60_000;

/** What the charts show of one beat, or of one bucket of beats. */
export interface Point {
  readonly atMs: number;
  readonly spanMs: number;
  readonly requestsPerSecond: number | null;
  readonly lateRatio: number | null;
  readonly latencyP95Ms: number | null;
  readonly cpuUtilization: number | null;
  readonly ready: number | null;
  readonly starting: number | null;
  readonly draining: number | null;
  /** Requests/s one pod carries at the knee. */
  readonly podCapacity: number | null;
  readonly hpaReplicas: number | null;
  readonly violatingSeconds: number;
  /** Sums since the first beat with an answer of HPA. */
  readonly ourPodSeconds: number;
  readonly hpaPodSeconds: number;
}

/** The newest decision's share of a point: it stands until the next decision. */
export interface Standing {
  readonly podCapacity: number | null;
  readonly hpaReplicas: number | null;
}

/** What a beat shows whose target could not be read. */
const NOTHING = {
  requestsPerSecond: null,
  lateRatio: null,
  latencyP95Ms: null,
  cpuUtilization: null,
};

const FIRST = { ourPodSeconds: 0, hpaPodSeconds: 0 };

/** The next point of a target. `sample` is null where nothing could be read. */
export function nextPoint(
  atMs: number,
  sample: Sample | null,
  standing: Standing,
  previous: Point | undefined,
): Point {
  const spanMs = previous === undefined ? 0 : Math.min(atMs - previous.atMs, MAX_SPAN_MS);
  const { requestsPerSecond, lateRatio, latencyP95Ms, cpuUtilization } = sample ?? NOTHING;
  const { ready, starting, draining } = sample?.replicas ?? UNCOUNTED;
  const sums = previous ?? FIRST;
  const hpa = standing.hpaReplicas;
  const seconds = ready === null || hpa === null ? 0 : spanMs / 1000; // only what can be compared
  return {
    atMs,
    spanMs,
    ...{ requestsPerSecond, lateRatio, latencyP95Ms, cpuUtilization },
    ...{ ready, starting, draining },
    ...standing,
    violatingSeconds: lateRatio !== null && lateRatio > LATE_LIMIT ? spanMs / 1000 : 0,
    ourPodSeconds: sums.ourPodSeconds + sumOf(ready, starting, draining) * seconds,
    hpaPodSeconds: sums.hpaPodSeconds + sumOf(hpa) * seconds,
  };
}

const UNCOUNTED = { ready: null, starting: null, draining: null };

const sumOf = (...counts: readonly (number | null)[]): number =>
  counts.reduce<number>((sum, each) => sum + (each ?? 0), 0);

type Field = 'requestsPerSecond' | 'cpuUtilization' | 'lateRatio' | 'latencyP95Ms' | 'starting';

const knownOf = (points: readonly Point[], field: Field): number[] =>
  points.map((point) => point[field]).filter((value) => value !== null);

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const largest = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.max(...values);

/** One point for several: means of load, the worst of what hurts, the last of what is counted. */
export function merge(points: readonly Point[]): Point | undefined {
  const last = points.at(-1);
  if (last === undefined || points.length === 1) return last;
  return {
    ...last,
    spanMs: points.reduce((sum, point) => sum + point.spanMs, 0),
    requestsPerSecond: mean(knownOf(points, 'requestsPerSecond')),
    cpuUtilization: mean(knownOf(points, 'cpuUtilization')),
    lateRatio: largest(knownOf(points, 'lateRatio')),
    latencyP95Ms: largest(knownOf(points, 'latencyP95Ms')),
    starting: largest(knownOf(points, 'starting')),
    violatingSeconds: points.reduce((sum, point) => sum + point.violatingSeconds, 0),
  };
}

const STEPS_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400];

/** Width of the buckets that shows `rangeMs` in at most `most` of them. */
export const stepFor = (rangeMs: number, most: number): number =>
  STEPS_SECONDS.find((step) => rangeMs / 1000 / step <= most) ?? 86_400;

function buckets(points: readonly Point[], stepMs: number): Point[] {
  const rows: Point[] = [];
  let open: Point[] = [];
  const close = (): void => {
    const merged = merge(open);
    if (merged !== undefined) rows.push(merged);
    open = [];
  };
  for (const point of points) {
    const first = open[0];
    if (first !== undefined && bucketOf(first, stepMs) !== bucketOf(point, stepMs)) close();
    open.push(point);
  }
  close();
  return rows;
}

const bucketOf = (point: Point, stepMs: number): number => Math.floor(point.atMs / stepMs);

const times = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a * b;

/** The columns of a chart. Points must be in order of time. */
export function toSeries(
  target: string,
  points: readonly Point[],
  range: Pick<Series, 'fromMs' | 'toMs' | 'stepSeconds' | 'changes'>,
): Series {
  const rows = buckets(points, range.stepSeconds * 1000);
  return {
    target,
    ...range,
    atMs: rows.map((row) => row.atMs),
    requestsPerSecond: rows.map((row) => row.requestsPerSecond),
    ready: rows.map((row) => row.ready),
    starting: rows.map((row) => row.starting),
    draining: rows.map((row) => row.draining),
    capacityReady: rows.map((row) => times(row.ready, row.podCapacity)),
    capacityStarting: rows.map((row) => times(row.starting, row.podCapacity)),
    hpaReplicas: rows.map((row) => row.hpaReplicas),
    hpaCapacity: rows.map((row) => times(row.hpaReplicas, row.podCapacity)),
    latencyP95Ms: rows.map((row) => row.latencyP95Ms),
    lateRatio: rows.map((row) => row.lateRatio),
    cpuUtilization: rows.map((row) => row.cpuUtilization),
    violatingSeconds: rows.map((row) => row.violatingSeconds),
    versusHpaPodSeconds: rows.map((row) =>
      row.hpaPodSeconds === 0 ? null : row.ourPodSeconds - row.hpaPodSeconds,
    ),
  };
}
