import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lane, type Ending } from './lane.ts';
import type { LogRecord } from './log.ts';

const record = (offset: number, wanted = true): LogRecord => ({
  offset,
  partition: 0,
  atMs: 0,
  hops: 0,
  event: { attributes: { type: wanted ? 'wanted' : 'other' }, data: null },
});

/** A lane over a log in memory, whose deliveries end when the test says so. */
function aLane(options: { width: number; cursor?: number; log?: LogRecord[] }) {
  const log = options.log ?? [];
  const started: number[] = [];
  const open = new Map<number, { end: Ending; resolve: () => void }>();
  let reads = 0;
  const lane = new Lane(
    { cursor: options.cursor ?? 0, width: options.width },
    {
      wants: ({ event }) => event.attributes['type'] === 'wanted',
      read(after, limit) {
        reads += 1;
        return log.filter(({ offset }) => offset > after).slice(0, limit);
      },
      handle: ({ offset }, end) =>
        new Promise((resolve) => {
          started.push(offset);
          open.set(offset, { end, resolve });
        }),
      skipped: () => undefined,
    },
  );
  return {
    lane,
    started,
    open,
    reads: () => reads,
    append: (each: LogRecord): void => {
      log.push(each);
      lane.offer(each);
    },
    /** Ends one delivery; returns the cursor that was committed with it. */
    finish: async (offset: number): Promise<number> => {
      const { end, resolve } = open.get(offset)!;
      open.delete(offset);
      const cursor = end.cursor();
      end.done();
      resolve();
      await new Promise((next) => setImmediate(next));
      return cursor;
    },
  };
}

test('ordered: the second waits for the first, however long that takes', async () => {
  const { append, started, finish } = aLane({ width: 1 });
  append(record(1));
  append(record(2));
  append(record(3));
  expect(started).toEqual([1]);
  expect(await finish(1)).toBe(1);
  expect(started).toEqual([1, 2]);
  expect(await finish(2)).toBe(2);
  expect(started).toEqual([1, 2, 3]);
});

test('unordered: several at a time, and the cursor waits for the oldest', async () => {
  const { append, started, finish, lane } = aLane({ width: 3 });
  for (const offset of [1, 2, 3, 4]) append(record(offset));
  expect(started).toEqual([1, 2, 3]);
  expect(await finish(2)).toBe(0);
  expect(await finish(3)).toBe(0);
  expect(await finish(1)).toBe(3);
  expect(lane.cursor).toBe(3);
  expect(await finish(4)).toBe(4);
});

test('what nobody wants moves the cursor and is not delivered', () => {
  const { append, started, lane } = aLane({ width: 1 });
  append(record(1, false));
  append(record(7, false));
  expect(started).toEqual([]);
  expect(lane.cursor).toBe(7);
});

test('after a restart it goes on behind its cursor', () => {
  const { lane, started } = aLane({ width: 9, cursor: 2, log: [1, 2, 3, 5].map((n) => record(n)) });
  lane.pump();
  expect(started).toEqual([3, 5]);
});

test('a record that was read from the log before it was offered is delivered once', () => {
  const log = [record(1), record(2)];
  const { lane, started } = aLane({ width: 9, log });
  lane.pump();
  lane.offer(record(1));
  lane.offer(record(2));
  expect(started).toEqual([1, 2]);
});

test('while it keeps up it does not read the log', async () => {
  const { append, finish, reads } = aLane({ width: 1 });
  append(record(1));
  const first = reads();
  for (let offset = 2; offset < 20; offset += 1) {
    append(record(offset));
    await finish(offset - 1);
  }
  expect(reads()).toBe(first);
});

test('a long jam is worked off from the log, in order and completely', async () => {
  const { append, started, finish } = aLane({ width: 1 });
  const offsets = Array.from({ length: 500 }, (_, n) => n + 1);
  for (const offset of offsets) append(record(offset));
  for (const offset of offsets) await finish(offset);
  expect(started).toEqual(offsets);
});

test('a delivery that breaks off keeps the cursor before it', async () => {
  const lane = new Lane(
    { cursor: 0, width: 4 },
    {
      wants: () => true,
      read: () => [],
      handle: ({ offset }, end) => {
        if (offset === 1) return Promise.reject(new Error('stopped'));
        end.done();
        return Promise.resolve();
      },
      skipped: () => undefined,
    },
  );
  lane.pump();
  lane.offer(record(1));
  lane.offer(record(2));
  await lane.stop();
  expect(lane.cursor).toBe(0);
});

test('in whatever order deliveries end, no cursor ever passes one that has not', async () => {
  const scripts = fc.array(fc.nat(20), { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 1, max: 5 }), async (picks, width) => {
      const { append, open, finish, started } = aLane({ width });
      const done = new Set<number>();
      let offset = 0;
      for (const pick of picks) {
        append(record((offset += 1), pick % 3 !== 0));
        const running = [...open.keys()];
        const chosen = running[pick % (running.length + 1)];
        if (chosen === undefined) continue;
        done.add(chosen);
        const cursor = await finish(chosen);
        const unfinished = started.filter((each) => !done.has(each));
        expect(unfinished.every((each) => each > cursor)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});
