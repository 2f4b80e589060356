import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const Environment = z.object({
  ...commonEnvironment,
  /** Where the model store keeps its ConfigMaps. */
  SYSTEM_NAMESPACE: z.string().min(1).default('nimbusguard'),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
