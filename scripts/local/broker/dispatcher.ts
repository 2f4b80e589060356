// One Trigger: its lanes, and what happens to one record.
import type { Manifests, Trigger } from '../manifests/index.ts';
import { routes } from '../manifests/index.ts';
import type { BrokerEvent } from './cloudevent.ts';

import {
  COLD_START_HEADER,
  deadLetter,
  deliver,
  type Answer,
  type Failure,
  type Ports,
} from './delivery.ts';
import { Lane, type Ending } from './lane.ts';
import type { EventLog, LogRecord } from './log.ts';
import { TriggerStats, type TriggerFigures } from './stats.ts';

export interface DispatcherPorts {
  readonly nowMs: () => number;
  /** Sends; `namespace` is told to the subscriber. Never rejects. */
  post(url: string, event: BrokerEvent, timeoutMs: number, namespace: string): Promise<Answer>;
  /** Resolves after `ms`; rejects when the broker stops. */
  sleep(ms: number): Promise<void>;
  /** Stored by this Trigger's replies: every Trigger must see them. */
  appended(records: readonly LogRecord[]): void;
  skipped(): void;
  warn(facts: object, message: string): void;
}

export interface Resolved {
  readonly trigger: Trigger;
  /** Key of the broker in the log, `namespace/name`. */
  readonly broker: string;
  /** Address on this machine. */
  readonly url: string;
  /** Address as the cluster would name it: what a dead letter says. */
  readonly destination: string;
  readonly deadLetterUrl: string | null;
}

/** Replies to replies to …: beyond this an event is taken for a loop. The chain itself needs five. */
export const MAX_HOPS = 16;
/** Unordered deliveries at a time, per partition. */
const UNORDERED_WIDTH = 16;
const STORE_AGAIN_MS = 1000;

export class Dispatcher {
  readonly key: string;
  readonly #resolved: Resolved;
  readonly #log: EventLog;
  readonly #ports: DispatcherPorts;
  readonly #sending: Ports;
  readonly #lanes: Lane[] = [];
  readonly #committed: number[] = [];
  readonly #stats = new TriggerStats();
  readonly wants: (record: LogRecord) => boolean;

