import { NimbusError, messageOf } from '#shared/errors.ts';
import { withoutMark, type Lines } from './input.ts';
import { isNumber } from './trace.ts';

/** Times in seconds of the Unix epoch with what was measured there. */
export interface Measured {
  /** Seconds of the Unix epoch. */
  readonly at: number;
  /** Requests/s over the interval that starts there; NaN: it was asked for and is not known. */
  readonly rps: number;
}

/** What a source says, and how it was understood where that is not plain. */
export interface Converted {
  readonly measured: Measured[];
  readonly notes: readonly string[];
}

/** Seconds of the epoch from a number in whichever unit a tool counts them: s, ms, µs or ns. */
export function epochSeconds(value: number): number {
  if (value > 1e17) return value / 1e9;
  if (value > 1e14) return value / 1e6;
  return value > 1e11 ? value / 1e3 : value; // 1e11 s is the year 5138
}

export const refuse = (what: string, where: string, why: string): never => {
  throw new NimbusError('input.invalid', `${what}: ${where}: ${why}`);
};

/** What Prometheus answers to a range query, as far as it may be wrong. */
interface PrometheusAnswer {
  readonly error?: unknown;
  readonly data?: { readonly result?: unknown } | null;
}

/** `values` of its series: [seconds, "number"] pairs. */
type PrometheusSeries = {
  readonly metric?: { readonly __name__?: unknown; readonly le?: unknown } | null;
  readonly values?: unknown;
  readonly histograms?: unknown;
} | null;

const COUNTER = /_(total|count|sum|bucket)$/;

/**
 * What is no rate of requests. Functions drop the name of a metric: what still has that of a counter was
 * never made a rate.
 */
function refuseCounter(what: string, where: string, series: PrometheusSeries): void {
  if (series?.metric?.le !== undefined) {
    refuse(what, where, 'buckets (label le) count a request several times; ask for the _count');
  }
  if (series?.histograms !== undefined) {
    refuse(what, where, 'a native histogram; ask for sum(histogram_count(rate(…[1m])))');
  }
  const name = series?.metric?.__name__;
  if (typeof name !== 'string' || !COUNTER.test(name)) return;
  refuse(what, where, `${name} is a counter; ask for its rate: sum(rate(${name}[1m]))`);
}

function seriesOf(what: string, text: string): PrometheusSeries[] {
  let answer: unknown;
  try {
    answer = JSON.parse(withoutMark(text));
  } catch (error) {
    const why = messageOf(error);
    return refuse(what, 'document', `not JSON (${why})`);
  }
  const { error, data } = (answer ?? {}) as PrometheusAnswer;
  if (typeof error === 'string') refuse(what, 'document', `the query failed: ${error}`);
  const result = data?.result;
  if (!Array.isArray(result) || result.length === 0) {
    refuse(what, 'data.result', 'expected the series of a range query (query_range), got none');
  }
  return result as PrometheusSeries[];
}

