import { expect, test } from 'vitest';
import { TriggerStats } from './stats.ts';

const NOW = 1_700_000_000_000;

test('before the first delivery there are no quantiles', () => {
  expect(new TriggerStats().figures(NOW)).toEqual({
    ...{ delivered: 0, replies: 0, retries: 0, deadLetters: 0, coldStarts: 0 },
    ...{ deadLettersUndelivered: 0, lastError: null, perMinute: 0 },
    ...{ hopP50Ms: null, hopP99Ms: null, waitP50Ms: null, waitP99Ms: null },
  });
});

test('quantiles are those of the last 512, to hundredths of a millisecond', () => {
  const stats = new TriggerStats();
  for (let n = 0; n < 100; n += 1) stats.done(1e6, NOW); // long ago: forgotten
  for (let n = 1; n <= 512; n += 1) {
    stats.done(n + 0.126, NOW);
    stats.sent(n / 2);
  }
  expect(stats.figures(NOW)).toMatchObject({
    hopP50Ms: 257.13,
    hopP99Ms: 507.13,
    waitP50Ms: 128.5,
    waitP99Ms: 253.5,
  });
});

test('deliveries per minute are those of the last sixty seconds', () => {
  const stats = new TriggerStats();
  for (let second = 0; second < 90; second += 1) {
    stats.done(1, NOW + second * 1000);
    stats.done(1, NOW + second * 1000 + 500);
  }
  const perMinute = [89, 90, 118, 200].map(
    (second) => stats.figures(NOW + second * 1000).perMinute,
  );
  expect(perMinute).toEqual([120, 118, 62, 0]);
  expect(stats.delivered).toBe(180);
});
