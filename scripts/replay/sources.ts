import { NimbusError } from '#shared/errors.ts';
import { isNumber } from './trace.ts';

/** Times in seconds of the Unix epoch with what was measured there. */
export interface Measured {
  /** Seconds of the Unix epoch. */
  readonly at: number;
  /** Requests/s over the interval that starts there. */
  readonly rps: number;
}

const refuse = (what: string, where: string, why: string): never => {
  throw new NimbusError('input.invalid', `${what}: ${where}: ${why}`);
};

/** What Prometheus answers to a range query, as far as it may be wrong. */
interface PrometheusAnswer {
  readonly error?: unknown;
  readonly data?: { readonly result?: unknown } | null;
}

/** `values` of its series: [seconds, "number"] pairs. */
type PrometheusSeries = { readonly values?: unknown } | null;

function seriesOf(what: string, text: string): PrometheusSeries[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
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
  if (typeof at !== 'number' || !(rps >= 0)) {
    return refuse(what, where, `expected [seconds, "rate ≥ 0"] (got ${JSON.stringify(pair)})`);
  }
  return { at, rps };
}

/** The answer of Prometheus' `query_range` for a rate; several series are summed. */
export function fromPrometheus(what: string, text: string): Measured[] {
  const sums = new Map<number, number>();
  seriesOf(what, text).forEach((series, i) => {
    if (!Array.isArray(series?.values)) {
      return refuse(what, `data.result[${i}].values`, 'expected pairs; is this an instant query?');
    }
    (series.values as unknown[]).forEach((pair, j) => {
      const { at, rps } = prometheusPair(what, `data.result[${i}].values[${j}]`, pair);
      sums.set(at, (sums.get(at) ?? 0) + rps);
    });
  });
  return [...sums].map(([at, rps]) => ({ at, rps })).sort((a, b) => a.at - b.at);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LARGEST = [31, 23, 59, 60]; // day, hour, minute, second
const STAMP = /\[(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\]/;

/** Time of one line of an access log in the combined format, seconds; null where it has none. */
export function logTime(line: string): number | null {
  const found = STAMP.exec(line);
  if (found === null) return null;
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const monthIndex = MONTHS.indexOf(month ?? '');
  const given = [Number(day), Number(hour), Number(minute), Number(second)];
  if (monthIndex < 0 || given.some((value, i) => value > (LARGEST[i] ?? 0))) return null;
  const utc = Date.UTC(
    Number(year),
    monthIndex,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const offset = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1);
  return utc / 1000 - offset;
}

const MAX_BAD_SHARE = 0.01; // of the lines; more means that it is another format
const MAX_SLOTS = 5_000_000; // what a trace may have

/** Counts the lines of an nginx or Apache access log per interval. Order does not matter. */
export function fromAccessLog(
  what: string,
  text: string,
  stepSeconds: number,
): { readonly measured: Measured[]; readonly skipped: number } {
  const counts = new Map<number, number>();
  const bad: number[] = [];
  let lines = 0;
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '') return;
    lines += 1;
    const time = logTime(line);
    if (time === null) {
      bad.push(i + 1);
      return;
    }
    const slot = Math.floor(time / stepSeconds) * stepSeconds;
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  });
  if (lines === 0) refuse(what, 'line 1', 'the file is empty');
  if (bad.length > lines * MAX_BAD_SHARE) {
    refuse(what, `line ${bad[0] ?? 1}`, 'expected a time like [05/Jan/2026:13:55:36 +0000]');
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
  return { measured, skipped: bad.length };
}

/** A time cell: seconds or milliseconds of the epoch, seconds from a start, or ISO 8601. */
function cellTime(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) > 1e11 ? Number(text) / 1000 : Number(text);
  return /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) / 1000 : Number.NaN;
}

export interface CsvColumns {
  readonly time: string;
  readonly value: string;
  /** What the value is: requests/s, or requests counted in the interval. */
  readonly unit: 'rate' | 'count';
}

const cellsOf = (line: string): string[] =>
  line.split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));

/** Header and rows of a CSV with their line numbers; empty lines and comments are left out. */
function rowsOf(what: string, text: string) {
  const [header, ...rows] = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((content, i) => ({ line: i + 1, content: content.trim() }))
    .filter(({ content }) => content !== '' && !content.startsWith('#'))
    .map(({ line, content }) => ({ where: `line ${line}`, cells: cellsOf(content) }));
  if (header === undefined) return refuse(what, 'line 1', 'the file is empty');
  if (rows.length === 0) refuse(what, header.where, 'a header and no row below it');
  return { header, rows };
}

/** Any CSV with a header; the two columns are picked by name. */
export function fromCsv(
  what: string,
  text: string,
  columns: CsvColumns,
  stepSeconds: number,
): Measured[] {
  const { header, rows } = rowsOf(what, text);
  const time = header.cells.indexOf(columns.time);
  const value = header.cells.indexOf(columns.value);
  if (time < 0 || value < 0) {
    const missing = time < 0 ? `"${columns.time}" (--time)` : `"${columns.value}" (--value)`;
    const there = header.cells.join(', ').slice(0, 200);
    refuse(what, header.where, `no column ${missing}; there are: ${there}`);
  }
  const seen = new Map<number, { readonly where: string; readonly number: number }>();
  return rows.map(({ where, cells }) => {
    const at = cellTime(cells[time] ?? '');
    const text = cells[value] ?? '';
    const number = isNumber(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(at)) refuse(what, where, `not a time: "${cells[time] ?? ''}"`);
    if (!(number >= 0)) refuse(what, where, `not a number ≥ 0: "${text}"`);
    const before = seen.get(at);
    if (before !== undefined && before.number !== number) {
      refuse(what, where, `the time of ${before.where} again, with another value`);
    }
    seen.set(at, { where, number });
    return { at, rps: columns.unit === 'count' ? number / stepSeconds : number };
  });
}

/** The trace format: seconds from the first row, mean requests/s. */
export function toTraceText(measured: readonly Measured[]): string {
  const sorted = [...measured].sort((a, b) => a.at - b.at);
  const start = sorted[0]?.at ?? 0;
  const rows = sorted.map(
    ({ at, rps }) => `${Number((at - start).toFixed(3))},${Number(rps.toPrecision(6))}`,
  );
  return ['t_s,rps', ...rows, ''].join('\n');
}
