import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { Worker } from './worker.ts';

interface SourceContext {
  readonly log: Logger;
  readonly served: () => void;
}

/** Work that does not come over HTTP. */
export interface WorkSource {
  start(worker: Worker, context: SourceContext): void;
  close(): Promise<void>;
}

const FULL_QUEUE_PAUSE_MS = 5;

/** For the messages in service, and for a Kafka that does not answer: they are delivered again. */
const MAX_CLOSE_MS = 5000;

/** A message waits for its place in the queue, where a request would be refused. */
async function serveOne(worker: Worker): Promise<void> {
  let serving = worker.serve();
  while (serving === undefined) {
    await sleep(FULL_QUEUE_PAUSE_MS);
    serving = worker.serve();
  }
  await serving;
}

/**
 * Consumes a work topic, one message per slot at a time: a message is committed when it was served.
 * The client library is only loaded here, since most pods have no topic.
 */
function kafkaSource(options: {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly groupId: string;
  readonly closeMs: number;
}): WorkSource {
  let consumer: Consumer | undefined;

  const connect = async (worker: Worker, { log, served }: SourceContext): Promise<void> => {
    const { Kafka, logLevel } = (await import('kafkajs')).default; // CommonJS: names only there
    const kafka = new Kafka({
      clientId: 'consumer-workload',
      brokers: [...options.brokers],
      logLevel: logLevel.NOTHING, // failures are in our own log
      retry: { retries: Number.MAX_SAFE_INTEGER, maxRetryTime: 5000 },
    });
    consumer = kafka.consumer({ groupId: options.groupId });
    consumer.on('consumer.group_join', () => log.info({ topic: options.topic }, 'consuming'));
    consumer.on('consumer.crash', ({ payload }) => {
      log.warn({ err: payload.error, restart: payload.restart }, 'Kafka consumer failed');
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [options.topic] });
    await consumer.run({
      partitionsConsumedConcurrently: worker.slots,
      eachMessage: async () => {
        await serveOne(worker);
        served();
      },
    });
  };

  return {
    start(worker, context) {
      connect(worker, context).catch((error: unknown) => {
        context.log.error({ err: error, topic: options.topic }, 'Kafka cannot be consumed');
      });
    },
    async close() {
      await Promise.race([consumer?.disconnect(), sleep(options.closeMs)]);
    },
  };
}

/** The topic of the configuration, or undefined where none is set. */
export function configuredSource(config: Config): WorkSource | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, KAFKA_GROUP: groupId } = config;
  const closeMs = Math.min(MAX_CLOSE_MS, config.GRACE_MS);
  if (brokers === undefined || topic === undefined) return undefined;
  return kafkaSource({ brokers: brokers.split(','), topic, groupId, closeMs });
}
