import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

/** A Secret's key often ends in a line feed. */
const optional = z.string().trim().optional();

const Environment = z
  .object({
    ...commonEnvironment,
    /** Where the model store keeps its ConfigMaps. */
    SYSTEM_NAMESPACE: z.string().min(1).default('nimbusguard'),
    /** Redis or Valkey in place of ConfigMaps, such as `rediss://user@redis.shop:6380/2`. */
    MODEL_STORE_URL: optional.pipe(z.url({ protocol: /^rediss?$/ }).optional()),
    MODEL_STORE_PASSWORD: optional,
    /** PEM of the authority of a `rediss://` server. */
    MODEL_STORE_CA: optional,
    MODEL_STORE_TIMEOUT_MS: z.coerce.number().int().positive().max(10_000).default(1500),
  })
  .transform(({ MODEL_STORE_URL: url, ...rest }) => ({
    ...rest,
    redis:
      url === undefined
        ? undefined
        : {
            url,
            password: rest.MODEL_STORE_PASSWORD,
            ca: rest.MODEL_STORE_CA,
            timeoutMs: rest.MODEL_STORE_TIMEOUT_MS,
          },
  }));

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
