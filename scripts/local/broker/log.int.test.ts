import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BrokerEvent } from './cloudevent.ts';
import { openLogFile, setAsideFiles } from './log-file.ts';
import { EventLog } from './log.ts';
import { trim } from './retention.ts';

const NOW = 1_700_000_000_000;
const BROKER = 'ns/default';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broker-log-'));
  file = join(folder, 'state', 'broker.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const event = (id: string, more: object = {}, bytes = 2): BrokerEvent => ({
  attributes: { specversion: '1.0', id, source: '/s', type: 't', ...more },
  data: Buffer.alloc(bytes, 'x'),
});

function open(partitions = 3): EventLog {
  const log = new EventLog(openLogFile(file, NOW).db);
  log.partitions(BROKER, partitions);
  return log;
}

const idsOf = (log: EventLog): unknown[] =>
  log
    .page({ after: 0, limit: 10_000, type: undefined, newestFirst: false })
    .map((record) => record.event.attributes['id']);

test('what was stored is there after the file was opened again, byte for byte', () => {
  const first = open();
  const stored = first.append(BROKER, event('1', { partitionkey: 'k', n: 5, ok: true }), NOW, 2);
  first.commit('ns/t', stored.partition, stored.offset);
  first.close();

  const second = open();
  const [record] = second.read(BROKER, stored.partition, 0, 10);
  expect(record).toMatchObject({ offset: stored.offset, atMs: NOW, hops: 2 });
  expect(record?.event.attributes).toEqual(stored.event.attributes);
  expect(Buffer.from(record?.event.data ?? []).equals(stored.event.data!)).toBe(true);
  expect(second.cursors('ns/t')).toEqual(new Map([[stored.partition, stored.offset]]));
  expect(second.bytes).toBe(first.bytes);
  expect(second.events).toBe(1);
  second.close();
});

test('offsets only grow, also after everything was removed', () => {
  const log = open(1);
  const { offset } = log.append(BROKER, event('1'), NOW);
  log.drop(BROKER, 0, offset, 0);
  expect(log.append(BROKER, event('2'), NOW).offset).toBeGreaterThan(offset);
  expect(log.end()).toBe(offset + 1);
  log.close();
});

test('a key keeps its partition, events without one take turns, and partitions never shrink', () => {
  const log = open(3);
  const keyed = ['1', '2', '3'].map((id) =>
    log.append(BROKER, event(id, { partitionkey: 'k' }), NOW),
  );
  const free = ['4', '5', '6'].map((id) => log.append(BROKER, event(id), NOW));
  expect(new Set(keyed.map(({ partition }) => partition)).size).toBe(1);
  expect(new Set(free.map(({ partition }) => partition)).size).toBe(3);
  expect(log.partitions(BROKER, 2)).toBe(3);
  expect(log.partitions(BROKER, 5)).toBe(5);
  log.close();
});

test('a write that fails half-way leaves nothing behind, and takes no room', () => {
  const log = open();
  log.append(BROKER, event('0'), NOW);
  const { events, bytes } = log;
  expect(() =>
    log.transaction(() => {
      log.append(BROKER, event('1'), NOW);
      throw new Error('in between');
    }),
  ).toThrow('in between');
  expect(idsOf(log)).toEqual(['0']);
  expect({ events: log.events, bytes: log.bytes }).toEqual({ events, bytes });
  log.close();
});

test('a full disk is named, and what did not fit takes no room', () => {
  const { db } = openLogFile(file, NOW);
  const log = new EventLog(db);
  log.partitions(BROKER, 1);
  const { events, bytes } = log;
  db.exec('PRAGMA max_page_count = 20');
  expect(() =>
    log.transaction(() => {
      for (let n = 0; n < 100; n += 1) log.append(BROKER, event(String(n), {}, 4096), NOW);
    }),
  ).toThrow(/full/);
  expect(idsOf(log)).toEqual([]);
  expect({ events: log.events, bytes: log.bytes }).toEqual({ events, bytes });
  db.exec('PRAGMA max_page_count = 1000000');
  log.transaction(() => log.append(BROKER, event('later'), NOW));
  expect(idsOf(log)).toEqual(['later']);
  log.close();
});

test.each<[what: string, content: string]>([
  ['garbage', 'this is no database, and long enough to be looked at as one '.repeat(200)],
  ['a database that is cut off', 'SQLite format 3\u0000'],
])('%s is set aside, said, and a fresh log started', (_what, content) => {
  open().close();
  for (const name of readdirSync(join(folder, 'state'))) rmSync(join(folder, 'state', name));
  writeFileSync(file, content);

  const opened = openLogFile(file, NOW);

  expect(opened.setAside?.reason).toMatch(/\S/);
  expect(opened.setAside?.file).toContain('unreadable-2023-11-14T');
  expect(statSync(opened.setAside?.file ?? '').size).toBe(content.length);
  expect(setAsideFiles(file)).toEqual([opened.setAside?.file]);
  const log = new EventLog(opened.db);
  log.partitions(BROKER, 1);
  log.append(BROKER, event('1'), NOW);
  expect(idsOf(log)).toEqual(['1']);
  log.close();
});

