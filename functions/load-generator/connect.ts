import type { Config } from './config.ts';
import { kafkaSender } from './kafka.ts';
import { httpSender, type Sender } from './sender.ts';
import type { Target } from './target.ts';

/** Opens the way to a target as it is configured. */
export const connectWith =
  (config: Config) =>
  (target: Target, runId: string): Promise<Sender> => {
    const { MAX_IN_FLIGHT: connections, REQUEST_TIMEOUT_MS: timeoutMs } = config;
    const { KEEP_ALIVE: keepAlive } = config;
    const { KAFKA_BROKERS: brokers = '', KAFKA_TOPIC: topic = '' } = config;
    if (target.kind === 'kafka')
      return kafkaSender({ brokers: brokers.split(','), topic, timeoutMs });
    return httpSender(target, { connections, keepAlive, timeoutMs, runId });
  };
