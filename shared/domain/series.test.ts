// Running means of the demand, and what was counted between two times.
import { expect, test } from 'vitest';
import { MEANS_IN_BLOCKS } from './constants.ts';
import type { Series } from './model.ts';
import {
  addToSeries,
  blockSeconds,
  forgetBefore,
  largestBetween,
  meanBetween,
  meanOf,
  newSeries,
} from './series.ts';

const BLOCK = 6;
const OF_ONE_BLOCK = 2;

/** A series of blocks of 6 s that took these rates in, each over so many seconds. */
function taken(samples: readonly (readonly [rate: number, seconds: number])[]): Series {
  const series = newSeries();
  series.blockSeconds = BLOCK;
  series.times.push(0);
  series.counts.push(0);
  let second = 0;
  for (const [rate, seconds] of samples) {
    second += seconds;
    addToSeries(series, rate, second * 1000, seconds);
  }
  return series;
}

test('all means of a steady demand are that demand, from the first sample on', () => {
  for (const samples of [1, 3]) {
    const series = taken(Array.from({ length: samples }, () => [100, 2] as const));
    for (const mean of MEANS_IN_BLOCKS.keys()) expect(meanOf(series, mean)).toBeCloseTo(100, 9);
  }
});

test('a mean forgets with its own time constant, however long each sample is', () => {
  for (const samples of [
    [[200, 6]],
    [
      [200, 1],
      [200, 5],
    ],
    [
      [200, 2],
      [200, 2],
      [200, 2],
    ],
  ] as [number, number][][]) {
    const series = taken([[100, 6000], ...samples]);
    expect(meanOf(series, OF_ONE_BLOCK)).toBeCloseTo(200 - 100 * Math.exp(-1), 9);
    expect(meanOf(series, 4)).toBeCloseTo(200 - 100 * Math.exp(-1 / 4), 9); // of four blocks
  }
});

test('a block that grew counts from the next sample on, though the beat stays', () => {
  const series = taken([[100, 6], [100, 6]]); // prettier-ignore
  series.blockSeconds = 2 * BLOCK;
  addToSeries(series, 200, 18_000, 6);
  const was = 1 - Math.exp(-2); // what the mean knew by then
  const kept = was * Math.exp(-1 / 2);
  const taken200 = 1 - Math.exp(-1 / 2);
  const mean = (100 * kept + 200 * taken200) / (kept + taken200);
  expect(meanOf(series, OF_ONE_BLOCK)).toBeCloseTo(mean, 9);
});

test('the last three rates are kept for the slope; before there were three the first stands for them', () => {
  const rates = ({ rateEarlier, rateBefore, rate }: Series): number[] => [
    rateEarlier,
    rateBefore,
    rate,
  ];
  expect(rates(taken([[0, 2]]))).toEqual([0, 0, 0]);
  expect(rates(taken([[0, 2], [10, 2]]))).toEqual([0, 0, 10]); // prettier-ignore
  expect(rates(taken([[5, 2], [10, 2], [20, 2], [40, 2]]))).toEqual([10, 20, 40]); // prettier-ignore
});

test('the mean between two times is what came between them, where samples are cut as well', () => {
  const series = taken([[100, 6], [200, 6], [400, 6]]); // prettier-ignore
  expect(meanBetween(series, 0, 18_000)).toBeCloseTo((100 + 200 + 400) / 3, 9);
  expect(meanBetween(series, 3_000, 9_000)).toBeCloseTo(150, 9);
  expect(meanBetween(series, 10_000, 14_000)).toBeCloseTo(300, 9);
  expect(meanBetween(series, -1, 6_000)).toBeNull();
  expect(meanBetween(series, 6_000, 18_001)).toBeNull();
  expect(meanBetween(newSeries(), 0, 1)).toBeNull();
});

test('the largest mean over one block is found where it is, and nowhere beyond the interval', () => {
  const series = taken([[100, 6], [100, 3], [300, 6], [100, 6], [900, 6]]); // prettier-ignore
  expect(largestBetween(series, 0, 21_000)).toBeCloseTo(300, 9);
  expect(largestBetween(series, 0, 12_000)).toBeCloseTo(200, 9);
  expect(largestBetween(series, 0, 6_000)).toBeCloseTo(100, 9);
  expect(largestBetween(series, 0, 30_000)).toBeNull();
});

test('counts are kept about a sixth of a block apart, and none is forgotten that is still needed', () => {
  const series = taken(Array.from({ length: 60 }, () => [100, 0.25] as const));
  expect(series.times.length).toBeLessThan(25); // of 60 samples: 15 s in steps of about 1 s
  expect(meanBetween(series, 2_000, 13_000)).toBeCloseTo(100, 9);
  forgetBefore(series, 7_500);
  expect(series.times[0]).toBeGreaterThan(6_000);
  expect(meanBetween(series, 7_500, 13_000)).toBeCloseTo(100, 9);
});

test.each([
  [2, 30, 15],
  [5, 8, 5],
  [2, 90, 15],
  [15, 30, 15],
  [30, 30, 30],
  [1, 3, 2],
])('a beat of %i s and a start-up of %i s are judged in blocks of %i s', (beat, startup, block) => {
  expect(blockSeconds(beat, startup)).toBe(block);
});
