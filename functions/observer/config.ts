import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const jsonObject = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON: {"name": "http://…"}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().min(1), z.url({ protocol: /^https?$/ })));

const Environment = z.object({
  ...commonEnvironment,
  /** Address of the broker, injected by the SinkBinding. */
  K_SINK: z.url(),
  /** `*`, or namespaces with commas between. */
  WATCH_NAMESPACES: z
    .string()
    .default('*')
    .transform((names) => names.split(',').map((name) => name.trim()))
    .pipe(z.array(z.string().regex(/^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$/)).min(1)),
  SCRAPE_TIMEOUT_MS: z.coerce.number().int().positive().max(10_000).default(2000),
  /** Prometheus servers that policies may name, as JSON. */
  METRICS_ENDPOINTS: jsonObject.default({}),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
