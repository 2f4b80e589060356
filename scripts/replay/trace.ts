import { basename } from 'node:path';
import { NimbusError } from '#shared/errors.ts';
import { readText, withoutMark } from './input.ts';
import { at } from './numbers.ts';

/** Mean request rates on an even grid, from the start of the trace. */
export interface Trace {
  readonly name: string;
  readonly stepSeconds: number;
  /** Mean requests per second of each interval. */
  readonly rps: Float64Array;
  /** What was put right while reading, in words; empty when the file was clean. */
  readonly notes: readonly string[];
}

interface Row {
  readonly line: number;
  readonly t: number;
  /** NaN: the field was left empty, a missing measurement. */
  readonly rps: number;
}

interface Line {
  readonly line: number;
  readonly text: string;
}

const HEADER = 't_s,rps';
const MAX_GAP_SHARE = 0.1; // beyond this a trace says more about its gaps than about its load
const MAX_ROWS = 5_000_000;
const MAX_RPS = 1e9; // arrivals of a second are 32-bit numbers
const MAX_SECONDS = 1e11; // the year 5138: whoever writes more writes milliseconds

const refuse = (name: string, line: number, why: string): never => {
  throw new NimbusError('input.invalid', `${name}: line ${line}: ${why}`, {
    fields: [{ path: `line ${line}`, message: why }],
  });
};

const shown = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A decimal number as every tool writes it; no hexadecimal, no infinity. */
export const isNumber = (text: string): boolean =>
  NUMBER.test(text) && Number.isFinite(Number(text));

/** Why a cell is no time; null: it is one. */
function wrongTime(cell: string): string | null {
  if (!isNumber(cell) || Number(cell) < 0) {
    return `t_s must be a number of seconds ≥ 0 (got ${shown(cell)})`;
  }
  if (Number(cell) <= MAX_SECONDS) return null;
  return `t_s must be in seconds; ${cell} looks like milliseconds`;
}

function wrongRate(cell: string): string | null {
  if (cell === '') return null;
  if (!isNumber(cell)) return `rps must be a number, or empty for missing (got ${shown(cell)})`;
  if (Number(cell) < 0) return `rps must not be negative (got ${shown(cell)})`;
  return Number(cell) > MAX_RPS ? `rps must be at most 1e9 (got ${shown(cell)})` : null;
}

function parseRow(name: string, { line, text }: Line): Row {
  const cells = text.split(',').map((cell) => cell.trim());
  const [time, rate] = cells;
  if (cells.length !== 2 || time === undefined || rate === undefined) {
    return refuse(name, line, `expected two fields, \`${HEADER}\` (got ${shown(text)})`);
  }
  const wrong = wrongTime(time) ?? wrongRate(rate);
  if (wrong !== null) refuse(name, line, wrong);
  return { line, t: Number(time), rps: rate === '' ? Number.NaN : Number(rate) };
}

/** Whether the first line is the header; refuses what is neither that nor a row of numbers. */
function hasHeader(name: string, { line, text }: Line, notes: string[]): boolean {
  if (text.toLowerCase().replaceAll(' ', '') === HEADER) return true;
  const cells = text.split(',');
  if (cells.length !== 2 || !cells.every((cell) => isNumber(cell.trim()))) {
    refuse(name, line, `the header must be \`${HEADER}\` (got ${shown(text)})`);
  }
  notes.push(`no header: read as ${HEADER}`);
  return false;
}

/** Lines that say something, with their numbers; comments (`#`) are left out. */
function linesOf(name: string, text: string, notes: string[]): [Line, ...Line[]] {
  const all = withoutMark(text).split(/\r?\n/);
  if (all.length > MAX_ROWS) refuse(name, MAX_ROWS, `more than ${MAX_ROWS} lines`);
  const lines = all.flatMap((content, i) =>
    content.trim() === '' ? [] : [{ line: i + 1, text: content.trim() }],
  );
  const [first, ...rest] = lines.filter((line) => !line.text.startsWith('#'));
  if (first === undefined) return refuse(name, 1, 'the file is empty');
  const comments = lines.length - rest.length - 1;
  if (comments > 0) notes.push(`lines of comment left out: ${comments}`);
  return [first, ...rest];
}

function parseRows(name: string, text: string, notes: string[]): Row[] {
  const lines = linesOf(name, text, notes);
  const from = hasHeader(name, lines[0], notes) ? 1 : 0;
  return lines.slice(from).map((line) => parseRow(name, line));
}

