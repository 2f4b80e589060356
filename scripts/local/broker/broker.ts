// The broker: log, Triggers, retention. No HTTP here.
import type { Manifests } from '../manifests/index.ts';
import { Dispatcher, type DispatcherPorts, type Resolved } from './dispatcher.ts';
import type { BrokerEvent } from './cloudevent.ts';
import type { EventLog, LogRecord } from './log.ts';
import { trim, type Limits } from './retention.ts';

export interface BrokerOptions {
  readonly limits: Limits;
  readonly triggers: readonly Resolved[];
}

export type BrokerPorts = Omit<DispatcherPorts, 'appended' | 'skipped'>;

/** Cursors that moved without a delivery are written this much later, all at once. */
const FLUSH_MS = 1000;
const TRIM_MS = 60_000;

interface Unclaimed {
  count: number;
  last: { atMs: number; id: string; type: string; source: string } | null;
}

export class Broker {
  readonly #log: EventLog;
  readonly #limits: Limits;
  readonly #ports: BrokerPorts;
  readonly #partitions = new Map<string, number>();
  readonly #dispatchers: Dispatcher[];
  readonly #startedAtMs: number;
  readonly #trimmer: NodeJS.Timeout;
  #flusher: NodeJS.Timeout | undefined;
  #accepted = 0;
  #offered: [broker: string, record: LogRecord][] = [];
  #trimmedAtMs = 0;
  /** Events that no Trigger wanted: Knative drops them in silence, here they are counted. */
  readonly #unclaimed: Unclaimed = { count: 0, last: null };

  constructor(
    manifests: Pick<Manifests, 'brokers'>,
    log: EventLog,
    options: BrokerOptions,
    ports: BrokerPorts,
  ) {
    this.#log = log;
    this.#limits = options.limits;
    this.#ports = ports;
    this.#startedAtMs = ports.nowMs();
    for (const { namespace, name, partitions } of manifests.brokers) {
      const key = `${namespace}/${name}`;
      this.#partitions.set(key, log.partitions(key, partitions));
    }
    this.#dispatchers = options.triggers.map(
      (resolved) =>
        new Dispatcher(resolved, log, {
          ...ports,
          appended: (records) => records.forEach((record) => this.#offer(resolved.broker, record)),
          skipped: () => this.#flushSoon(),
        }),
    );
    this.#trimmer = setInterval(() => this.trim(), TRIM_MS);
    this.#trimmer.unref();
  }

  /** Delivers what an earlier run left open, then what comes. Returns the Triggers that are gone. */
  start(): string[] {
    const gone = this.#log.forgetOthers(this.#dispatchers.map(({ key }) => key));
    this.trim();
    for (const dispatcher of this.#dispatchers) {
      dispatcher.start(this.#partitions.get(dispatcher.broker) ?? 0);
    }
    return gone;
  }

  /** Names of the brokers, `namespace/name`. */
  get names(): readonly string[] {
    return [...this.#partitions.keys()];
  }

  /** True while the log may take more from outside. Replies of the chain are always taken. */
  get hasRoom(): boolean {
    const rested = this.#ports.nowMs() - this.#trimmedAtMs > FLUSH_MS; // a full log costs no CPU
    if (rested && this.#log.bytes > this.#limits.maxBytes) this.trim();
    return this.#log.bytes <= this.#limits.maxBytes;
  }

  /** Stores the event; when this returns it survives the death of the process. */
  accept(broker: string, event: BrokerEvent): LogRecord {
    const record = this.#log.append(broker, event, this.#ports.nowMs());
    this.#accepted += 1;
    this.#offer(broker, record);
    return record;
  }

  /** Removes what every Trigger is done with and what is too old or too much. */
  trim(): void {
    this.#trimmedAtMs = this.#ports.nowMs();
    for (const [broker, partitions] of this.#partitions) {
      const readers = this.#dispatchers.filter((dispatcher) => dispatcher.broker === broker);
      const doneUpTo = (partition: number): number =>
        Math.min(this.#log.end(), ...readers.map((reader) => reader.doneUpTo(partition)));
      trim(this.#log, { broker, partitions, doneUpTo }, this.#limits, this.#ports.nowMs());
    }
  }

  figures(): object {
    const { events, bytes } = this.#log;
    return {
      startedAtMs: Math.trunc(this.#startedAtMs),
      brokers: Object.fromEntries(
        [...this.#partitions].map(([name, partitions]) => [name, { partitions }]),
      ),
      accepted: this.#accepted,
      unclaimed: this.#unclaimed,
      log: {
        ...{ events, bytes, maxBytes: this.#limits.maxBytes },
        oldestAtMs: this.#log.oldestAtMs(),
        end: this.#log.end(),
      },
      triggers: Object.fromEntries(
        this.#dispatchers.map((dispatcher) => [
          dispatcher.key.replace(/^.*\//, ''),
          dispatcher.figures(),
        ]),
      ),
    };
  }

  /** Ends deliveries in order: what is under way is finished or will be delivered again. */
  async stop(): Promise<void> {
    clearInterval(this.#trimmer);
    await Promise.all(this.#dispatchers.map((dispatcher) => dispatcher.stop()));
    clearTimeout(this.#flusher);
    this.#flush();
  }

  /** In order of offset, and after what waits already has run: a sender's 202 goes first. */
  #offer(broker: string, record: LogRecord): void {
    this.#offered.push([broker, record]);
    if (this.#offered.length > 1) return;
    setImmediate(() => {
      for (const [name, each] of this.#offered.splice(0)) this.#spread(name, each);
    });
  }

  #spread(broker: string, record: LogRecord): void {
    const readers = this.#dispatchers.filter((dispatcher) => dispatcher.broker === broker);
    if (!readers.some((reader) => reader.wants(record))) this.#count(record);
    for (const reader of readers) reader.offer(record);
  }

  #count({ atMs, event: { attributes } }: LogRecord): void {
    const [id, type, source] = ['id', 'type', 'source'].map((name) => String(attributes[name]));
    this.#unclaimed.count += 1;
    this.#unclaimed.last = { atMs, id: id ?? '', type: type ?? '', source: source ?? '' };
  }

  #flushSoon(): void {
    this.#flusher ??= setTimeout(() => {
      this.#flusher = undefined;
      this.#flush();
    }, FLUSH_MS).unref();
  }

  #flush(): void {
    this.#log.transaction(() => {
      for (const dispatcher of this.#dispatchers) dispatcher.flush();
    });
  }
}
