// The broker's state file: opened, checked, and set aside where it cannot be trusted.
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '#shared/errors.ts';

const SCHEMA_VERSION = 1;

/*
 * A global offset that only grows: within a partition it is Kafka's offset with gaps. Cursors are per
 * Trigger and partition. The dead letters stay here too, so that one whose sink is down is not lost.
 */
const SCHEMA = `
  BEGIN;
  CREATE TABLE events (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    broker TEXT NOT NULL,
    partition INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    hops INTEGER NOT NULL,
    type TEXT NOT NULL,
    attributes TEXT NOT NULL,
    data BLOB
  ) STRICT;
  CREATE INDEX events_by_partition ON events (broker, partition, offset);
  CREATE TABLE cursors (
    trigger TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (trigger, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE partitions (broker TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger TEXT NOT NULL,
    offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    delivered INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    data BLOB
  ) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;
`;

const columnOf = (row: Record<string, unknown> | undefined): unknown => Object.values(row ?? {})[0];

/** Throws the reason why the file is no broker state of this version. */
function check(db: DatabaseSync): void {
  const verdict = columnOf(db.prepare('PRAGMA quick_check(1)').get());
  if (verdict !== 'ok') throw new Error(`its check found: ${String(verdict)}`);
  const version = columnOf(db.prepare('PRAGMA user_version').get());
  if (version !== SCHEMA_VERSION) {
    throw new Error(
      `it has schema version ${String(version)}, this broker reads ${SCHEMA_VERSION}`,
    );
  }
}

/** A file that is new, or whose making was cut short: nothing is lost by making it now. */
const isEmpty = (db: DatabaseSync): boolean =>
  columnOf(db.prepare('SELECT count(*) FROM sqlite_schema').get()) === 0;

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  try {
    // NORMAL: a commit is in the kernel's hands when it returns, so it survives the death of this
    // process at any instant; only a power cut may take the last moments.
    db.exec(`
      PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 16777216; PRAGMA busy_timeout = 2000;
    `);
    if (isEmpty(db)) db.exec(SCHEMA);
    check(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export interface Opened {
  readonly db: DatabaseSync;
  /** Set where the file could not be used: where it is now, and why. */
  readonly setAside: { readonly file: string; readonly reason: string } | null;
}

const ASIDE = '.unreadable-';

/** Where earlier state files that could not be used are now. */
export const setAsideFiles = (file: string): string[] =>
  readdirSync(dirname(file), { withFileTypes: true })
    .map(({ name }) => join(dirname(file), name))
    .filter((path) => path.startsWith(file + ASIDE) && !/-(wal|shm)$/.test(path));

/**
 * Opens the state file or makes it. A corrupt file, or one of another version, is renamed beside
 * (with its write-ahead log) and a fresh one is started: nothing is deleted.
 */
export function openLogFile(file: string, nowMs: number): Opened {
  mkdirSync(dirname(file), { recursive: true });
  const isNew = !existsSync(file);
  try {
    return { db: open(file), setAside: null };
  } catch (error) {
    if (isNew) throw error;
    const aside = `${file}${ASIDE}${new Date(nowMs).toISOString().replaceAll(':', '')}`;
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
    const reason = messageOf(error);
    return { db: open(file), setAside: { file: aside, reason } };
  }
}