function prometheusPair(what: string, where: string, pair: unknown): Measured {
  const [at, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
  const rps = typeof value === 'string' && isNumber(value) ? Number(value) : Number.NaN;
  if (typeof at !== 'number' || !(rps >= 0 || value === 'NaN')) {
    return refuse(what, where, `expected [seconds, "rate ≥ 0"] (got ${JSON.stringify(pair)})`);
  }
  return { at: epochSeconds(at), rps };
}

/** The answer of Prometheus' `query_range` for a rate; several are summed, NaN makes it unknown. */
export function fromPrometheus(what: string, text: string): Converted {
  const sums = new Map<number, number>();
  seriesOf(what, text).forEach((series, i) => {
    refuseCounter(what, `data.result[${i}]`, series);
    if (!Array.isArray(series?.values)) {
      return refuse(what, `data.result[${i}].values`, 'expected pairs; is this an instant query?');
    }
    (series.values as unknown[]).forEach((pair, j) => {
      const { at, rps } = prometheusPair(what, `data.result[${i}].values[${j}]`, pair);
      sums.set(at, (sums.get(at) ?? 0) + rps);
    });
  });
  const measured = [...sums].map(([at, rps]) => ({ at, rps })).sort((a, b) => a.at - b.at);
  return { measured, notes: [] };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LARGEST = [23, 59, 60]; // hour, minute, second
const STAMP = /\[(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\]/;

/** Time of one line of an access log in the combined format, seconds; null where it has none. */
export function logTime(line: string): number | null {
  const found = STAMP.exec(line);
  if (found === null) return null;
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const monthIndex = MONTHS.indexOf(month ?? '');
  const clock = [Number(hour), Number(minute), Number(second)] as const;
  if (monthIndex < 0 || clock.some((value, i) => value > (LARGEST[i] ?? 0))) return null;
  const midnight = new Date(Date.UTC(Number(year), monthIndex, Number(day)));
  if (midnight.getUTCDate() !== Number(day)) return null;
  const utc = midnight.getTime() + ((clock[0] * 60 + clock[1]) * 60 + clock[2]) * 1000;
  const offset = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1);
  return utc / 1000 - offset;
}

const MAX_BAD_SHARE = 0.01; // of the lines; more means that it is another format
const MAX_SLOTS = 5_000_000; // what a trace may have

/** Lines per interval, and lines that have no time. */
class Counted {
  readonly counts = new Map<number, number>();
  lines = 0;
  bad = 0;
  firstBad = 1;

  add(text: string, line: number, stepSeconds: number): void {
    if (text.trim() === '') return;
    this.lines += 1;
    const time = logTime(text);
    if (time === null) {
      this.bad += 1;
      if (this.bad === 1) this.firstBad = line;
      return;
    }
    const slot = Math.floor(time / stepSeconds) * stepSeconds;
    this.counts.set(slot, (this.counts.get(slot) ?? 0) + 1);
  }
}

async function countLines(parts: Lines, stepSeconds: number): Promise<Counted> {
  const counted = new Counted();
  let line = 0;
  for await (const part of parts) {
    for (const text of part) {
      line += 1;
      counted.add(text, line, stepSeconds);
    }
  }
  return counted;
}

/** Counts the lines of an nginx or Apache access log per interval. Order does not matter. */
export async function fromAccessLog(
  what: string,
  parts: Lines,
  stepSeconds: number,
): Promise<Converted> {
  const { counts, lines, bad, firstBad } = await countLines(parts, stepSeconds);
  if (lines === 0) refuse(what, 'line 1', 'the file is empty');
  if (bad > lines * MAX_BAD_SHARE) {
    refuse(what, `line ${firstBad}`, 'expected a time like [05/Jan/2026:13:55:36 +0000]');
  }
  const slots = [...counts.keys()].sort((a, b) => a - b);
  const first = slots[0] ?? 0;
  const last = slots.at(-1) ?? 0;
  const length = (last - first) / stepSeconds + 1;
  if (length < 2 || length > MAX_SLOTS) {
    const [from, to] = [first, last].map((at) => new Date(at * 1000).toISOString());
    const allowed = `a trace has 2 to ${MAX_SLOTS} intervals`;
    refuse(what, `${from} to ${to}`, `${length} of ${stepSeconds} s, ${allowed} (see --step)`);
  }
  const measured: Measured[] = [];
  for (let at = first; at <= last; at += stepSeconds) {
    // No line in a log is no request: here zero is a measurement.
    measured.push({ at, rps: (counts.get(at) ?? 0) / stepSeconds });
  }
  return { measured, notes: bad > 0 ? [`${bad} lines without a time were left out`] : [] };
}

/** The trace format: seconds from the first row, mean requests/s; empty where they are not known. */
export function toTraceText(measured: readonly Measured[]): string {
  const sorted = [...measured].sort((a, b) => a.at - b.at);
  const start = sorted[0]?.at ?? 0;
  const rows = sorted.map(
    ({ at, rps }) =>
      `${Number((at - start).toFixed(3))},${Number.isNaN(rps) ? '' : Number(rps.toPrecision(6))}`,
  );
  return ['t_s,rps', ...rows, ''].join('\n');
}
