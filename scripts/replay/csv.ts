import { withoutMark } from './input.ts';
import type { Converted, Measured } from './sources.ts';
import { epochSeconds, refuse } from './sources.ts';
import { isNumber } from './trace.ts';

export interface CsvColumns {
  readonly time: string;
  readonly value: string;
  /** What the value is: requests/s, or requests counted in the interval. */
  readonly unit: 'rate' | 'count';
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?(?: ?(Z|UTC|GMT)|([+-])(\d\d):?(\d\d)?)?$/i;

/** A time cell. `zoned` false: a date and a time of day that do not say where. */
interface CellTime {
  readonly at: number;
  readonly zoned: boolean;
}

/** ISO 8601 as tools write it; a day or an hour that does not exist is none. */
function isoTime(text: string): CellTime | null {
  const found = ISO.exec(text);
  if (found === null) return null;
  const field = (i: number): number => Number(found[i] ?? 0);
  const [hour, minute, second] = [field(4), field(5), field(6)];
  const ms = Date.UTC(field(1), field(2) - 1, field(3), hour, minute, second);
  const read = new Date(ms);
  const exists = read.getUTCDate() === field(3) && read.getUTCHours() === hour;
  if (!exists || minute > 59 || second > 60) return null;
  const offset = (field(10) * 60 + field(11)) * 60 * (found[9] === '-' ? -1 : 1);
  const fraction = Number(`0.${found[7] ?? 0}`);
  const zoned = found[8] !== undefined || found[9] !== undefined;
  return { at: ms / 1000 + fraction - offset, zoned };
}

/** Seconds from a start, a time of the epoch in s, ms, µs or ns, or ISO 8601. */
function cellTime(text: string): CellTime | null {
  if (/^\d+(\.\d+)?$/.test(text)) return { at: epochSeconds(Number(text)), zoned: true };
  return isoTime(text);
}

const MISSING = /^(|nan|null|n\/?a)$/i;

/** Value of a cell; NaN where the tool that wrote it had none, null where it is no rate. */
function cellValue(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (MISSING.test(text)) return Number.NaN;
  return isNumber(text) && Number(text) >= 0 ? Number(text) : null;
}

/** Fields of one line; in quotes a comma belongs to the field, and two quotes are one. */
const cellsOf = (line: string): string[] =>
  [...`${line},`.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*|([^,]*)),/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  );

/** Header and rows of a CSV with their line numbers; empty lines and comments are left out. */
function rowsOf(what: string, text: string) {
  const [header, ...rows] = withoutMark(text)
    .split(/\r?\n/)
    .map((content, i) => ({ line: i + 1, content: content.trim() }))
    .filter(({ content }) => content !== '' && !content.startsWith('#'))
    .map(({ line, content }) => ({ where: `line ${line}`, cells: cellsOf(content) }));
  if (header === undefined) return refuse(what, 'line 1', 'the file is empty');
  if (rows.length === 0) refuse(what, header.where, 'a header and no row below it');
  return { header, rows };
}

function columnsOf(what: string, header: ReturnType<typeof rowsOf>['header'], names: CsvColumns) {
  const time = header.cells.indexOf(names.time);
  const value = header.cells.indexOf(names.value);
  if (time < 0 || value < 0) {
    const missing = time < 0 ? `"${names.time}" (--time)` : `"${names.value}" (--value)`;
    const there = header.cells.join(', ').slice(0, 200);
    refuse(what, header.where, `no column ${missing}; there are: ${there}`);
  }
  return { time, value, count: header.cells.length };
}

interface Row {
  readonly where: string;
  readonly cells: readonly string[];
}

function readRow(what: string, { where, cells }: Row, index: ReturnType<typeof columnsOf>) {
  const [time = '', value] = [cells[index.time], cells[index.value]];
  const read = cellTime(time);
  const number = cellValue(value);
  if (cells.slice(index.count).some((cell) => cell !== '')) {
    const fields = `${cells.length} fields where the header names ${index.count}`;
    return refuse(what, where, `${fields}: a decimal comma, or a comma that needs quotes?`);
  }
  if (read === null) return refuse(what, where, `not a time: "${time}"`);
  if (number === null) return refuse(what, where, `not a number ≥ 0: "${value ?? ''}"`);
  return { ...read, number };
}

const notesOf = (zoneless: number, repeated: number, disordered: boolean): string[] => [
  ...(disordered ? ['rows were out of order: sorted by time'] : []),
  ...(zoneless > 0 ? ['times without a zone: read as UTC'] : []),
  ...(repeated > 0 ? [`${repeated} repeated rows dropped`] : []),
];

/** Any CSV with a header; the two columns are picked by name. */
export function fromCsv(
  what: string,
  text: string,
  columns: CsvColumns,
  stepSeconds: number,
): Converted {
  const { header, rows } = rowsOf(what, text);
  const index = columnsOf(what, header, columns);
  const seen = new Map<number, { readonly where: string; readonly number: number }>();
  let [zoneless, repeated, last] = [0, 0, -Infinity];
  let disordered = false;
  for (const row of rows) {
    const { at, zoned, number } = readRow(what, row, index);
    const before = seen.get(at);
    if (!zoned) zoneless += 1;
    disordered ||= at < last;
    last = at;
    if (before === undefined) seen.set(at, { where: row.where, number });
    else if (Object.is(before.number, number)) repeated += 1;
    else refuse(what, row.where, `the time of ${before.where} again, with another value`);
  }
  const share = columns.unit === 'count' ? stepSeconds : 1;
  const measured = [...seen].map(([at, { number }]): Measured => ({ at, rps: number / share }));
  return { measured, notes: notesOf(zoneless, repeated, disordered) };
}
