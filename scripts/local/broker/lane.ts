// One partition as one Trigger reads it: in order, a bounded number at a time, with its cursor.
import type { LogRecord } from './log.ts';

export interface LanePorts {
  wants(record: LogRecord): boolean;
  read(after: number, limit: number): LogRecord[];
  /** Delivers to the end: answered, or buried; then commits and calls `done` at once. */
  handle(record: LogRecord, end: Ending): Promise<void>;
  /** Told when the cursor moved without a delivery: nothing needs to be written at once. */
  skipped(): void;
}

export interface Ending {
  /** Where the cursor will stand without this record: to be written together with its effects. */
  readonly cursor: () => number;
  /** The write succeeded. */
  readonly done: () => void;
}

const READ_AHEAD = 64;

/**
 * Ordered: one record at a time, so a record that is retried blocks the partition, as Kafka's does.
 * Unordered: up to `width` at a time; the cursor stays before the oldest one that is not done, so a
 * crash delivers some of the later ones again, and loses none.
 */
export class Lane {
  readonly #ports: LanePorts;
  readonly #width: number;
  /** Wanted and read, not started. */
  #buffer: LogRecord[] = [];
  #read: number;
  /** The log may hold records beyond `#read` that are not in the buffer. */
  #behind = true;
  #stopped = false;
  readonly #inFlight = new Map<number, Promise<void>>();

  constructor(start: { readonly cursor: number; readonly width: number }, ports: LanePorts) {
    this.#read = start.cursor;
    this.#width = start.width;
    this.#ports = ports;
  }

  /** Everything up to here is done or not wanted. */
  get cursor(): number {
    return this.#cursorWithout(0);
  }

  /** Up to where the log was read. */
  get position(): number {
    return this.#read;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** A record that was just appended. Costs no read while the lane keeps up. */
  offer(record: LogRecord): void {
    if (record.offset <= this.#read) return; // read from the log before it was offered
    if (this.#behind || this.#buffer.length >= READ_AHEAD) this.#behind = true;
    else this.#take(record);
    this.pump();
  }

  /** Starts what may be started. */
  pump(): void {
    while (!this.#stopped && this.#inFlight.size < this.#width) {
      const record = this.#next();
      if (record === undefined) break;
      this.#start(record);
    }
  }

  /** Starts nothing any more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#inFlight.values());
  }

  #cursorWithout(offset: number): number {
    const started = [...this.#inFlight.keys()].filter((each) => each !== offset);
    const waiting = [...started, ...this.#buffer.slice(0, 1).map((record) => record.offset)];
    return waiting.length === 0 ? this.#read : Math.min(...waiting) - 1;
  }

  #take(record: LogRecord): void {
    this.#read = record.offset;
    if (this.#ports.wants(record)) this.#buffer.push(record);
    else this.#ports.skipped();
  }

  #next(): LogRecord | undefined {
    while (this.#buffer.length === 0 && this.#behind) {
      const records = this.#ports.read(this.#read, READ_AHEAD);
      this.#behind = records.length === READ_AHEAD;
      for (const record of records) this.#take(record);
    }
    return this.#buffer.shift();
  }

  #start(record: LogRecord): void {
    const { offset } = record;
    // Registered before it begins, so that the cursor cannot pass it.
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#inFlight.set(offset, promise);
    const end = {
      cursor: () => this.#cursorWithout(offset),
      done: () => void this.#inFlight.delete(offset),
    };
    this.#ports
      .handle(record, end)
      .catch(() => undefined) // stopped half-way: the cursor stands before it, it comes again
      .finally(() => {
        resolve(undefined);
        this.pump();
      });
  }
}
