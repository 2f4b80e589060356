// The season: a profile of log demand over the parts of a day, or of what the policy calls one.
import { expect, test } from 'vitest';
import { createModel, type Model } from './index.ts';
import { zeros } from './maths.ts';
import { addToSeason, seasonAt, seasonBins } from './season.ts';

test.each([
  [86_400, 5, 288],
  [600, 5, 120],
  [604_800, 60, 288],
  [600, 30, 20],
  [60, 30, 4],
])('a season of %i s with looks every %i s has %i parts', (season, beat, parts) => {
  expect(seasonBins(season, beat)).toBe(parts);
});

/** A season of 40 s in four parts that nobody has seen. */
function unseen(): Model {
  const model = createModel();
  model.seasonSeconds = 40;
  Object.assign(model.season, { bins: zeros(4), visits: zeros(4) });
  return model;
}

/** Each row is one season, a level for each part. */
function seen(rows: readonly (readonly number[])[]): Model {
  const model = unseen();
  rows.flat().forEach((level, part) => {
    for (const second of [2, 7]) add(model, 10 * part + second, level);
  });
  add(model, 40 * rows.length, 0); // the last part is over
  return model;
}

function add(model: Model, second: number, level: number, elapsed = 5): void {
  addToSeason(model, second * 1000, level, { season: 40, elapsed });
}

const middles = (model: Model): (number | null)[] =>
  [5, 15, 25, 35].map((second) => seasonAt(model, (400 + second) * 1000));

test('a part of the season is the mean of the last seasons, and the newest counts a third', () => {
  expect(middles(seen([[1, 2, 3, 4]]))).toEqual([1, 2, 3, 4]);
  const twice = seen([
    [1, 2, 3, 4],
    [2, 2, 2, 2],
  ]);
  expect(middles(twice)).toEqual([1.5, 2, 2.5, 3]); // half of each
  const four = seen([[0], [0], [0], [1]].map(([level = 0]) => [level, 0, 0, 0]));
  expect(middles(four)[0]).toBeCloseTo(0.35, 9);
});

test('between the middles of two parts the level goes straight, over the end of the season too', () => {
  const model = seen([[1, 2, 3, 4]]);
  expect(seasonAt(model, 7_500)).toBeCloseTo(1.25, 9);
  expect(seasonAt(model, 20_000)).toBeCloseTo(2.5, 9);
  expect(seasonAt(model, 40_000)).toBeCloseTo(2.5, 9); // half of 4 and half of 1
  expect(seasonAt(model, 47_500)).toBeCloseTo(1.25, 9);
});

test('a sample counts for as long as it stands for', () => {
  const model = unseen();
  add(model, 1, 10, 9);
  add(model, 9, 20, 1);
  add(model, 15, 0, 10);
  add(model, 25, 0, 10);
  expect(seasonAt(model, 5_000)).toBeCloseTo(11, 9);
});

test('a part is known when it and the next one were seen to their end', () => {
  expect(seasonAt(createModel(), 0)).toBeNull();
  expect(middles(seen([[1, 2]]))).toEqual([1, null, null, null]);
  expect(seasonAt(seen([[1, 2]]), 4_900)).toBeNull(); // towards the last part, which nobody has seen
});
