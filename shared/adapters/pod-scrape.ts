import { podKey, type PodCounters } from '../events/index.ts';
import type { Pod } from '../ports.ts';
import {
  countBelow,
  histogramOf,
  histogramSince,
  parsePrometheus,
  quantileOf,
  type Histogram,
  type Series,
} from './prometheus-text.ts';

const REQUESTS = 'http_requests_total';
const FAMILY = 'http_requests'; // as OpenMetrics declares it
const DURATION = 'http_request_duration_seconds';
/** A family that has no series yet, as before the first request: known to be zero. */
const DECLARED = new RegExp(`^# (?:TYPE|HELP) (?:${REQUESTS}|${FAMILY}|${DURATION})\\s`, 'm');
const WANTED = new Set([
  REQUESTS,
  `${DURATION}_bucket`,
  `${DURATION}_count`,
  'http_requests_in_flight',
  'http_queue_length',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'workload_busy_seconds_total',
  'workload_slots',
]);

/** One pod as it was at `atMs`. */
export interface Scrape {
  readonly atMs: number;
  /** Null where the pod does not count its requests under these names. */
  readonly counters: PodCounters | null;
  /** CPU seconds per requested core: its rate is the utilisation that an HPA would see. */
  readonly cpuSeconds: number | null;
  readonly histogram: Histogram | null;
  readonly memoryBytes: number | null;
  readonly inFlight: number | null;
}

const sum = (series: readonly Series[], name: string, filter?: (s: Series) => boolean) => {
  const found = series.filter((s) => s.name === name && (filter?.(s) ?? true));
  return found.length === 0 ? null : found.reduce((total, { value }) => total + value, 0);
};

/** Less than nothing, as of a gauge that an aborted request is taken off twice, tells nothing. */
const told = (value: number | null): number | null => (value === null || value < 0 ? null : value);

/**
 * The demo holds its slots by a timer and uses next to no CPU: it says itself how busy they were, and
 * that counts as its CPU, as it would with work that burns it.
 */
function cpuSeconds(series: readonly Series[], pod: Pod): number | null {
  const busy = sum(series, 'workload_busy_seconds_total');
  const slots = sum(series, 'workload_slots');
  if (busy !== null && slots !== null && slots > 0) return busy / slots;
  const used = sum(series, 'process_cpu_seconds_total');
  const asked = pod.cpuRequestCores ?? 1;
  return used === null || asked === 0 ? null : used / asked;
}

const isFailure = ({ labels }: Series): boolean => (labels['code'] ?? '').startsWith('5');

function countersOf(
  series: readonly Series[],
  histogram: Histogram | null,
  { declared, sloLatencyMs }: { readonly declared: boolean; readonly sloLatencyMs: number },
): Pick<PodCounters, 'requests' | 'late' | 'failed'> | null {
  const requests = told(sum(series, REQUESTS) ?? histogram?.total ?? (declared ? 0 : null));
  if (requests === null) return null;
  const failed = told(sum(series, REQUESTS, isFailure)) ?? 0;
  const slow = histogram && told(histogram.total - countBelow(histogram, sloLatencyMs / 1000));
  return {
    requests,
    late: slow === null ? null : Math.min(requests, slow + failed),
    failed: Math.min(requests, failed),
  };
}

const insideOf = (series: readonly Series[]): number | null =>
  told(sum(series, 'http_requests_in_flight') ?? sum(series, 'http_queue_length'));

/** Reads the text of one pod's `/metrics`. */
export function scrapeOf(
  body: string,
  pod: Pod,
  when: { readonly atMs: number; readonly sloLatencyMs: number },
): Scrape {
  const series = parsePrometheus(body, (name) => WANTED.has(name));
  const histogram = histogramOf(series, DURATION);
  const { sloLatencyMs } = when;
  const inFlight = insideOf(series);
  const counted = countersOf(series, histogram, { declared: DECLARED.test(body), sloLatencyMs });
  return {
    atMs: when.atMs,
    histogram,
    counters: counted && {
      pod: podKey(pod.uid),
      startedAtMs: pod.readyAtMs ?? pod.createdAtMs,
      inFlight,
      ...counted,
    },
    cpuSeconds: cpuSeconds(series, pod),
    memoryBytes: told(sum(series, 'process_resident_memory_bytes')),
    inFlight,
  };
}

/** A pod now, and as it was at the look before. */
export type Pair = readonly [now: Scrape, before: Scrape | undefined];

const added = (one: Histogram | null, other: Histogram): Histogram =>
  one?.bounds.length !== other.bounds.length
    ? other
    : {
        bounds: other.bounds,
        counts: other.counts.map((value, index) => value + (one.counts[index] ?? 0)),
        total: one.total + other.total,
      };

/** p95 of what was served since the look before, over all pods; null where that is not known. */
export function latencyP95Ms(pairs: readonly Pair[]): number | null {
  const merged = pairs
    .flatMap(([now, before]) => {
      const [later, earlier] = [now.histogram, before?.histogram ?? null];
      const since = later && earlier && histogramSince(later, earlier);
      return since === null ? [] : [since];
    })
    .reduce<Histogram | null>(added, null);
  const seconds = merged === null ? null : quantileOf(merged, 0.95);
  return seconds === null ? null : seconds * 1000;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;

/** Mean over pods of CPU used / requested since the look before. */
export const cpuUtilization = (pairs: readonly Pair[]): number | null =>
  mean(
    pairs.flatMap(([now, before]) => {
      const [later, earlier] = [now.cpuSeconds, before?.cpuSeconds ?? null];
      if (before === undefined || later === null || earlier === null) return [];
      if (now.atMs <= before.atMs || later < earlier) return [];
      return [((later - earlier) * 1000) / (now.atMs - before.atMs)];
    }),
  );

/** Mean over pods of memory used / requested. */
export const memoryUtilization = (
  pods: readonly Pod[],
  scrapes: readonly (Scrape | null)[],
): number | null =>
  mean(
    scrapes.flatMap((scrape, index) => {
      const asked = pods[index]?.memoryRequestBytes ?? 0;
      const used = scrape?.memoryBytes ?? null;
      return used === null || asked === 0 ? [] : [used / asked];
    }),
  );

/** Requests inside, over the pods that say; null where none does. */
export function inFlightOf(scrapes: readonly Scrape[]): number | null {
  const known = scrapes.flatMap(({ inFlight }) => (inFlight === null ? [] : [inFlight]));
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}
