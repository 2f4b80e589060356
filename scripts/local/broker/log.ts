// The durable event log: append, read by partition, cursors, dead letters, retention.
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { BrokerEvent } from './cloudevent.ts';
import { partitionOf } from './partition.ts';

/** One accepted event. */
export interface LogRecord {
  /** Grows over all partitions; `knativekafkaoffset` of the delivered event. */
  readonly offset: number;
  readonly partition: number;
  readonly atMs: number;
  /** Replies between this event and the one that came in from outside. */
  readonly hops: number;
  readonly event: BrokerEvent;
}

export interface DeadLetterRecord {
  readonly trigger: string;
  readonly offset: number;
  readonly atMs: number;
  readonly status: number | null;
  readonly reason: string;
  /** False: the sink did not take it, or there is none; this copy is the only one. */
  readonly delivered: boolean;
  readonly event: BrokerEvent;
}

type Row = Record<string, SQLOutputValue>;

const eventOf = (row: Row): BrokerEvent => ({
  attributes: JSON.parse(String(row['attributes'])) as BrokerEvent['attributes'],
  data: row['data'] instanceof Uint8Array ? row['data'] : null,
});

const recordOf = (row: Row): LogRecord => ({
  offset: Number(row['offset']),
  partition: Number(row['partition']),
  atMs: Number(row['at_ms']),
  hops: Number(row['hops']),
  event: eventOf(row),
});

const MAX_DEAD_LETTERS = 10_000;
const EVENT_OVERHEAD_BYTES = 64;
const SQL = {
  append: `INSERT INTO events (broker, partition, at_ms, hops, type, attributes, data)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  read: `SELECT * FROM events WHERE broker = ? AND partition = ? AND offset > ?
    ORDER BY offset LIMIT ?`,
  commit: `INSERT INTO cursors (trigger, partition, offset) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET offset = excluded.offset`,
  cursors: 'SELECT partition, offset FROM cursors WHERE trigger = ?',
  triggers: 'SELECT DISTINCT trigger FROM cursors',
  forget: 'DELETE FROM cursors WHERE trigger = ?',
  end: 'SELECT seq AS offset FROM sqlite_sequence WHERE name = ?',
  size: `SELECT count(*) AS events, coalesce(sum(length(attributes) + coalesce(length(data), 0)
    + ${EVENT_OVERHEAD_BYTES}), 0) AS bytes FROM events`,
  first: 'SELECT at_ms FROM events ORDER BY offset LIMIT 1',
  waiting: 'SELECT count(*) AS n FROM events WHERE broker = ? AND partition = ? AND offset > ?',
  oldest: `SELECT offset, at_ms, length(attributes) + coalesce(length(data), 0)
    + ${EVENT_OVERHEAD_BYTES} AS bytes FROM events
    WHERE broker = ? AND partition = ? AND offset <= ? ORDER BY offset LIMIT ?`,
  drop: 'DELETE FROM events WHERE broker = ? AND partition = ? AND offset <= ?',
  bury: `INSERT INTO dead_letters (trigger, offset, at_ms, status, reason, delivered, attributes, data)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  thin: 'DELETE FROM dead_letters WHERE id <= ?',
  graves: 'SELECT * FROM dead_letters ORDER BY id DESC LIMIT ?',
} as const;

