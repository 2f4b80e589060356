import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const url = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' });

const Environment = z.object({
  ...commonEnvironment,
  /** Where history is rebuilt from at start; absent: it starts empty and says so. */
  EVENT_LOG_URL: url.optional(),
  /** Retries and cold starts of the chain; Knative's brokers have no such address. */
  BROKER_STATS_URL: url.optional(),
  /** The demo's buttons; absent: they are not shown. */
  LOAD_GENERATOR_URL: url.optional(),
  WORKLOAD_URL: url.optional(),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
