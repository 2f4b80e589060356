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

/** A decimal comma that cannot be one of thousands; there is none where commas separate the fields. */
const DECIMAL_COMMA = /^(\d+),(\d{1,2}|\d{4,})$|^(0),(\d{3})$/;

/** Value of a cell; NaN where the tool that wrote it had none, null where it is no rate. */
function cellValue(cell: string | undefined, separator: Separator): number | null {
  if (cell === undefined) return null;
  if (MISSING.test(cell)) return Number.NaN;
  const comma = separator !== ',' && DECIMAL_COMMA.test(cell);
  const text = comma ? cell.replace(',', '.') : cell;
  return isNumber(text) && Number(text) >= 0 ? Number(text) : null;
}

/** What stands between fields; spreadsheets take the second where the comma is a decimal one. */
const SEPARATORS = [',', ';', '\t'] as const;
type Separator = (typeof SEPARATORS)[number];
const FIELD: Readonly<Record<Separator, RegExp>> = {
  ',': / *(?:"((?:[^"]|"")*)" *|([^,]*)),/g,
  ';': / *(?:"((?:[^"]|"")*)" *|([^;]*));/g,
  '\t': / *(?:"((?:[^"]|"")*)" *|([^\t]*))\t/g,
};

/** Fields of one line; in quotes a separator belongs to the field, and two quotes are one. */
const cellsOf = (line: string, separator: Separator): string[] =>
  [...`${line}${separator}`.matchAll(FIELD[separator])].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  );

/** The separator by which the header has both columns; a comma where none does. */
const separatorOf = (header: string, { time, value }: CsvColumns): Separator =>
  SEPARATORS.find((separator) => {
    const cells = cellsOf(header, separator);
    return cells.includes(time) && cells.includes(value);
  }) ?? ',';

/** Empty lines, comments, and the line that tells a spreadsheet its separator. */
const SKIPPED = /^\s*(#|$|sep=.$)/;

interface Row {
  readonly where: string;
  readonly cells: readonly string[];
}

/** Header and rows of a CSV with their line numbers; empty lines and comments are left out. */
function rowsOf(what: string, text: string, names: CsvColumns) {
  const [first, ...others] = withoutMark(text)
    .split(/\r?\n/)
    .map((content, i) => ({ line: i + 1, content }))
    .filter(({ content }) => !SKIPPED.test(content));
  if (first === undefined) return refuse(what, 'line 1', 'the file is empty');
  const separator = separatorOf(first.content, names);
  const rowOf = ({ line, content }: typeof first): Row => ({
    where: `line ${line}`,
    cells: cellsOf(content, separator),
  });
  const [header, rows] = [rowOf(first), others.map(rowOf)];
  if (rows.length === 0) refuse(what, header.where, 'a header and no row below it');
  return { header, rows, separator };
}

function columnsOf(
  what: string,
  { header, separator }: Pick<ReturnType<typeof rowsOf>, 'header' | 'separator'>,
  names: CsvColumns,
) {
  const time = header.cells.indexOf(names.time);
  const value = header.cells.indexOf(names.value);
  if (time < 0 || value < 0) {
    const missing = time < 0 ? `"${names.time}" (--time)` : `"${names.value}" (--value)`;
    const there = header.cells.join(', ').slice(0, 200);
    refuse(what, header.where, `no column ${missing}; there are: ${there}`);
  }
  return { time, value, count: header.cells.length, separator };
}

function readRow(what: string, { where, cells }: Row, index: ReturnType<typeof columnsOf>) {
  const [time = '', value] = [cells[index.time], cells[index.value]];
  const read = cellTime(time);
  const number = cellValue(value, index.separator);
  if (cells.slice(index.count).some((cell) => cell !== '')) {
    const fields = `${cells.length} fields where the header names ${index.count}`;
    return refuse(what, where, `${fields}: a decimal comma, or a comma that needs quotes?`);
  }
  if (read === null) return refuse(what, where, `not a time: "${time}"`);
  if (number === null) return refuse(what, where, `not a number ≥ 0: "${value ?? ''}"`);
  return { ...read, number };
}

const SAID: Readonly<Record<Separator, string[]>> = {
  ',': [],
  ';': ['fields are separated by semicolons, and a comma in a number is a decimal one'],
  '\t': ['fields are separated by tabs, and a comma in a number is a decimal one'],
};

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
  const { rows, ...head } = rowsOf(what, text, columns);
  const index = columnsOf(what, head, columns);
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
  return {
    measured,
    notes: [...SAID[index.separator], ...notesOf(zoneless, repeated, disordered)],
  };
}
