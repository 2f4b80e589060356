import { expect, test } from 'vitest';
import { createAwsPredictive } from './aws-predictive.ts';
import { dspForecast, dspPredictor, periodOf } from './crane-dsp.ts';
import { createCrane } from './crane.ts';
import { oraclePlan } from './oracle.ts';
import { createPredictiveHpa, linearForecast } from './predictive-hpa.ts';
import { seriesOf, spectrumOf } from './spectrum.ts';
import { createTextbookQ } from './textbook-q.ts';

const HOUR_MS = 3_600_000;
const START = 472_222 * HOUR_MS; // a full hour
const limits = { targetUtilization: 0.7, minReplicas: 1, maxReplicas: 50 };
const cpu = { unready: 0, missing: 0 };

test.each<[when: string, history: [number, number][], then: number | null]>([
  ['nothing is known', [], null],
  ['one point is repeated', [[0, 4]], 4],
  [
    'a line is read at now + look-ahead, rounded up',
    [
      [0, 4],
      [15_000, 5],
    ],
    6,
  ],
  [
    'a falling line never asks for less than none',
    [
      [0, 1],
      [15_000, 0],
    ],
    0,
  ],
])('linear model: %s', (_when, history, then) => {
  expect(linearForecast(history, 15_000, 10_000)).toBe(then);
});

test('Predictive HPA takes the larger of its HPA and the line through its own answers', () => {
  const phpa = createPredictiveHpa(limits);
  const at = (sync: number, replicas: number, utilization: number): number =>
    phpa.decide({
      ...cpu,
      atMs: START + sync * 15_000,
      replicas,
      ready: replicas,
      utilization,
    });
  expect(at(0, 10, 0.7)).toBe(10);
  expect(at(1, 10, 0.84)).toBe(14); // HPA: 12; the line through 10 and 12, 10 s on: 13.3
});

test('Predictive HPA that decides by the mean rounds it', () => {
  const phpa = createPredictiveHpa({ ...limits, decision: 'mean' });
  const at = (sync: number, utilization: number): number =>
    phpa.decide({ ...cpu, atMs: START + sync * 15_000, replicas: 10, ready: 10, utilization });
  expect(at(0, 0.78)).toBe(12);
  expect(at(1, 0.84)).toBe(12); // 12, and the flat line: 12
  expect(at(2, 0.85)).toBe(14); // 13, and the line through 12, 12, 13: 13.1, up to 14
});

test('Predictive HPA draws its line through the last six recommendations', () => {
  const phpa = createPredictiveHpa(limits);
  const uses = [0.35, 0.42, 0.49, 0.56, ...Array<number>(6).fill(0.7)];
  const answers = uses.map((utilization, sync) =>
    phpa.decide({ ...cpu, atMs: START + sync * 15_000, replicas: 10, ready: 10, utilization }),
  );
  expect(answers.at(-2)).toBe(11); // the rise is in the line yet
  expect(answers.at(-1)).toBe(10);
});

test('Predictive HPA without a metric changes nothing', () => {
  const phpa = createPredictiveHpa(limits);
  const input = { ...cpu, atMs: START, replicas: 7, ready: 0, utilization: null };
  expect(phpa.decide(input)).toBe(7);
});

test('a transform and its inverse give the series back, whatever its length', () => {
  const series = Float64Array.from({ length: 210 }, (_, i) => Math.sin(i) + (i % 7));
  const back = seriesOf(spectrumOf(series));
  expect(Math.max(...back.map((value, i) => Math.abs(value - series[i]!)))).toBeLessThan(1e-9);
});

const day = (minute: number): number => 100 + 60 * Math.sin((2 * Math.PI * minute) / 1440);
const noise = (i: number): number => ((i * 7919) % 101) / 101 - 0.5;

test.each<[what: string, series: (i: number) => number, then: number | null]>([
  ['a daily wave', (i) => day(i) + 20 * noise(i), 1440],
  ['noise alone', (i) => 100 + 20 * noise(i * i), null],
  ['a wave of seven hours', (i) => 100 + 60 * Math.sin((2 * Math.PI * i) / 411.4), null],
])('Crane accepts a day or a week and nothing else: %s', (_what, series, then) => {
  expect(periodOf(Float64Array.from({ length: 4 * 1440 }, (_, i) => series(i)))).toBe(then);
});

test('Crane forecasts nothing from less than 48 h, and the next day from four days', () => {
  const minutes = Array.from({ length: 4 * 1440 }, (_, i) => day(i) + 4 * noise(i));
  expect(dspForecast(minutes.slice(0, 2000))).toEqual([]);
  const forecast = dspForecast(minutes);
  expect(forecast).toHaveLength(1440);
  forecast.forEach((value, i) => expect(Math.abs(value / day(i) - 1)).toBeLessThan(0.25));
});

test('Crane: what is faster than an hour, or below zero, is not in its forecast', () => {
  const fast = (i: number): number => 40 * Math.sin((2 * Math.PI * i) / 10);
  const minutes = Array.from({ length: 4 * 1440 }, (_, i) => 200 + day(i) + fast(i));
  dspForecast(minutes).forEach((value, i) => {
    expect(Math.abs(value - 200 - day(i))).toBeLessThan(10);
  });
  const pulses = Array.from({ length: 4 * 1440 }, (_, i) => (i % 1440 < 60 ? 500 : 0));
  expect(Math.min(...dspForecast(pulses))).toBeGreaterThanOrEqual(0.01);
});

