// reward: action.executed → reward.calculated. Pure scoring of decisions whose outcome is known.
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { reward } from './handler.ts';

const config = loadConfig(process.env);

await start(reward(), { port: config.PORT, host: config.HOST, logLevel: config.LOG_LEVEL });