/** Sorted by time, exact repeats dropped; two different values for one instant are refused. */
function inOrder(name: string, rows: readonly Row[], notes: string[]): Row[] {
  const sorted = [...rows].sort((a, b) => a.t - b.t || a.line - b.line);
  const disordered = sorted.some((row, i) => row !== rows[i]);
  if (disordered) notes.push('rows were out of order: sorted by t_s');
  const kept: Row[] = [];
  for (const row of sorted) {
    const last = kept.at(-1);
    if (last?.t !== row.t) kept.push(row);
    else if (!Object.is(last.rps, row.rps)) {
      refuse(name, row.line, `t_s ${row.t} stands on line ${last.line} with another rps`);
    }
  }
  if (kept.length < sorted.length) {
    notes.push(`${sorted.length - kept.length} repeated rows dropped`);
  }
  return kept;
}

/** The step that most intervals have; the smallest of equally common ones. */
function commonStep(rows: readonly Row[]): number {
  const counts = new Map<number, number>();
  for (let i = 1; i < rows.length; i += 1) {
    const step = Number(((rows[i]?.t ?? 0) - (rows[i - 1]?.t ?? 0)).toFixed(6));
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0] ?? 0;
}

function placeOnGrid(name: string, rows: readonly [Row, ...Row[]], step: number): Float64Array {
  const start = rows[0].t;
  const last = rows.at(-1) ?? rows[0];
  const length = Math.round((last.t - start) / step) + 1;
  if (length > MAX_ROWS) refuse(name, last.line, `t_s ${last.t} is ${length} steps away`);
  const grid = new Float64Array(length).fill(Number.NaN);
  for (const row of rows) {
    const position = (row.t - start) / step;
    if (Math.abs(position - Math.round(position)) > 1e-3) {
      refuse(name, row.line, `mixed steps: t_s ${row.t} is not on the grid of ${step} s`);
    }
    grid[Math.round(position)] = row.rps;
  }
  return grid;
}

/** Fills holes linearly; at the ends with the nearest value. */
function fillGaps(grid: Float64Array): void {
  let known = -1;
  for (let i = 0; i < grid.length; i += 1) {
    if (Number.isNaN(at(grid, i))) continue;
    for (let j = known + 1; j < i; j += 1) {
      const from = known < 0 ? at(grid, i) : at(grid, known);
      const share = known < 0 ? 1 : (j - known) / (i - known);
      grid[j] = from + (at(grid, i) - from) * share;
    }
    known = i;
  }
  for (let j = known + 1; j < grid.length; j += 1) {
    grid[j] = at(grid, known);
  }
}

/** Refuses a grid that has more holes than a trace can bear; returns how many it has. */
function countHoles(name: string, rows: readonly Row[], grid: Float64Array, step: number): number {
  const missing = grid.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  if (missing <= grid.length * MAX_GAP_SHARE) return missing;
  const jump = rows.find((row, i) => row.t - (rows[i - 1]?.t ?? row.t) > step * 1.5);
  return refuse(
    name,
    jump?.line ?? 2,
    `${missing} of ${grid.length} intervals of ${step} s are missing (gaps or mixed steps)`,
  );
}

/** At least two rows and some load, or refused. */
function worthReading(name: string, rows: readonly Row[]): readonly [Row, ...Row[]] {
  const [first, ...rest] = rows;
  if (first === undefined || rest.length === 0) {
    return refuse(name, first?.line ?? 2, 'a trace needs at least two rows');
  }
  if (!rows.some((row) => row.rps > 0)) refuse(name, first.line, 'no load at all');
  return [first, ...rest];
}

/** What a trace is called: its file without the endings. */
export const traceName = (file: string): string => basename(file).replace(/(\.csv)?(\.gz)?$/i, '');

/**
 * Reads `t_s,rps` text: seconds from the start and mean requests/s of the interval that starts
 * there. What is clear is read and said in `notes` (no header, disorder, exact repeats, gaps of
 * at most a tenth); everything else is refused with its line number.
 */
export function parseTrace(file: string, text: string): Trace {
  const notes: string[] = [];
  const rows = worthReading(file, inOrder(file, parseRows(file, text, notes), notes));
  const stepSeconds = commonStep(rows);
  const rps = placeOnGrid(file, rows, stepSeconds);
  const missing = countHoles(file, rows, rps, stepSeconds);
  if (missing > 0) {
    fillGaps(rps);
    notes.push(`${missing} missing intervals filled linearly`);
  }
  if (rows[0].t !== 0) notes.push(`starts at t_s ${rows[0].t}: counted from there`);
  return { name: traceName(file), stepSeconds, rps, notes };
}

/** Reads a trace file, gzip or not. */
export const readTrace = (path: string): Trace => parseTrace(path, readText(path));
