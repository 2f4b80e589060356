import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inParallel } from './in-parallel.ts';

test('each item is done once, in order, and never more at a time than allowed', async () => {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    running += 1;
    most = Math.max(most, running);
    for (let turns = 0; turns < item % 3; turns += 1) await turn(); // some end before others
    running -= 1;
  });

  expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
  expect(running).toBe(0);
});

test('one failure is the outcome of all', async () => {
  const work = (item: string): Promise<void> =>
    item === 'b' ? Promise.reject(new Error('b fails')) : Promise.resolve();

  await expect(inParallel(['a', 'b', 'c'], 2, work)).rejects.toThrow('b fails');
});

test('of no items nothing is done', async () => {
  const work = (): Promise<void> => Promise.reject(new Error('there is none'));
  await expect(inParallel([], 4, work)).resolves.toBeUndefined();
});
