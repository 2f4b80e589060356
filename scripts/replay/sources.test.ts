import { expect, test } from 'vitest';
import { fromAccessLog, fromPrometheus, logTime, toTraceText } from './sources.ts';

test('Prometheus: series are summed by time', () => {
  const series = (a: string, b: string) => ({
    values: [
      [100, a],
      [160, b],
    ],
  });
  const answer = JSON.stringify({ data: { result: [series('1', '2'), series('0.5', '3')] } });
  expect(fromPrometheus('p', answer).measured).toEqual([
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
  ['no finite rate', '{"data":{"result":[{"values":[[1,"+Inf"]]}]}}', /values\[0\]: expected/],
  [
    'a counter that nobody took the rate of',
    '{"data":{"result":[{"metric":{"__name__":"http_requests_total"},"values":[[1,"2"]]}]}}',
    /result\[0\]: http_requests_total is a counter; ask for its rate: sum\(rate\(/,
  ],
])('Prometheus refused: %s', (_what, text, message) => {
  expect(() => fromPrometheus('p', text)).toThrow(message);
});

test('Prometheus: what a shell wrote with a byte order mark is read', () => {
  const answer = '\uFEFF{"data":{"result":[{"values":[[60,"1"]]}]}}';
  expect(fromPrometheus('p', answer).measured).toEqual([{ at: 60, rps: 1 }]);
});

test('Prometheus: NaN is a missing measurement, of all series at that time; ms are told from s', () => {
  const series = (...values: string[]) => ({
    values: values.map((value, i) => [1_767_571_200_000 + i * 60_000, value]),
  });
  const result = [series('1', 'NaN', '3', '3'), series('1', '1', '1', '1')];
  const { measured } = fromPrometheus('p', JSON.stringify({ data: { result } }));
  expect(toTraceText(measured)).toBe('t_s,rps\n0,2\n60,\n120,4\n180,4\n');
});

test('an access log: zones are honoured, a minute without lines is zero', async () => {
  const line = (time: string): string => `10.0.0.1 - - [${time}] "GET / HTTP/1.1" 200 5 "-" "-"`;
  expect(logTime(line('05/Jan/2026:13:55:36 +0100'))).toBe(Date.UTC(2026, 0, 5, 12, 55, 36) / 1000);
  const log = [
    line('05/Jan/2026:12:55:10 +0000'),
    line('05/Jan/2026:13:55:36 +0100'),
    line('05/Jan/2026:12:57:01 +0000'),
  ];
  const { measured, notes } = await fromAccessLog('l', [log], 60);
  expect(measured.map(({ rps }) => rps * 60)).toEqual([2, 0, 1]);
  expect(notes).toEqual([]);
  await expect(fromAccessLog('l', [log, ['', 'world']], 60)).rejects.toThrow(
    /l: line 5: expected a time/,
  );
});

test.each<[what: string, times: string[], message: RegExp]>([
  ['a time that is none', ['99/Jan/2026:33:75:96 +0000'], /l: line 1: expected a time/],
  ['a day that no month has', ['31/Feb/2026:12:00:00 +0000'], /l: line 1: expected a time/],
  ['one interval', ['05/Jan/2026:12:55:10 +0000'], /1 of 60 s, a trace has 2 to/],
  [
    'a line of another century',
    ['05/Jan/2026:12:55:10 +0000', '05/Jan/2096:12:55:10 +0000'],
    /2026-01-05T12:55:00.000Z to 2096-01-05T12:55:00.000Z: 36816481 of 60 s/,
  ],
])('an access log refused: %s', async (_what, times, message) => {
  const log = times.map((time) => `10.0.0.1 - - [${time}] "GET /" 200 5`);
  await expect(fromAccessLog('l', [log], 60)).rejects.toThrow(message);
});

test.each([
  [{ metric: { le: '0.5' }, values: [[0, '1']] }, /data\.result\[0\]: buckets \(label le\) count/],
  [{ metric: {}, histograms: [[0, { count: '1' }]] }, /data\.result\[0\]: a native histogram/],
])('series that are no rate of requests are refused with the remedy: %j', (series, message) => {
  const answer = JSON.stringify({ status: 'success', data: { result: [series] } });
  expect(() => fromPrometheus('p', answer)).toThrow(message);
});
