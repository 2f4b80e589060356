// Prometheus text exposition, as far as one pod's `/metrics` needs it.

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Name, labels, value. The labels end at the first brace outside of quotes: an exemplar has braces too. */
const LINE =
  /^[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}[ \t]*|[ \t]+)(\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"/g;

const labelsOf = (body: string | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(body ?? '').matchAll(LABEL)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );

/** Beyond it a number counts nothing any more, and a sum may be infinite. */
const isCount = (value: number): boolean => Math.abs(value) <= Number.MAX_SAFE_INTEGER;

/** Series whose names `wanted` accepts. Lines it cannot read and values that count nothing are left out. */
export function parsePrometheus(body: string, wanted: (name: string) => boolean): Series[] {
  const series: Series[] = [];
  for (const line of body.split('\n')) {
    const match = LINE.exec(line);
    if (match?.[1] === undefined || !wanted(match[1])) continue;
    const value = Number(match[3]);
    if (isCount(value)) series.push({ name: match[1], labels: labelsOf(match[2]), value });
  }
  return series;
}

export interface Histogram {
  /** Upper bounds in seconds, ascending, and how many were at or below each. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly total: number;
}

/** Sums the series of one histogram over all its other labels. Null where there is none. */
export function histogramOf(series: readonly Series[], name: string): Histogram | null {
  const buckets = new Map<number, number>();
  let count = 0;
  for (const { name: at, labels, value } of series) {
    if (at === `${name}_count`) count += value;
    if (at !== `${name}_bucket`) continue;
    const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
    if (bound >= 0) buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  const bounds = [...buckets.keys()].filter(Number.isFinite).sort((a, b) => a - b);
  if (bounds.length === 0) return null;
  const counts = bounds.map((bound) => buckets.get(bound) ?? 0);
  // some exporters leave the count out, or write it a moment before the buckets
  return { bounds, counts, total: Math.max(count, buckets.get(Infinity) ?? 0, ...counts) };
}

/** How many were at or below `seconds`: linear within the bucket that holds it. */
export function countBelow({ bounds, counts, total }: Histogram, seconds: number): number {
  const above = bounds.findIndex((bound) => bound >= seconds);
  if (above === -1) return counts.at(-1) ?? total;
  const bound = bounds[above] ?? seconds;
  const high = counts[above] ?? 0;
  const lowBound = bounds[above - 1] ?? 0;
  const low = counts[above - 1] ?? 0;
  return low + ((high - low) * (seconds - lowBound)) / (bound - lowBound);
}

/** The `share` quantile in seconds, linear within its bucket; null where nothing was counted. */
export function quantileOf(histogram: Histogram, share: number): number | null {
  const { bounds, counts, total } = histogram;
  if (total <= 0) return null;
  const rank = share * total;
  const index = counts.findIndex((value) => value >= rank);
  if (index === -1) return bounds.at(-1) ?? null; // beyond the last bound: at least that
  const low = counts[index - 1] ?? 0;
  const lowBound = bounds[index - 1] ?? 0;
  const width = (bounds[index] ?? 0) - lowBound;
  const inside = (counts[index] ?? 0) - low;
  return inside === 0 ? lowBound : lowBound + (width * (rank - low)) / inside;
}

/** What was counted between two readings; null where a counter went back (the process restarted). */
export function histogramSince(now: Histogram, before: Histogram): Histogram | null {
  if (now.bounds.length !== before.bounds.length || now.total < before.total) return null;
  return {
    bounds: now.bounds,
    counts: now.counts.map((value, index) => value - (before.counts[index] ?? 0)),
    total: now.total - before.total,
  };
}
