// advisor: decision.made → advice.given. Explains; a language model is optional and cannot steer.
import { openAiModel } from '#shared/adapters/openai-model.ts';
import { monotonicMs } from '#shared/adapters/system.ts';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { advisor } from './handler.ts';
import { withinBudget } from './spend.ts';

const config = loadConfig(process.env);
const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, OPENAI_MODEL: name } = config;
const budget = { callsPerHour: config.ADVISOR_CALLS_PER_HOUR, elapsedMs: monotonicMs };
const model =
  apiKey === undefined ? undefined : withinBudget(openAiModel({ apiKey, baseUrl, name }), budget);

await start(
  advisor({ model, timeoutMs: config.ADVISOR_TIMEOUT_MS, elapsedMs: monotonicMs }),
  serveOptionsOf(config),
);
