// Objects on disk, in embedded SQLite: what was answered survives a kill of this process.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { messageOf } from '#shared/errors.ts';
import type { KubeObject } from '../types.ts';

export interface Row {
  resource: string;
  key: string;
  object: KubeObject;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS object (
    resource TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (resource, key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

const FORMAT = '1';
const VERSION_FACT = 'resourceVersion';

function open(file: string): { db: DatabaseSync; rows: Row[] } {
  const db = new DatabaseSync(file);
  try {
    // WAL without a flush per write: a killed process loses nothing, a power cut may lose seconds.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000');
    const check = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (check !== 'ok') throw new Error(String(check));
    db.exec(SCHEMA);
    const format = db.prepare("SELECT value FROM fact WHERE name = 'format'").get()?.['value'];
    if (format !== undefined && format !== FORMAT) {
      throw new Error(`written in format ${String(format)}, this version reads ${FORMAT}`);
    }
    db.prepare("INSERT OR IGNORE INTO fact VALUES ('format', ?)").run(FORMAT);
    const rows = db
      .prepare('SELECT resource, key, json FROM object')
      .all()
      .map((row) => ({
        resource: String(row['resource']),
        key: String(row['key']),
        object: JSON.parse(String(row['json'])) as KubeObject,
      }));
    return { db, rows };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Moves a file that cannot be read out of the way; returns where it went. */
function setAside(file: string, nowMs: number): string {
  const aside = `${file}.corrupt-${new Date(nowMs).toISOString().replaceAll(':', '-')}`;
  renameSync(file, aside);
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  }
  return aside;
}

export class Database {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #fact: StatementSync;
  /** What the file held when it was opened. */
  readonly rows: readonly Row[];

  private constructor(opened: { db: DatabaseSync; rows: Row[] }) {
    this.#db = opened.db;
    this.rows = opened.rows;
    this.#put = this.#db.prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)');
    this.#drop = this.#db.prepare('DELETE FROM object WHERE resource = ? AND key = ?');
    this.#fact = this.#db.prepare('INSERT OR REPLACE INTO fact VALUES (?, ?)');
  }

  /**
   * Opens the state file, `:memory:` for none. A file that cannot be read is set aside, said through
   * `warn`, and a fresh one is begun.
   */
  static open(file: string, options: { warn: (message: string) => void; nowMs: number }): Database {
    if (file === ':memory:') return new Database(open(file));
    mkdirSync(dirname(file), { recursive: true });
    try {
      return new Database(open(file));
    } catch (error) {
      const aside = setAside(file, options.nowMs);
      options.warn(
        `the cluster's state file ${file} cannot be read (${messageOf(error)}); ` +
          `it was set aside as ${aside} and a fresh one was begun`,
      );
      rmSync(file, { force: true });
      return new Database(open(file));
    }
  }

  /** The highest resource version ever given out from this file; 0 for a fresh one. */
  get resourceVersion(): number {
    return Number(this.fact(VERSION_FACT) ?? 0);
  }

  fact(name: string): string | undefined {
    const value = this.#db.prepare('SELECT value FROM fact WHERE name = ?').get(name)?.['value'];
    return value === undefined ? undefined : String(value);
  }

  /** All facts whose name begins so, with the beginning cut off. */
  facts(prefix: string): Map<string, string> {
    const found = this.#db
      .prepare('SELECT name, value FROM fact WHERE substr(name, 1, ?) = ?')
      .all(prefix.length, prefix);
    return new Map(
      found.map((row) => [String(row['name']).slice(prefix.length), String(row['value'])]),
    );
  }

  /** Keeps a small fact beside the objects; undefined forgets it. */
  setFact(name: string, value: string | undefined): void {
    if (value === undefined) this.#db.prepare('DELETE FROM fact WHERE name = ?').run(name);
    else this.#fact.run(name, value);
  }

  /** Stores (json) or drops (undefined) one object together with the version it took. */
  write(
    resource: string,
    key: string,
    change: { json: string | undefined; version: number },
  ): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      if (change.json === undefined) this.#drop.run(resource, key);
      else this.#put.run(resource, key, change.json);
      this.#fact.run(VERSION_FACT, String(change.version));
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK'); // a full disk has undone it already
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }
}
