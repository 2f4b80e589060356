import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { pollClock } from './poll-clock.ts';

test('all answers of one round of the event loop have the time of its first one', async () => {
  let nowMs = 100;
  const arrivedMs = pollClock(() => (nowMs += 7));
  expect([arrivedMs(), arrivedMs(), arrivedMs()]).toEqual([107, 107, 107]);
  await setImmediate();
  expect([arrivedMs(), arrivedMs()]).toEqual([114, 114]);
});