/** Durable against the death of the process at any instant: what returned is on its way to the disk. */
export class EventLog {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #partitions = new Map<string, number>();
  #turn = 0;
  /** Events kept, and their bytes, about. Counted once at start: the log may be large. */
  events: number;
  bytes: number;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const row = this.#sql('size').get();
    this.events = Number(row?.['events']);
    this.bytes = Number(row?.['bytes']);
  }

  /**
   * Partitions of a broker. As with a Kafka topic they can grow and never shrink: an event must be
   * read where it was put.
   */
  partitions(broker: string, wanted: number): number {
    const row = this.#db.prepare('SELECT count FROM partitions WHERE broker = ?').get(broker);
    const count = Math.max(wanted, Number(row?.['count'] ?? 0));
    this.#db.prepare('INSERT OR REPLACE INTO partitions VALUES (?, ?)').run(broker, count);
    this.#partitions.set(broker, count);
    return count;
  }

  /** All or nothing, as one write. */
  transaction<T>(work: () => T): T {
    const { events, bytes } = this;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      Object.assign(this, { events, bytes });
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK'); // a full disk has undone it already
      throw error;
    }
  }

  /** Stores an event in the partition of its `partitionkey`, or in the next one where it has none. */
  append(broker: string, event: BrokerEvent, atMs: number, hops = 0): LogRecord {
    const partition = this.#partitionFor(broker, event);
    const attributes = JSON.stringify(event.attributes);
    const type = String(event.attributes['type']);
    const { lastInsertRowid } = this.#sql('append').run(
      ...[broker, partition, Math.trunc(atMs), hops, type, attributes, event.data],
    );
    this.events += 1;
    this.bytes += attributes.length + (event.data?.length ?? 0) + EVENT_OVERHEAD_BYTES;
    return { offset: Number(lastInsertRowid), partition, atMs, hops, event };
  }

  read(broker: string, partition: number, after: number, limit: number): LogRecord[] {
    return this.#sql('read').all(broker, partition, after, limit).map(recordOf);
  }

  /** Offset of the newest event ever stored; 0 before the first. */
  end(): number {
    return Number(this.#sql('end').get('events')?.['offset'] ?? 0);
  }

  /** Up to where a Trigger is done, by partition; empty for a Trigger never seen before. */
  cursors(trigger: string): Map<number, number> {
    const rows = this.#sql('cursors').all(trigger);
    return new Map(rows.map((row) => [Number(row['partition']), Number(row['offset'])]));
  }

  commit(trigger: string, partition: number, offset: number): void {
    this.#sql('commit').run(trigger, partition, offset);
  }

  /** Forgets Triggers that are gone; one that comes back later starts at the end, as in Knative. */
  forgetOthers(triggers: readonly string[]): string[] {
    const rows = this.#sql('triggers').all();
    const gone = rows.map((row) => String(row['trigger'])).filter((t) => !triggers.includes(t));
    for (const trigger of gone) this.#sql('forget').run(trigger);
    return gone;
  }

  /** Events of a partition beyond an offset. */
  waiting(broker: string, partition: number, after: number): number {
    return Number(this.#sql('waiting').get(broker, partition, after)?.['n']);
  }

  /** When the oldest event that is kept came in; null in an empty log. */
  oldestAtMs(): number | null {
    const row = this.#sql('first').get();
    return row === undefined ? null : Number(row['at_ms']);
  }

  bury(letter: DeadLetterRecord): void {
    const { trigger, offset, atMs, status, reason, event } = letter;
    const { lastInsertRowid } = this.#sql('bury').run(
      ...[trigger, offset, Math.trunc(atMs), status, reason, letter.delivered ? 1 : 0],
      ...[JSON.stringify(event.attributes), event.data],
    );
    this.#sql('thin').run(Number(lastInsertRowid) - MAX_DEAD_LETTERS);
  }

  deadLetters(limit: number): DeadLetterRecord[] {
    return this.#sql('graves')
      .all(limit)
      .map((row) => ({
        trigger: String(row['trigger']),
        offset: Number(row['offset']),
        atMs: Number(row['at_ms']),
        status: row['status'] === null ? null : Number(row['status']),
        reason: String(row['reason']),
        delivered: row['delivered'] === 1,
        event: eventOf(row),
      }));
  }

  /** Events in order of offset (or newest first), for whoever rebuilds a history. */
  page(query: {
    after: number;
    limit: number;
    type: string | undefined;
    newestFirst: boolean;
  }): LogRecord[] {
    const { after, limit, type, newestFirst } = query;
    const sql = `SELECT * FROM events WHERE offset ${newestFirst ? '<' : '>'} ?
      ${type === undefined ? '' : 'AND type = ?'}
      ORDER BY offset ${newestFirst ? 'DESC' : 'ASC'} LIMIT ?`;
    const from = newestFirst && after === 0 ? Number.MAX_SAFE_INTEGER : after;
    const values = type === undefined ? [from, limit] : [from, type, limit];
    return this.#db
      .prepare(sql)
      .all(...values)
      .map(recordOf);
  }

  /** Oldest events of a partition up to `done`, with their sizes. */
  oldest(
    broker: string,
    partition: number,
    done: number,
    limit: number,
  ): { offset: number; atMs: number; bytes: number }[] {
    return this.#sql('oldest')
      .all(broker, partition, done, limit)
      .map((row) => ({
        offset: Number(row['offset']),
        atMs: Number(row['at_ms']),
        bytes: Number(row['bytes']),
      }));
  }

  /** Removes events of a partition up to and including an offset, and gives their room back. */
  drop(broker: string, partition: number, upTo: number, bytes: number): void {
    this.events -= Number(this.#sql('drop').run(broker, partition, upTo).changes);
    this.bytes -= bytes;
    this.#db.exec('PRAGMA incremental_vacuum(256)');
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #partitionFor(broker: string, { attributes }: BrokerEvent): number {
    const count = this.#partitions.get(broker);
    if (count === undefined) throw new Error(`no broker ${broker} in this log`);
    const { partitionkey } = attributes;
    if (partitionkey !== undefined) return partitionOf(String(partitionkey), count);
    this.#turn = (this.#turn + 1) % count;
    return this.#turn;
  }

  #sql(name: keyof typeof SQL): StatementSync {
    const known = this.#statements.get(name);
    if (known !== undefined) return known;
    const made = this.#db.prepare(SQL[name]);
    this.#statements.set(name, made);
    return made;
  }
}