test('a file of another version is set aside and left as it is', () => {
  const { db } = openLogFile(file, NOW);
  db.exec('PRAGMA user_version = 2');
  db.close();
  const opened = openLogFile(file, NOW);
  expect(opened.setAside?.reason).toBe('it has schema version 2, this broker reads 1');
  const log = new EventLog(opened.db);
  expect(idsOf(log)).toEqual([]);
  log.close();
});

test('a file whose making was cut short is made now', () => {
  open().close();
  for (const name of readdirSync(join(folder, 'state'))) rmSync(join(folder, 'state', name));
  writeFileSync(file, '');
  const opened = openLogFile(file, NOW);
  expect(opened.setAside).toBeNull();
  new EventLog(opened.db).close();
});

test('damage within the file is found at start', () => {
  const log = open();
  for (let n = 0; n < 300; n += 1) log.append(BROKER, event(String(n), {}, 200), NOW);
  log.close();
  const { size } = statSync(file);
  const bytes = Buffer.alloc(size, 0x5a);
  writeFileSync(file, bytes.subarray(0, size - 8192), { flag: 'r+', flush: true });
  const opened = openLogFile(file, NOW);
  expect(opened.setAside).not.toBeNull();
  opened.db.close();
});

test('pages go forward and backward, and by type', () => {
  const log = open();
  for (const id of ['1', '2', '3'])
    log.append(BROKER, event(id, { type: id === '2' ? 'b' : 'a' }), NOW);
  const ids = (query: Partial<Parameters<EventLog['page']>[0]>) =>
    log
      .page({ after: 0, limit: 10, type: undefined, newestFirst: false, ...query })
      .map((record) => record.event.attributes['id']);
  expect(ids({ limit: 2 })).toEqual(['1', '2']);
  expect(ids({ after: 2 })).toEqual(['3']);
  expect(ids({ newestFirst: true, limit: 2 })).toEqual(['3', '2']);
  expect(ids({ newestFirst: true, after: 2 })).toEqual(['1']);
  expect(ids({ type: 'a' })).toEqual(['1', '3']);
  log.close();
});

test('old events go once everybody is done with them, and not before', () => {
  const log = open(1);
  const hour = 3_600_000;
  log.append(BROKER, event('old and done'), NOW - 2 * hour);
  const { offset } = log.append(BROKER, event('old too'), NOW - 2 * hour);
  log.append(BROKER, event('old and wanted'), NOW - 2 * hour);
  log.append(BROKER, event('new'), NOW);
  const extent = { broker: BROKER, partitions: 1, doneUpTo: () => offset };
  trim(log, extent, { maxAgeMs: hour, maxBytes: 1e9 }, NOW);
  expect(idsOf(log)).toEqual(['old and wanted', 'new']);
  trim(log, { ...extent, doneUpTo: () => log.end() }, { maxAgeMs: hour, maxBytes: 1e9 }, NOW);
  expect(idsOf(log)).toEqual(['new']);
  log.close();
});

test('a log that is too large loses its oldest, evenly over the partitions', () => {
  const log = open(3);
  for (let n = 0; n < 3000; n += 1) log.append(BROKER, event(String(n), {}, 1000), NOW);
  const before = log.bytes;
  const extent = { broker: BROKER, partitions: 3, doneUpTo: () => log.end() };
  trim(log, extent, { maxAgeMs: 1e12, maxBytes: before / 2 }, NOW);
  const left = idsOf(log).map(Number);
  expect(log.bytes).toBeLessThanOrEqual(before / 2);
  expect(log.bytes).toBeGreaterThan(before / 2 - 10_000);
  expect(Math.min(...left)).toBeGreaterThan(1400);
  expect(left.at(-1)).toBe(2999);
  expect(log.events).toBe(left.length);
  log.close();
});

test('dead letters are kept, newest first, up to a limit', () => {
  const log = open();
  const letter = { trigger: 'ns/t', offset: 1, atMs: NOW, status: 422, delivered: false };
  for (const reason of ['first', 'second']) log.bury({ ...letter, reason, event: event(reason) });
  expect(log.deadLetters(10).map(({ reason }) => reason)).toEqual(['second', 'first']);
  expect(log.deadLetters(1)[0]).toMatchObject({ status: 422, delivered: false });
  log.close();
});
