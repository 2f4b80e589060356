import { expect, test } from 'vitest';
import { fitTrace, parseTrace } from './trace.ts';

const AS_IT_IS = { peakPerSecond: undefined, limit: 20_000 };

test('a trace is read whatever its line ends and blank last lines', () => {
  expect(parseTrace('t_s,rps\r\n0,1.5\r\n60,2\r\n\r\n')).toEqual([
    { tSeconds: 0, perSecond: 1.5 },
    { tSeconds: 60, perSecond: 2 },
  ]);
});

test('a trace that does not start at 0 is moved there', () => {
  const points = parseTrace('t_s,rps\n100,1\n110,2\n');
  expect(fitTrace(points, 20, AS_IT_IS).map(({ tSeconds }) => tSeconds)).toEqual([0, 10]);
});

test.each([
  ['', /line 1: the header must be t_s,rps/],
  ['time,rate\n0,1\n1,2', /line 1: the header must be t_s,rps \(got time,rate\)/],
  ['t_s,rps\n0,1', /at least two points/],
  ['t_s,rps\n0,1\n60,x', /line 3: rps must be a number ≥ 0 \(got x\)/],
  ['t_s,rps\n0,1\n60,-2', /line 3: rps must be a number ≥ 0 \(got -2\)/],
  ['t_s,rps\n0,1\n60,', /line 3: rps must be a number/],
  ['t_s,rps\n0,1\n,2', /line 3: t_s must be a number/],
  ['t_s,rps\n0,1\n1e308,2', /line 3: t_s must be a number of seconds, at most 100000000000000/],
  ['t_s,rps\n0,1\n60,Infinity', /line 3: rps must be/],
  ['t_s,rps\n0,1\n60,2\n60,3', /line 4: t_s must grow \(60 after 60\)/],
  ['t_s,rps\n0,1\n60,2,3', /line 3: expected two columns \(got 3\)/],
  ['t_s,rps\n0,0\n60,0', /every rate is 0/],
])('the trace %j is refused with its line', (csv, says) => {
  expect(() => parseTrace(csv)).toThrow(says);
});

test('a trace with a rate that nobody may ask for is refused, unless it is scaled', () => {
  const points = parseTrace('t_s,rps\n0,1\n1,1e308\n');
  expect(() => fitTrace(points, 10, AS_IT_IS)).toThrow(
    'trace: rps must be at most 20000 (got 1e+308)',
  );
  const scaled = fitTrace(points, 10, { ...AS_IT_IS, peakPerSecond: 50 });
  expect(scaled.map(({ perSecond }) => perSecond)).toEqual([1e-308 * 50, 50]);
});

test('the least rate there is can be the peak', () => {
  const points = parseTrace(`t_s,rps\n0,${Number.MIN_VALUE}\n1,0\n`);
  const scaled = fitTrace(points, 10, { ...AS_IT_IS, peakPerSecond: 50 });
  expect(scaled.map(({ perSecond }) => perSecond)).toEqual([50, 0]);
});