test('Crane takes the margin that would have been right a day ago', () => {
  const growing = (i: number): number => day(i) * 1.15 ** Math.floor(i / 1440);
  const steady = Array.from({ length: 4 * 1440 }, (_, i) => day(i));
  const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  expect(total(dspForecast(steady)) / total(steady.slice(-1440))).toBeCloseTo(1.01, 3);
  const grown = Array.from({ length: 4 * 1440 }, (_, i) => growing(i));
  expect(total(dspForecast(grown)) / total(grown.slice(-1440))).toBeGreaterThan(1.08);
});

test('Crane: the largest whole requests/s of the next hour and no later one count', () => {
  const forecastOf = (minuteOfPeak: number): number => {
    const forecast = Array.from({ length: 1440 }, (_, i) => (i === minuteOfPeak ? 350.9 : 30));
    const predictor = { refreshMinutes: 60, keep: () => undefined, forecast: () => forecast };
    const crane = createCrane({ ...limits, targetPerReplica: 35 }, predictor);
    const input = { ...cpu, replicas: 6, ready: 6, requestsPerSecond: 30, utilization: 0.7 };
    crane.decide({ ...input, atMs: START });
    return crane.decide({ ...input, atMs: START + 60_000 });
  };
  expect(forecastOf(60)).toBe(10); // 350, not 350.9
  expect(forecastOf(61)).toBe(6);
});

test('Crane never scales in sooner than its HPA', () => {
  const crane = createCrane({ ...limits, targetPerReplica: 35 }, dspPredictor());
  const input = { ...cpu, atMs: START, replicas: 10, ready: 10, requestsPerSecond: 350 };
  expect(crane.decide({ ...input, utilization: 0.7 })).toBe(10);
  expect(crane.decide({ ...input, atMs: START + 15_000, utilization: 1 })).toBe(15);
});

test('AWS style: nothing for 24 h, then scale-out before the hour, never scale-in', () => {
  const aws = createAwsPredictive({ ...limits, targetPerReplica: 35 });
  const at = (hour: number, requestsPerSecond: number) =>
    aws.decide({
      ...cpu,
      atMs: START + hour * HOUR_MS,
      replicas: 2,
      ready: 2,
      utilization: 0.7,
      requestsPerSecond,
    });
  const rate = (hour: number): number => (hour % 24 === 12 ? 350 : 70);
  const answers: number[] = [];
  for (let hour = 0; hour < 60; hour += 0.05) answers.push(at(hour, rate(Math.floor(hour))));
  const answerAt = (hour: number) => answers[Math.round(hour / 0.05)];
  expect(answerAt(12.5)).toBe(2); // the first day is not known
  expect(answerAt(35.8)).toBe(2);
  expect(answerAt(35.95)).toBe(10); // five minutes before noon of the second day
  expect(answerAt(36.5)).toBe(10);
  expect(answerAt(37.5)).toBe(2);
});

/** The last answer after a history of one rate an hour. */
const awsAnswer = (rates: readonly number[]): number => {
  const aws = createAwsPredictive({ ...limits, targetPerReplica: 35 });
  const common = { ...cpu, replicas: 2, ready: 2, utilization: 0.7 };
  let answer = 0;
  rates.forEach((requestsPerSecond, hour) => {
    answer = aws.decide({ ...common, atMs: START + hour * HOUR_MS, requestsPerSecond });
  });
  return answer;
};

test('AWS style: the forecast is made anew with what came since, every six hours', () => {
  const rates: number[] = Array.from({ length: 61 }, (_, hour) => (hour % 24 === 12 ? 350 : 70));
  rates[36] = 700;
  expect(awsAnswer(rates)).toBe(15); // the mean of both noons; the first forecast knew one
});

test('AWS style: the same hour of a week ago counts as much as the last three days', () => {
  const rates = Array.from({ length: 181 }, (_, hour) => (hour === 12 ? 350 : 70));
  expect(awsAnswer(rates)).toBe(6);
});

test('textbook Q-learning explores at first, rests for its cooldown, and is reproducible', () => {
  const run = (): number[] => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const q = createTextbookQ({ ...limits, random });
    const answers: number[] = [];
    let replicas = 10;
    for (let t = 0; t < 40; t += 1) {
      replicas = q.decide({
        atMs: START + t * 15_000,
        replicas,
        cpuUtilization: 0.5,
        memoryUtilization: null,
        requestsPerSecond: 250,
        lateRatio: 0,
      });
      answers.push(replicas);
    }
    expect(q.state.epsilon).toBeCloseTo(0.995 ** 40, 6);
    return answers;
  };
  const answers = run();
  const changes = answers.flatMap((value, i) => (i > 0 && value !== answers[i - 1] ? [i] : []));
  expect(changes.length).toBeGreaterThan(0);
  changes.slice(1).forEach((at, i) => expect(at - changes[i]!).toBeGreaterThanOrEqual(20));
  expect(run()).toEqual(answers);
});

test('the oracle launches early, bridges short holes and lets long ones go', () => {
  const settings = {
    capacityPerPod: 50,
    maxUtilization: 0.8,
    windowSeconds: 15,
    startupSeconds: 30,
    startup: () => 30,
    drainSeconds: 0,
    minReplicas: 1,
    maxReplicas: 50,
  };
  //             needs   1   1   1   1   2   1   2   1   1   1   1   1   2
  const demand = [40, 40, 40, 40, 80, 40, 80, 40, 40, 40, 40, 40, 80];
  const plan = oraclePlan(demand, settings);
  const byWindow = demand.map((_, i) => plan[i * 15]);
  expect(byWindow).toEqual([1, 1, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
});
