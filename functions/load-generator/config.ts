import { z } from 'zod';
import {
  commonEnvironment,
  isKafkaWhole,
  KAFKA_PART,
  kafkaEnvironment,
  parseEnv,
} from '#shared/runtime/config.ts';

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const urlList = z
  .string()
  .transform((list) => list.split(',').map((url) => url.trim()))
  .pipe(z.array(httpUrl).max(100));

const Environment = z
  .object({
    ...commonEnvironment,
    /** Where `"target": "http"` goes. */
    TARGET_URL: httpUrl,
    /** More targets that a request may name by URL, comma separated. Nothing else is ever called. */
    ALLOWED_TARGETS: urlList.optional(),
    /** What `"intensity": 100` stands for, requests/s. */
    MAX_RATE: z.coerce.number().min(1).max(100_000).default(800),
    /** Requests under way at a time; one more is dropped and counted. */
    MAX_IN_FLIGHT: z.coerce.number().int().min(1).max(65_536).default(2048),
    /**
     * `false`: a connection of its own for each request, as from many clients. Where a plain Service
     * spreads connections, kept ones would stay with the pods that were there first.
     */
    KEEP_ALIVE: z.stringbool().default(true),
    /** A request without an answer for this long has failed. */
    REQUEST_TIMEOUT_MS: z.coerce.number().int().min(100).max(120_000).default(10_000),
    /** Directory of CSV traces that `"trace": "<name>.csv"` may name. */
    TRACE_DIR: z.string().min(1).optional(),
    GRACE_MS: z.coerce.number().int().min(100).max(600_000).default(5000),
    ...kafkaEnvironment, // for `"target": "kafka"`
  })
  .refine(isKafkaWhole, KAFKA_PART);

export type Config = z.infer<typeof Environment>;

export const loadConfig = (env: NodeJS.ProcessEnv): Readonly<Config> => parseEnv(Environment, env);
