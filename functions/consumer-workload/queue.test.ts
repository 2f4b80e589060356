import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WorkQueue, type QueueSettings } from './queue.ts';

const aQueue = (settings: Partial<QueueSettings> = {}) =>
  new WorkQueue<string>({ workers: 1, serviceMs: 20, limit: 100, ...settings }, 0);

/** Plays arrivals `[at, name]` and returns `name@end` of each that was served, in order. */
function timeline(queue: WorkQueue<string>, arrivals: [atMs: number, job: string][]): string[] {
  const ends: string[] = [];
  const advance = (toMs: number): void => {
    for (const { job, finishedAtMs } of queue.advance(toMs)) ends.push(`${job}@${finishedAtMs}`);
  };
  for (const [atMs, job] of arrivals) {
    advance(atMs);
    if (!queue.offer(job)) ends.push(`${job} refused`);
  }
  advance(1e9);
  return ends;
}

test.each<[when: string, Partial<QueueSettings>, [number, string][], then: string[]]>([
  ['one request', {}, [[0, 'a']], ['a@20']],
  [
    'two at once wait for each other',
    {},
    [
      [0, 'a'],
      [0, 'b'],
    ],
    ['a@20', 'b@40'],
  ],
  [
    'two workers serve two at once',
    { workers: 2 },
    [
      [0, 'a'],
      [5, 'b'],
      [6, 'c'],
    ],
    ['a@20', 'b@25', 'c@40'],
  ],
  [
    'a rest between two',
    {},
    [
      [0, 'a'],
      [50, 'b'],
    ],
    ['a@20', 'b@70'],
  ],
  [
    'a full queue refuses',
    { limit: 1 },
    [
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ],
    ['c refused', 'a@20', 'b@40'],
  ],
  [
    'an end makes room',
    { limit: 1 },
    [
      [0, 'a'],
      [1, 'b'],
      [20, 'c'],
    ],
    ['a@20', 'b@40', 'c@60'],
  ],
  [
    'no place to wait',
    { limit: 0 },
    [
      [0, 'a'],
      [19, 'b'],
      [20, 'c'],
    ],
    ['b refused', 'a@20', 'c@40'],
  ],
])('first come, first served: %s', (_when, settings, arrivals, then) => {
  expect(timeline(aQueue(settings), arrivals)).toEqual(then);
});

test('the capacity is exact however late the clock is read', () => {
  const queue = aQueue({ limit: 1000 });
  for (let i = 0; i < 500; i += 1) queue.offer(`job ${i}`);
  const served: number[] = [];
  for (let nowMs = 0; nowMs < 5000; nowMs += 37.3) served.push(queue.advance(nowMs).length);
  expect(served.reduce((sum, n) => sum + n, 0)).toBe(Math.floor((37.3 * 134) / 20));
  expect(queue.busySeconds).toBeCloseTo((37.3 * 134) / 1000, 6);
});

test('a burnt share slows down what is served and counts as busy', () => {
  const queue = aQueue();
  queue.burn(0.8);
  expect(queue.advance(1000)).toEqual([]);
  expect(queue.busySeconds).toBeCloseTo(0.8, 9);
  queue.offer('a');
  expect(queue.advance(1099)).toEqual([]);
  queue.advance(1100.001);
  expect(queue.inService).toBe(0);
  expect(queue.busySeconds).toBeCloseTo(0.9, 4);
});

test('a start in the middle of a service slows its rest, a stop speeds it up again', () => {
  const queue = aQueue();
  queue.offer('a');
  queue.advance(10);
  queue.burn(0.5);
  queue.advance(20); // 5 ms of work left
  queue.burn(0);
  expect(queue.nextAtMs).toBeCloseTo(25, 9);
});

test('a pod burnt at 100 % serves nothing until the end of it', () => {
  const queue = aQueue();
  queue.burn(1);
  queue.offer('a');
  expect(queue.nextAtMs).toBe(Infinity);
  expect(queue.advance(60_000)).toEqual([]);
  queue.burn(0);
  expect(queue.advance(60_020).map(({ finishedAtMs }) => finishedAtMs)).toEqual([60_020]);
});

test('whatever arrives, nothing is lost, order is kept and no worker does two things at once', () => {
  const arrivals = fc.array(fc.record({ gapMs: fc.integer({ min: 0, max: 60 }) }), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(
      arrivals,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 10 }),
      (gaps, workers, limit) => {
        const queue = new WorkQueue<number>({ workers, serviceMs: 20, limit }, 0);
        const finished: { job: number; finishedAtMs: number }[] = [];
        let nowMs = 0;
        let refused = 0;
        gaps.forEach(({ gapMs }, i) => {
          nowMs += gapMs;
          finished.push(...queue.advance(nowMs));
          if (!queue.offer(i)) refused += 1;
          expect(queue.inService).toBeLessThanOrEqual(workers);
          expect(queue.waiting).toBeLessThanOrEqual(limit);
        });
        finished.push(...queue.advance(1e7));
        expect(finished.length + refused).toBe(gaps.length);
        expect(finished.map(({ job }) => job)).toEqual(
          finished.map(({ job }) => job).sort((a, b) => a - b),
        );
        expect(queue.busySeconds * 1000).toBeCloseTo(finished.length * 20, 3);
      },
    ),
  );
});
