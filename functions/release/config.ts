import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const Environment = z.object({
  LOG_LEVEL: commonEnvironment.LOG_LEVEL,
  /** Where the decider keeps what it learns as ConfigMaps. */
  SYSTEM_NAMESPACE: z.string().min(1).default('nimbusguard'),
  API_TIMEOUT_MS: z.coerce.number().int().positive().max(60_000).default(10_000),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
