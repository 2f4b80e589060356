import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

const Environment = z.object({
  ...commonEnvironment,
  /** Without a key the advisor answers by rule. */
  OPENAI_API_KEY: z.string().trim().optional(),
  /** Any OpenAI-compatible server, such as `http://vllm.models:8000/v1`. */
  OPENAI_BASE_URL: z
    .string()
    .trim()
    .pipe(z.url({ protocol: /^https?$/ }))
    .optional(),
  OPENAI_MODEL: z.string().trim().default('gpt-4o-mini'),
  /** Longest wait for the model; the rule-written sentence stands after it. */
  ADVISOR_TIMEOUT_MS: z.coerce.number().int().min(100).max(120_000).default(20_000),
  /** What the model is asked at most in any hour, in each process. */
  ADVISOR_CALLS_PER_HOUR: z.coerce.number().int().min(0).max(100_000).default(120),
});

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(Environment, env);
