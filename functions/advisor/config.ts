import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const emptyIsUnset = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : text.trim()));

const Environment = z.object({
  ...commonEnvironment,
  /** Without a key the advisor answers by rule. */
  OPENAI_API_KEY: emptyIsUnset,
  /** Any OpenAI-compatible server, such as `http://vllm.models:8000/v1`. */
  OPENAI_BASE_URL: emptyIsUnset.pipe(z.url({ protocol: /^https?$/ }).optional()),
  OPENAI_MODEL: emptyIsUnset.transform((name) => name ?? 'gpt-4o-mini'),
  /** Longest wait for the model; the rule-written sentence stands after it. */
  ADVISOR_TIMEOUT_MS: z.coerce.number().int().min(100).max(120_000).default(20_000),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
