import { z } from 'zod';
import {
  commonEnvironment,
  isKafkaWhole,
  KAFKA_PART,
  kafkaEnvironment,
  parseEnv,
} from '#shared/runtime/config.ts';

const Environment = z
  .object({
    ...commonEnvironment,
    /** Requests served at a time. */
    WORKERS: z.coerce.number().int().min(1).max(64).default(1),
    /** Work of one request: 20 ms by one worker is a capacity of 50 requests/s. */
    SERVICE_TIME_MS: z.coerce.number().min(0.1).max(60_000).default(20),
    /** `timer` holds a worker without using the CPU, so that 20 pods fit on a laptop; `burn` uses it. */
    WORK_MODE: z.enum(['timer', 'burn']).default('timer'),
    /** Requests that may wait; one more is answered 503. */
    QUEUE_LIMIT: z.coerce.number().int().min(0).max(100_000).default(100),
    /** From the start of the process to ready. */
    STARTUP_DELAY_MS: z.coerce.number().int().min(0).max(600_000).default(0),
    /** After SIGTERM: accept for this long, until every proxy knows, then finish the queue. */
    DRAIN_MS: z.coerce.number().int().min(0).max(60_000).default(500),
    GRACE_MS: z.coerce.number().int().min(100).max(600_000).default(20_000),
    /** What 100 % of the memory workload allocates. */
    MEMORY_WORKLOAD_MAX_MB: z.coerce.number().int().min(1).max(65_536).default(128),
    /** Where alerts go: the Broker's ingress. K_SINK, set by a SinkBinding, is used without it. */
    BROKER_URL: z.url({ protocol: /^https?$/ }).optional(),
    K_SINK: z.url({ protocol: /^https?$/ }).optional(),
    NAMESPACE: z.string().min(1).default('nimbusguard'),
    ...kafkaEnvironment, // consume work from a topic
    KAFKA_GROUP: z.string().min(1).default('consumer-workload'),
  })
  .refine(isKafkaWhole, KAFKA_PART);

export type Config = z.infer<typeof Environment>;

export const loadConfig = (env: NodeJS.ProcessEnv): Readonly<Config> => parseEnv(Environment, env);

export const queueOf = (config: Config) => ({
  workers: config.WORKERS,
  serviceMs: config.SERVICE_TIME_MS,
  limit: config.QUEUE_LIMIT,
});
