import { z } from 'zod';

/**
 * Reads the whole environment once, at start. Every bad key is named in one error. Manifests often carry
 * an empty value for what is not used: it means the same as no value.
 */
export function parseEnv<T extends object>(
  schema: z.ZodType<T>,
  env: NodeJS.ProcessEnv,
): Readonly<T> {
  const given = Object.entries(env).filter(([, value]) => value?.trim() !== '');
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (!parsed.success) throw new Error(`invalid environment\n${z.prettifyError(parsed.error)}`);
  return Object.freeze(parsed.data);
}

/** Keys that every function has. */
export const commonEnvironment = {
  PORT: z.coerce.number().int().positive().max(65_535).default(8080), // set by Knative
  /** Address to listen on: every one in a container, 127.0.0.1 where the local runtime says so. */
  HOST: z.string().min(1).default('0.0.0.0'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
};

type CommonConfig = z.infer<z.ZodObject<typeof commonEnvironment>> & {
  readonly GRACE_MS?: number;
  readonly DRAIN_MS?: number;
};

/** Where a function listens, how much it logs and how long it takes to stop, as `start` takes it. */
export const serveOptionsOf = ({ PORT, HOST, LOG_LEVEL, GRACE_MS, DRAIN_MS }: CommonConfig) => ({
  port: PORT,
  host: HOST,
  logLevel: LOG_LEVEL,
  ...(GRACE_MS === undefined ? {} : { graceMs: GRACE_MS }),
  ...(DRAIN_MS === undefined ? {} : { drainMs: DRAIN_MS }),
});

/** Keys of a function that reads or writes a Kafka topic. Set together: see `isKafkaWhole`. */
export const kafkaEnvironment = {
  /** `host:port[,host:port]`. */
  KAFKA_BROKERS: z
    .string()
    .regex(/^[^\s,]+:\d+(,[^\s,]+:\d+)*$/, 'host:port[,…]')
    .optional(),
  KAFKA_TOPIC: z
    .string()
    .regex(/^[\w.-]{1,249}$/)
    .optional(),
};

type KafkaConfig = z.infer<z.ZodObject<typeof kafkaEnvironment>>;

export const isKafkaWhole = ({ KAFKA_BROKERS, KAFKA_TOPIC }: KafkaConfig): boolean =>
  (KAFKA_BROKERS === undefined) === (KAFKA_TOPIC === undefined);

/** What is said where it is not. */
export const KAFKA_PART = {
  when: () => true, // also where another key is wrong: every bad one is named
  path: ['KAFKA_TOPIC'],
  error: 'KAFKA_BROKERS and KAFKA_TOPIC belong together: set both or neither',
};
