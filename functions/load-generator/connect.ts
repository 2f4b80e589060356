import type { Config } from './config.ts';
import type { Sender } from './sender.ts';
import type { Target } from './target.ts';

/** Opens the way to a target as it is configured. What sends is loaded with the first run. */
export const connectWith =
  (config: Config) =>
  async (target: Target, runId: string): Promise<Sender> => {
    const { MAX_IN_FLIGHT: connections, REQUEST_TIMEOUT_MS: timeoutMs } = config;
    const { KEEP_ALIVE: keepAlive } = config;
    const { KAFKA_BROKERS: brokers = '', KAFKA_TOPIC: topic = '' } = config;
    if (target.kind === 'kafka') {
      const { kafkaSender } = await import('./kafka.ts');
      return kafkaSender({ brokers: brokers.split(','), topic, timeoutMs });
    }
    const { httpSender } = await import('./sender.ts');
    return httpSender(target, { connections, keepAlive, timeoutMs, runId });
  };
