import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { parseTrace, readTrace } from './trace.ts';

const text = (...rows: string[]): string => ['t_s,rps', ...rows].join('\n');
const even = Array.from({ length: 30 }, (_, i) => `${i * 60},${i + 1}`);
const without = (...lines: number[]): string[] => even.filter((_, i) => !lines.includes(i));

test.each<[what: string, content: string, notes: string[]]>([
  ['a clean trace', text(...even), []],
  [
    'Windows line ends, a byte order mark, empty lines',
    `\uFEFF${text(...even, '').replaceAll('\n', '\r\n')}`,
    [],
  ],
  ['no header', even.join('\n'), ['no header: read as t_s,rps']],
  ['disorder', text(...[...even].reverse()), ['rows were out of order: sorted by t_s']],
  [
    'exact repeats',
    text(...even, '60,2'),
    ['rows were out of order: sorted by t_s', '1 repeated rows dropped'],
  ],
  ['a gap', text(...without(4, 5)), ['2 missing intervals filled linearly']],
  [
    'comments',
    `# mine\n${text(...even.toSpliced(3, 0, '# a note'))}`,
    ['lines of comment left out: 2'],
  ],
  ['an empty value', text(...even.with(4, '240,')), ['1 missing intervals filled linearly']],
])('read, and said: %s', (_what, content, notes) => {
  const trace = parseTrace('t', content);
  expect(trace.notes).toEqual(notes);
  expect(trace.stepSeconds).toBe(60);
  expect([...trace.rps]).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test('a trace that starts late is counted from its first row', () => {
  const trace = parseTrace('t', text('600,1', '660,2'));
  expect(trace.notes).toEqual(['starts at t_s 600: counted from there']);
});

test.each<[what: string, content: string, message: RegExp]>([
  ['an empty file', '', /line 1: the file is empty/],
  ['nothing but comments', '# a\n# b\n', /line 1: the file is empty/],
  [
    'a wrong row below a comment',
    `# mine\n${text('0,1', '# x', '60,many')}`,
    /line 5: rps must be/,
  ],
  ['semicolons', 't_s;rps\n0;1\n60;2', /line 1: the header must be `t_s,rps` \(got "t_s;rps"\)/],
  ['milliseconds', text('1700000000000,1', '1700000060000,2'), /line 2: t_s must be in seconds/],
  ['a rate that no counter holds', text('0,1', '60,1e12'), /line 3: rps must be at most 1e9/],
  ['a header alone', 't_s,rps\n', /line 2: a trace needs at least two rows/],
  ['one row', text('0,1'), /line 2: a trace needs at least two rows/],
  [
    'a wrong header',
    'time,value\n0,1\n60,2',
    /line 1: the header must be `t_s,rps` \(got "time,value"\)/,
  ],
  ['three fields', text('0,1', '60,2,3'), /line 3: expected two fields/],
  ['a word for a rate', text('0,1', '60,many'), /line 3: rps must be a number.*"many"/],
  ['NaN', text('0,1', '60,NaN'), /line 3: rps must be a number/],
  ['infinity', text('0,1', '60,1e999'), /line 3: rps must be a number/],
  ['a negative rate', text('0,1', '60,-2'), /line 3: rps must not be negative \(got "-2"\)/],
  ['a negative time', text('-60,1', '0,2'), /line 2: t_s must be a number of seconds ≥ 0/],
  [
    'two values for one time',
    text('0,1', '60,2', '60,3'),
    /line 4: t_s 60 stands on line 3 with another rps/,
  ],
  [
    'times off the grid',
    text(...even.with(7, '431,8')),
    /line 9: mixed steps: t_s 431 is not on the grid of 60 s/,
  ],
  ['mixed steps', text(...even, '5000,1', '8600,1', '12200,1'), /line \d+: .*mixed steps/],
  ['more gaps than load', text(...without(3, 4, 5, 6, 7)), /line 5: 5 of 30 intervals .* missing/],
  ['no load at all', text('0,0', '60,0'), /line 2: no load at all/],
  ['a far-away time', text('0,1', '1,1', '2,1', '900000000,1'), /line 5: t_s 900000000 is/],
])('refused with line and reason: %s', (_what, content, message) => {
  expect(() => parseTrace('t', content)).toThrow(message);
});

test('gzip is told by its bytes, and damage is said', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-'));
  const packed = gzipSync(text(...even));
  writeFileSync(join(folder, 'good.csv'), packed);
  writeFileSync(join(folder, 'bad.csv.gz'), packed.subarray(0, 60));
  expect(readTrace(join(folder, 'good.csv'))).toMatchObject({ name: 'good', stepSeconds: 60 });
  expect(() => readTrace(join(folder, 'bad.csv.gz'))).toThrow(
    /bad\.csv\.gz: damaged gzip data \(unexpected end of file\)/,
  );
});