  constructor(resolved: Resolved, log: EventLog, ports: DispatcherPorts) {
    const { trigger } = resolved;
    this.key = `${trigger.namespace}/${trigger.name}`;
    this.#resolved = resolved;
    this.#log = log;
    this.#ports = ports;
    this.#sending = {
      send: async (url, event, timeoutMs) => {
        const answer = await ports.post(url, event, timeoutMs, trigger.namespace);
        if (answer.status !== null && COLD_START_HEADER in answer.headers) {
          this.#stats.coldStarts += 1;
        }
        return answer;
      },
      sleep: (ms) => ports.sleep(ms),
    };
    const route = routes({ triggers: [trigger] } satisfies Pick<Manifests, 'triggers'>);
    this.wants = ({ event }) => route(event.attributes as { type: string }).length > 0;
  }

  get broker(): string {
    return this.#resolved.broker;
  }

  /**
   * Takes up where the cursors stand. A Trigger seen for the first time starts at the end of the log
   * (Kafka's `auto.offset.reset=latest`): it gets only what comes after it.
   */
  start(partitions: number): void {
    const known = this.#log.cursors(this.key);
    const width = this.#resolved.trigger.ordered ? 1 : UNORDERED_WIDTH;
    const end = this.#log.end();
    const from = known.size === 0 ? end : Math.min(...known.values());
    for (let partition = 0; partition < partitions; partition += 1) {
      const cursor = known.get(partition) ?? from;
      if (!known.has(partition)) this.#log.commit(this.key, partition, cursor);
      this.#committed.push(cursor);
      this.#lanes.push(this.#lane(partition, { cursor, width }));
    }
    for (const lane of this.#lanes) lane.pump();
  }

  offer(record: LogRecord): void {
    this.#lanes[record.partition]?.offer(record);
  }

  /** Offset up to which this Trigger needs nothing of a partition any more. */
  doneUpTo(partition: number): number {
    return this.#committed[partition] ?? 0;
  }

  /** Writes the cursors that moved past events nobody wanted. */
  flush(): void {
    this.#lanes.forEach((lane, partition) => this.#commit(partition, lane.cursor));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }

  figures(): TriggerFigures & { lag: number; inFlight: number; ordered: boolean } {
    const unread = this.#lanes.map((lane, partition) =>
      this.#log.waiting(this.broker, partition, lane.position),
    );
    const held = this.#lanes.map((lane) => lane.buffered + lane.inFlight);
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    return {
      ...this.#stats.figures(this.#ports.nowMs()),
      lag: sum(unread) + sum(held),
      inFlight: sum(this.#lanes.map(({ inFlight }) => inFlight)),
      ordered: this.#resolved.trigger.ordered,
    };
  }

  #lane(partition: number, start: { cursor: number; width: number }): Lane {
    return new Lane(start, {
      wants: this.wants,
      read: (after, limit) => this.#log.read(this.broker, partition, after, limit),
      handle: (record, end) => this.#untilStored(record, end),
      skipped: () => this.#ports.skipped(),
    });
  }

  #commit(partition: number, offset: number): void {
    if (offset <= (this.#committed[partition] ?? 0)) return;
    this.#log.commit(this.key, partition, offset);
    this.#committed[partition] = offset;
  }

  /** A state file that cannot be written (a full disk) holds the record up; it does not lose it. */
  async #untilStored(record: LogRecord, end: Ending): Promise<void> {
    for (;;) {
      try {
        await this.#handle(record, end);
        return;
      } catch (error) {
        await this.#ports.sleep(STORE_AGAIN_MS); // rejects when the broker stops
        this.#ports.warn({ trigger: this.key, err: error }, 'storing failed; delivering again');
      }
    }
  }

  async #handle(record: LogRecord, end: Ending): Promise<void> {
    const { url, trigger } = this.#resolved;
    const { nowMs } = this.#ports;
    this.#stats.sent(nowMs() - record.atMs);
    const event = withPosition(record);
    const to = { url, delivery: trigger.delivery };
    const outcome = await deliver(event, to, this.#sending, (reason) => {
      this.#stats.retries += 1;
      this.#stats.failed(reason, nowMs());
    });
    if (outcome.ok && !(outcome.reply !== null && record.hops >= MAX_HOPS)) {
      this.#stats.done(nowMs() - record.atMs, nowMs());
      this.#store(record, outcome.reply, end);
      return;
    }
    const failure = outcome.ok ? loopFailure(outcome.reply) : outcome.failure;
    const reply = await this.#bury(record, failure);
    this.#store(record, reply, end);
  }

  /** Reply and cursor in one write: a crash before it delivers again, a crash after it has both. */
  #store(record: LogRecord, reply: BrokerEvent | null, end: Ending): void {
    const { partition, hops } = record;
    const cursor = end.cursor();
    const appended = this.#log.transaction(() => {
      const stored =
        reply === null ? [] : [this.#log.append(this.broker, reply, this.#ports.nowMs(), hops + 1)];
      if (cursor > this.doneUpTo(partition)) this.#log.commit(this.key, partition, cursor);
      return stored;
    });
    this.#committed[partition] = Math.max(cursor, this.doneUpTo(partition));
    end.done();
    if (appended.length === 0) return;
    this.#stats.replies += 1;
    this.#ports.appended(appended);
  }

  /** Sends to the dead letter sink, with the Trigger's retries, and keeps a copy whatever it answers. */
  async #bury(record: LogRecord, failure: Failure): Promise<BrokerEvent | null> {
    const { destination, deadLetterUrl, trigger } = this.#resolved;
    const atMs = this.#ports.nowMs();
    this.#stats.deadLetters += 1;
    this.#stats.failed(failure.reason, atMs);
    const facts = {
      trigger: this.key,
      event: record.event.attributes['id'],
      reason: failure.reason,
    };
    this.#ports.warn(facts, 'dead letter');
    const letter = deadLetter(record.event, destination, failure);
    const outcome =
      deadLetterUrl === null
        ? null
        : await deliver(
            letter,
            { url: deadLetterUrl, delivery: trigger.delivery },
            this.#sending,
            () => undefined,
          );
    const delivered = outcome?.ok === true;
    if (!delivered) {
      this.#stats.deadLettersUndelivered += 1;
      this.#ports.warn(facts, 'no sink took the dead letter; the broker keeps it');
    }
    const { status, reason } = failure;
    this.#log.bury({
      ...{ trigger: this.key, offset: record.offset, atMs, status, reason, delivered },
      event: record.event,
    });
    return outcome?.ok === true && record.hops < MAX_HOPS ? outcome.reply : null;
  }
}

/** The event as it is sent: with its place in the log, as Knative's Kafka dispatcher tells it. */
const withPosition = ({ event, partition, offset }: LogRecord): BrokerEvent => ({
  data: event.data,
  attributes: {
    ...event.attributes,
    knativekafkapartition: partition,
    knativekafkaoffset: offset,
  },
});

const loopFailure = (reply: BrokerEvent | null): Failure => ({
  status: 200,
  reason: `loop guard: a reply of type ${String(reply?.attributes['type'])} after ${MAX_HOPS} replies in a row`,
  headers: {},
  body: Buffer.from('the loop guard of the broker'),
});
