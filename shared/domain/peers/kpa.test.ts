import { expect, test } from 'vitest';
import { createKpa, type KpaSettings } from './kpa.ts';

const START = 1_700_000_000_000;
const settings: KpaSettings = { total: 50, minReplicas: 1, maxReplicas: 50 };

/** Runs the autoscaler every 2 s over [from, to) s; returns its last answer. */
const runner = (kpa: ReturnType<typeof createKpa>) => {
  const run = (span: [from: number, to: number], ready: number, value: number | null) => {
    let answer: number | null = null;
    for (let t = span[0]; t < span[1]; t += 2) {
      answer = kpa.decide({ atMs: START + t * 1000, ready, value, windowSeconds: 2 });
    }
    return answer;
  };
  return run;
};

test('a steady rate asks for rate / 35, rounded up, without a tolerance band', () => {
  const run = runner(createKpa(settings));
  expect(run([0, 120], 1, 35)).toBe(1);
  expect(run([120, 240], 1, 36)).toBe(2);
});

test('nothing was ever scraped: no decision', () => {
  expect(runner(createKpa(settings))([0, 10], 1, null)).toBe(null);
});

test('fewer seconds than the window: the mean is over those that are there', () => {
  expect(runner(createKpa(settings))([0, 4], 1, 70)).toBe(2);
});

test('a hole between data counts as zero, one that lasts until now does not', () => {
  const run = runner(createKpa(settings));
  run([0, 60], 4, 140);
  expect(run([60, 90], 4, null)).toBe(4); // 30 s of data at 140
  expect(run([90, 92], 4, 140)).toBe(2); // 30 of 60 s at 140: a mean of 70
});

test('an empty panic window is a rate of 0, an empty stable window no decision', () => {
  const run = runner(createKpa(settings));
  run([0, 60], 2, 70);
  expect(run([60, 118], 2, null)).toBe(2); // one second of data is left
  expect(run([118, 120], 2, null)).toBe(null);
});

test('after a window without data the mean is over what came since, as at the start', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 10, 350);
  run([120, 240], 10, null);
  expect(run([240, 242], 10, 350)).toBe(10);
});

test('the panic window begins anew after a hole of its own length', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 2, 70);
  run([120, 130], 2, null);
  expect(run([130, 132], 2, 175)).toBe(5); // 175 over 2 s of it, not over 6
});

test('twice the ready pods within 6 s starts panic, which never shrinks for 60 s', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 2, 70);
  expect(run([120, 126], 2, 350)).toBeGreaterThanOrEqual(8);
  const peak = run([126, 132], 2, 350);
  expect(peak).toBe(10);
  expect(run([132, 150], 10, 70)).toBe(10);
  expect(run([150, 250], 10, 70)).toBe(5); // floor(10 ready / 2): down by half at most
});

test('a restart with several pods starts in panic and holds them for 60 s', () => {
  const run = runner(createKpa(settings));
  expect(run([0, 60], 10, 35)).toBe(10);
  expect(run([60, 70], 10, 35)).toBe(5);
});

test('panic ends after its 60 s, not with them', () => {
  const run = runner(createKpa(settings));
  expect(run([0, 62], 10, 35)).toBe(10); // at 60 s still
  expect(run([62, 64], 10, 35)).toBe(5);
});

test('a second burst in panic makes it last 60 s from there', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 2, 70);
  expect(run([120, 126], 2, 350)).toBe(10);
  run([126, 160], 10, 70);
  expect(run([160, 166], 10, 700)).toBe(20);
  expect(run([166, 222], 20, 70)).toBe(20);
  expect(run([222, 228], 20, 70)).toBe(10);
});

test('whole pods of the panic window count: one and a half for one ready pod is panic', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 1, 35);
  expect(run([120, 126], 1, 52.5)).toBe(2);
  expect(run([126, 156], 1, 20)).toBe(2); // without panic 29 requests/s ask for one
});

test('with no pod ready it counts as one; the rate of scaling up is over that', () => {
  expect(runner(createKpa(settings))([0, 2], 0, 350)).toBe(10);
  const slow = createKpa({ ...settings, maxScaleUpRate: 2 });
  expect(runner(slow)([0, 2], 3, 700)).toBe(6);
});

test('a target below 0.01 is 0.01', () => {
  expect(runner(createKpa({ ...settings, total: 0.001 }))([0, 2], 1, 0.02)).toBe(2);
});

test('without a pod in reach there is no limit downwards', () => {
  const kpa = createKpa(settings);
  const at = (seconds: number, reachable: boolean) =>
    kpa.decide({ atMs: START + seconds * 1000, ready: 10, value: 35, windowSeconds: 2, reachable });
  for (let t = 0; t <= 62; t += 2) at(t, true);
  expect(at(64, true)).toBe(5);
  expect(at(66, false)).toBe(1);
});

test.each([
  [1, 1],
  [2, 2],
  [3, 3],
])('a restart with %i pods holds %i of them for 60 s', (ready, held) => {
  const run = runner(createKpa(settings));
  expect(run([0, 60], ready, 1)).toBe(held);
  expect(run([60, 70], ready, 1)).toBe(1);
});

test('pods that start slowly keep it in panic, for the ratio is over ready pods', () => {
  const run = runner(createKpa(settings));
  run([0, 60], 1, 35);
  expect(run([60, 200], 1, 175)).toBe(5);
  expect(run([200, 340], 1, 175)).toBe(5);
});

test('down to zero only after the grace period', () => {
  const run = runner(createKpa({ ...settings, minReplicas: 0 }));
  run([0, 60], 1, 35);
  expect(run([60, 122], 1, 0)).toBe(1);
  expect(run([122, 146], 1, 0)).toBe(1); // the window is empty of load since 118 s
  expect(run([146, 150], 1, 0)).toBe(0);
  const kpa = createKpa({ ...settings, minReplicas: 0 });
  const at = (seconds: number) =>
    kpa.decide({
      atMs: START + seconds * 1000,
      ready: 1,
      value: 0,
      windowSeconds: 2,
      reachable: false,
    });
  expect(at(0)).toBe(1);
  expect(at(28)).toBe(1);
  expect(at(30)).toBe(0);
});

test('a scale-down delay keeps the largest wish of its window', () => {
  const run = runner(createKpa({ ...settings, scaleDownDelaySeconds: 300 }));
  run([0, 120], 1, 70);
  expect(run([120, 300], 2, 10)).toBe(2);
  expect(run([300, 600], 2, 10)).toBe(1);
});

test('a scale-down delay is none while no pod can be reached', () => {
  const kpa = createKpa({ ...settings, scaleDownDelaySeconds: 300 });
  const at = (seconds: number, value: number, reachable: boolean) =>
    kpa.decide({ atMs: START + seconds * 1000, ready: 1, value, windowSeconds: 2, reachable });
  for (let t = 0; t < 60; t += 2) at(t, 70, true);
  for (let t = 60; t < 122; t += 2) at(t, 10, true);
  expect(at(122, 10, true)).toBe(2);
  expect(at(124, 10, false)).toBe(1);
});

test('a panic that is over leaves nothing for the next one', () => {
  const run = runner(createKpa(settings));
  run([0, 120], 1, 35);
  expect(run([120, 126], 1, 350)).toBe(10);
  run([126, 200], 10, 35);
  expect(run([200, 300], 1, 35)).toBe(1);
  expect(run([300, 306], 1, 105)).toBe(3);
});

test('any wish becomes at least the activation scale', () => {
  expect(runner(createKpa({ ...settings, activationScale: 3 }))([0, 10], 1, 5)).toBe(3);
});
