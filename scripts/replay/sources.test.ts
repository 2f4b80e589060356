import { expect, test } from 'vitest';
import { fromAccessLog, fromCsv, fromPrometheus, logTime, toTraceText } from './sources.ts';
import { parseTrace } from './trace.ts';

test('Prometheus: series are summed by time', () => {
  const series = (a: string, b: string) => ({
    values: [
      [100, a],
      [160, b],
    ],
  });
  const answer = JSON.stringify({ data: { result: [series('1', '2'), series('0.5', '3')] } });
  expect(fromPrometheus('p', answer)).toEqual([
    { at: 100, rps: 1.5 },
    { at: 160, rps: 5 },
  ]);
});

test.each<[what: string, text: string, message: RegExp]>([
  ['no JSON', '<html>', /p: document: not JSON/],
  ['no series', '{"data":{"result":[]}}', /data\.result: expected the series/],
  ['an instant query', '{"data":{"result":[{"value":[1,"2"]}]}}', /values: expected pairs/],
  [
    'a query that failed',
    '{"status":"error","error":"parse error"}',
    /the query failed: parse error/,
  ],
  ['a series of nothing', '{"data":{"result":[null]}}', /result\[0\]\.values: expected pairs/],
  ['hexadecimal', '{"data":{"result":[{"values":[[1,"0x10"]]}]}}', /values\[0\]: expected/],
  ['NaN', '{"data":{"result":[{"values":[[1,"NaN"]]}]}}', /values\[0\]: expected/],
])('Prometheus refused: %s', (_what, text, message) => {
  expect(() => fromPrometheus('p', text)).toThrow(message);
});

test('an access log: zones are honoured, a minute without lines is zero', () => {
  const line = (time: string): string => `10.0.0.1 - - [${time}] "GET / HTTP/1.1" 200 5 "-" "-"`;
  expect(logTime(line('05/Jan/2026:13:55:36 +0100'))).toBe(Date.UTC(2026, 0, 5, 12, 55, 36) / 1000);
  const log = [
    line('05/Jan/2026:12:55:10 +0000'),
    line('05/Jan/2026:13:55:36 +0100'),
    line('05/Jan/2026:12:57:01 +0000'),
  ].join('\n');
  const { measured, skipped } = fromAccessLog('l', log, 60);
  expect(measured.map(({ rps }) => rps * 60)).toEqual([2, 0, 1]);
  expect(skipped).toBe(0);
  expect(() => fromAccessLog('l', 'hello\nworld', 60)).toThrow(/l: line 1: expected a time/);
});

test.each<[what: string, times: string[], message: RegExp]>([
  ['a time that is none', ['99/Jan/2026:33:75:96 +0000'], /l: line 1: expected a time/],
  ['one interval', ['05/Jan/2026:12:55:10 +0000'], /1 of 60 s, a trace has 2 to/],
  [
    'a line of another century',
    ['05/Jan/2026:12:55:10 +0000', '05/Jan/2096:12:55:10 +0000'],
    /2026-01-05T12:55:00.000Z to 2096-01-05T12:55:00.000Z: 36816481 of 60 s/,
  ],
])('an access log refused: %s', (_what, times, message) => {
  const log = times.map((time) => `10.0.0.1 - - [${time}] "GET /" 200 5`).join('\n');
  expect(() => fromAccessLog('l', log, 60)).toThrow(message);
});

test.each<[what: string, text: string, message: RegExp]>([
  ['an empty file', '\n', /c: line 1: the file is empty/],
  ['a header alone', '# c\ntimestamp,value\n', /c: line 2: a header and no row/],
  [
    'another separator',
    'timestamp;value\n1;2',
    /no column "timestamp" \(--time\); there are: times/,
  ],
  ['hexadecimal', 'timestamp,value\n0,1\n60,0x10', /c: line 3: not a number ≥ 0: "0x10"/],
  ['a row cut short', 'timestamp,value\n0,1\n60', /c: line 3: not a number ≥ 0: ""/],
  ['two values for one time', 'timestamp,value\n0,1\n# x\n0,2', /c: line 4: the time of line 2/],
])('CSV refused: %s', (_what, text, message) => {
  const columns = { time: 'timestamp', value: 'value', unit: 'rate' } as const;
  expect(() => fromCsv('c', text, columns, 60)).toThrow(message);
});

test('any CSV: columns by name, counts or rates, epoch or ISO time', () => {
  const text = 'when,other,hits\n2026-01-05T00:00:00Z,x,120\n2026-01-05T00:01:00Z,y,60';
  const columns = { time: 'when', value: 'hits', unit: 'count' } as const;
  const measured = fromCsv('c', text, columns, 60);
  expect(measured.map(({ rps }) => rps)).toEqual([2, 1]);
  expect(parseTrace('c', toTraceText(measured))).toMatchObject({ stepSeconds: 60 });
  expect(() => fromCsv('c', text, { ...columns, value: 'rate' }, 60)).toThrow(
    /line 1: no column "rate" \(--value\); there are: when, other, hits/,
  );
  expect(() => fromCsv('c', `${text}\nx,y,1`, columns, 60)).toThrow(/line 4: not a time: "x"/);
});
