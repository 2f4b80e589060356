import { NimbusError } from '#shared/errors.ts';

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

/** `values` of Prometheus' range query: [seconds, "number"] pairs. */
interface PrometheusSeries {
  readonly values?: unknown;
}

function seriesOf(what: string, text: string): PrometheusSeries[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refuse(what, 'document', `not JSON (${why})`);
  }
  const result = (answer as { data?: { result?: unknown } } | null)?.data?.result;
  if (!Array.isArray(result) || result.length === 0) {
    refuse(what, 'data.result', 'expected the series of a range query (query_range), got none');
  }
  return result as PrometheusSeries[];
}

function prometheusPair(what: string, where: string, pair: unknown): Measured {
  const [at, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
  const rps = Number(value);
  if (typeof at !== 'number' || typeof value !== 'string' || !(rps >= 0) || rps === Infinity) {
    return refuse(what, where, `expected [seconds, "rate ≥ 0"] (got ${JSON.stringify(pair)})`);
  }
  return { at, rps };
}

/** The answer of Prometheus' `query_range` for a rate; several series are summed. */
export function fromPrometheus(what: string, text: string): Measured[] {
  const sums = new Map<number, number>();
  seriesOf(what, text).forEach((series, i) => {
    if (!Array.isArray(series.values)) {
      refuse(what, `data.result[${i}].values`, 'expected pairs; is this an instant query?');
    }
    (series.values as unknown[]).forEach((pair, j) => {
      const { at, rps } = prometheusPair(what, `data.result[${i}].values[${j}]`, pair);
      sums.set(at, (sums.get(at) ?? 0) + rps);
    });
  });
  return [...sums].map(([at, rps]) => ({ at, rps })).sort((a, b) => a.at - b.at);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const STAMP = /\[(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\]/;

/** Time of one line of an access log in the combined format, seconds; null where it has none. */
export function logTime(line: string): number | null {
  const found = STAMP.exec(line);
  if (found === null) return null;
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const monthIndex = MONTHS.indexOf(month ?? '');
  if (monthIndex < 0) return null;
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

/** Any CSV with a header; the two columns are picked by name. */
export function fromCsv(
  what: string,
  text: string,
  columns: CsvColumns,
  stepSeconds: number,
): Measured[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = (lines[0] ?? '').split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));
  const time = header.indexOf(columns.time);
  const value = header.indexOf(columns.value);
  if (time < 0 || value < 0) {
    const missing = time < 0 ? columns.time : columns.value;
    refuse(what, 'line 1', `no column "${missing}"; there are: ${header.join(', ')}`);
  }
  return lines.slice(1).flatMap((line, i) => {
    if (line.trim() === '') return [];
    const cells = line.split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));
    const at = cellTime(cells[time] ?? '');
    const number = Number(cells[value] === '' ? Number.NaN : cells[value]);
    if (Number.isNaN(at)) refuse(what, `line ${i + 2}`, `not a time: "${cells[time] ?? ''}"`);
    if (!(number >= 0) || number === Infinity) {
      refuse(what, `line ${i + 2}`, `not a number ≥ 0: "${cells[value] ?? ''}"`);
    }
    return [{ at, rps: columns.unit === 'count' ? number / stepSeconds : number }];
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
