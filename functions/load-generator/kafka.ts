import type { Producer } from 'kafkajs';
import { NimbusError } from '#shared/errors.ts';
import type { Sender } from './sender.ts';
import type { Answer } from './recorder.ts';

interface Message {
  readonly sequence: number;
  readonly done: (answer: Answer) => void;
}

/**
 * Messages to a topic, acknowledged by all replicas. What is due at the same moment goes as one batch;
 * a message is answered when the broker has stored it. The client is loaded with the first run.
 */
export async function kafkaSender(options: {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly timeoutMs: number;
}): Promise<Sender> {
  const { Kafka, logLevel } = (await import('kafkajs')).default; // CommonJS: names only there
  const kafka = new Kafka({
    clientId: 'load-generator',
    brokers: [...options.brokers],
    connectionTimeout: Math.min(3000, options.timeoutMs),
    requestTimeout: options.timeoutMs,
    logLevel: logLevel.NOTHING, // a failure is in the report
    retry: { retries: 1 },
  });
  const producer: Producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect().catch((cause: unknown) => {
    throw new NimbusError('upstream.unavailable', 'target: Kafka cannot be reached', { cause });
  });
  let batch: Message[] = [];

  const flush = (): void => {
    const due = batch;
    batch = [];
    const answer = (ok: boolean, code: string): void => {
      for (const { done } of due) done({ ok, code });
    };
    producer
      .send({
        topic: options.topic,
        acks: -1,
        timeout: options.timeoutMs,
        messages: due.map(({ sequence }) => ({ value: JSON.stringify({ work: sequence }) })),
      })
      .then(
        () => answer(true, 'acked'),
        () => answer(false, 'refused'),
      );
  };

  return {
    send(sequence, done) {
      if (batch.push({ sequence, done }) === 1) setImmediate(flush);
    },
    close: () => producer.disconnect(),
  };
}
