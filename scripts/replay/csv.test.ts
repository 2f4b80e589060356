import { expect, test } from 'vitest';
import { fromCsv } from './csv.ts';
import { toTraceText } from './sources.ts';
import { parseTrace } from './trace.ts';

const COLUMNS = { time: 'timestamp', value: 'value', unit: 'rate' } as const;
const fromRows = (...rows: string[]) =>
  fromCsv('c', ['timestamp,value', ...rows].join('\n'), COLUMNS, 60);

test.each<[what: string, text: string, message: RegExp]>([
  ['an empty file', '\n', /c: line 1: the file is empty/],
  ['a header alone', '# c\ntimestamp,value\n', /c: line 2: a header and no row/],
  [
    'another separator',
    'timestamp|value\n1|2',
    /no column "timestamp" \(--time\); there are: times/,
  ],
  [
    'a comma of thousands',
    'timestamp;value\n0;1\n60;1,234',
    /c: line 3: not a number ≥ 0: "1,234"/,
  ],
  [
    'thousands and decimals',
    'timestamp;value\n0;1\n60;1.234,5',
    /c: line 3: not a number ≥ 0: "1\.2/,
  ],
  ['hexadecimal', 'timestamp,value\n0,1\n60,0x10', /c: line 3: not a number ≥ 0: "0x10"/],
  ['a decimal comma without quotes', 'timestamp,value\n0,1\n60,1,5', /line 3: 3 fields where .* 2/],
  ['a row cut short', 'timestamp,value\n0,1\n60', /c: line 3: not a number ≥ 0: ""/],
  ['two values for one time', 'timestamp,value\n0,1\n# x\n0,2', /c: line 4: the time of line 2/],
])('CSV refused: %s', (_what, text, message) => {
  expect(() => fromCsv('c', text, COLUMNS, 60)).toThrow(message);
});

test('any CSV: columns by name, counts or rates, epoch or ISO time', () => {
  const text = 'when,other,hits\n2026-01-05T00:00:00Z,x,120\n2026-01-05T00:01:00Z,y,60';
  const columns = { time: 'when', value: 'hits', unit: 'count' } as const;
  const { measured } = fromCsv('c', text, columns, 60);
  expect(measured.map(({ rps }) => rps)).toEqual([2, 1]);
  expect(parseTrace('c', toTraceText(measured))).toMatchObject({ stepSeconds: 60 });
  expect(() => fromCsv('c', text, { ...columns, value: 'rate' }, 60)).toThrow(
    /line 1: no column "rate" \(--value\); there are: when, other, hits/,
  );
  expect(() => fromCsv('c', `${text}\nx,y,1`, columns, 60)).toThrow(/line 4: not a time: "x"/);
});

test('a time without a zone is UTC wherever this runs, also when clocks change, and it is said', () => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    const { measured, notes } = fromRows('2026-03-29 01:59:00,1', '2026-03-29T02:01,2');
    expect(measured.map(({ at }) => at * 1000)).toEqual([
      Date.UTC(2026, 2, 29, 1, 59),
      Date.UTC(2026, 2, 29, 2, 1),
    ]);
    expect(notes).toEqual(['times without a zone: read as UTC']);
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});

test.each([
  ['2026-01-05T00:01:00Z'],
  ['2026-01-05 00:01:00 UTC'],
  ['2026-01-05 05:31:00.000+05:30'],
  ['2026-01-04T19:01:00-0500'],
  ['2026-01-05 02:01:00+02'],
  ['1767571260'],
  ['1767571260000'],
  ['1767571260000000'],
  ['1767571260000000000'],
])('%s is one minute past midnight', (cell) => {
  const { measured, notes } = fromRows(`${cell},1`);
  expect(measured).toEqual([{ at: 1_767_571_260, rps: 1 }]);
  expect(notes).toEqual([]);
});

test.each([['2026-02-31T00:00:00Z'], ['2026-01-05T24:30:00Z'], ['05/01/2026 00:00'], ['-60']])(
  '%s is no time',
  (cell) => {
    expect(() => fromRows('0,1', `${cell},1`)).toThrow(/c: line 3: not a time/);
  },
);

test('a quoted field may hold commas and quotes', () => {
  const text = '"labels","timestamp","value"\n"{a=""b"", c=""d""}","60","2"\n,120 , 3';
  expect(fromCsv('c', text, COLUMNS, 60).measured).toEqual([
    { at: 60, rps: 2 },
    { at: 120, rps: 3 },
  ]);
});

test('an empty value, or NaN, is a missing measurement; a repeated row is dropped, and said', () => {
  const { measured, notes } = fromRows('0,1', '60,', '120,NaN', '180,4', '180,4');
  expect(toTraceText(measured)).toBe('t_s,rps\n0,1\n60,\n120,\n180,4\n');
  expect(notes).toEqual(['1 repeated rows dropped']);
});

test('rows from the newest to the oldest are sorted, and it is said', () => {
  const { measured, notes } = fromRows('120,3', '60,2', '0,1');
  expect(toTraceText(measured)).toBe('t_s,rps\n0,1\n60,2\n120,3\n');
  expect(notes).toEqual(['rows were out of order: sorted by time']);
});

test.each([
  ['semicolons', 'sep=;\r\n"timestamp";"value";\r\n0;"1,5";\r\n60;2;\r\n120;0,125;\r\n'],
  ['tabs', '\uFEFFtimestamp\tother\tvalue\n0\t\t1,5\n60\tx, y\t2\n120\t\t0,125'],
])('a spreadsheet that separates fields by %s is read, and it is said', (separator, text) => {
  const { measured, notes } = fromCsv('c', text, COLUMNS, 60);
  expect(measured).toEqual([
    { at: 0, rps: 1.5 },
    { at: 60, rps: 2 },
    { at: 120, rps: 0.125 },
  ]);
  expect(notes).toEqual([
    `fields are separated by ${separator}, and a comma in a number is a decimal one`,
  ]);
});
