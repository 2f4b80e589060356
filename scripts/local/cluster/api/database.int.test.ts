import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test, vi } from 'vitest';
import { Database } from './database.ts';

afterEach(() => void vi.restoreAllMocks());

test('a full disk is named', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nimbusguard-database-'));
  const connections: DatabaseSync[] = [];
  const exec = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, 'exec')!;
  vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    connections.push(this);
    (exec.value as DatabaseSync['exec']).call(this, sql);
  });
  const warn = () => undefined;
  const database = Database.open(join(directory, 'state.sqlite'), { warn, nowMs: 0 });
  const resize = (pages: number) => connections[0]!.exec(`PRAGMA max_page_count = ${pages}`);
  const write = () =>
    database.write('pods', 'ns/a', { json: JSON.stringify('x'.repeat(100_000)), version: 1 });

  resize(8);
  expect(write).toThrow('database or disk is full');
  resize(1000);
  expect(write).not.toThrow();
  database.close();
  rmSync(directory, { recursive: true });
});
