// Settings of the broker process.
import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const HOUR_MS = 3_600_000;
const MIB = 1_048_576;

const Environment = z.object({
  ...commonEnvironment,
  PORT: z.coerce.number().int().nonnegative().max(65_535).default(8083),
  /** Folders or files, separated by commas; later ones replace objects of earlier ones. */
  MANIFESTS: z
    .string()
    .min(1)
    .transform((text) => text.split(',')),
  STATE_FILE: z.string().min(1),
  /** JSON: name of a Service (or `namespace/name`) → its address on this machine. */
  SUBSCRIBERS: z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('must be JSON');
        return z.NEVER;
      }
    })
    .pipe(z.record(z.string(), z.url({ protocol: /^http$/ }))),
  RETENTION_HOURS: z.coerce.number().positive().max(8760).default(24),
  /** Size of the log beyond which old events go, and then new ones are refused. */
  MAX_LOG_MIB: z.coerce.number().positive().max(65_536).default(256),
});

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Environment, env);
  return {
    port: parsed.PORT,
    logLevel: parsed.LOG_LEVEL,
    manifests: parsed.MANIFESTS,
    stateFile: parsed.STATE_FILE,
    subscribers: parsed.SUBSCRIBERS,
    limits: {
      maxAgeMs: parsed.RETENTION_HOURS * HOUR_MS,
      maxBytes: parsed.MAX_LOG_MIB * MIB,
    },
  };
}
