import { expect, test } from 'vitest';
import { sumDays, Tally } from './tally.ts';

interface Second {
  arrivals: number;
  late: number;
  dropped?: number;
}

/** Minutes of 60 equal seconds: arrivals and late requests a second, pods ready and paid for. */
function scoreOf(minutes: readonly Second[], pods = { ready: 2, paid: 3 }) {
  const tally = new Tally(true);
  for (const { arrivals, late, dropped = 0 } of minutes) {
    for (let second = 0; second < 60; second++) {
      tally.second(arrivals, late, dropped);
      tally.pods(pods.ready, pods.paid);
    }
    tally.endMinute();
  }
  return tally.finish();
}

const FINE = { arrivals: 100, late: 1 }; // just 1 %
const BAD = { arrivals: 100, late: 2 };
const IDLE = { arrivals: 0, late: 0 };

test('a minute violates where more than 1 % of its requests are late, and none without requests', () => {
  const { days, longestViolationMinutes } = scoreOf([FINE, BAD, IDLE, BAD, BAD, FINE]);

  expect(days).toHaveLength(1);
  expect(days[0]).toMatchObject({ minutes: 6, violating: 3, arrivals: 30_000, late: 480 });
  expect(days[0]?.excessLate).toBeCloseTo(3 * 60, 9);
  expect(longestViolationMinutes).toBe(2);
});

test('pods are paid for by the second, and those that serve nobody are told apart', () => {
  const { days } = scoreOf([FINE, FINE], { ready: 4, paid: 6 });

  expect(days[0]).toMatchObject({ podSeconds: 720, transitSeconds: 240 });
});

test('sums belong to their day of 1440 minutes, and the rest is a day of its own', () => {
  const { days } = scoreOf([
    ...Array<Second>(1440).fill({ ...FINE, dropped: 1 }),
    ...Array<Second>(10).fill(BAD),
  ]);

  expect(days.map(({ minutes, violating, dropped }) => [minutes, violating, dropped])).toEqual([
    [1440, 0, 86_400],
    [10, 10, 0],
  ]);
  expect(scoreOf(Array<Second>(1440).fill(FINE)).days).toHaveLength(1);
});

test('changes and launches count on their day', () => {
  const tally = new Tally(false);
  tally.change();
  tally.launch(3);
  tally.endMinute();
  const { days, timeline } = tally.finish();

  expect(days[0]).toMatchObject({ changes: 1, launched: 3 });
  expect(timeline).toBeNull();
});

test('the timeline has a mean of each minute', () => {
  const { timeline } = scoreOf([FINE, BAD], { ready: 2, paid: 3 });

  expect(timeline).toEqual({
    demand: [100, 100],
    ready: [2, 2],
    paid: [3, 3],
    violating: [0, 1],
  });
});

test('days are summed to one', () => {
  const { days } = scoreOf([...Array<Second>(1440).fill(FINE), BAD, BAD]);

  expect(sumDays(days)).toMatchObject({ minutes: 1442, violating: 2 });
});
