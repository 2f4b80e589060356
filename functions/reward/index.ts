// reward: action.executed → reward.calculated. Pure scoring of decisions whose outcome is known.
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { reward } from './handler.ts';

const config = loadConfig(process.env);

await start(reward(), serveOptionsOf(config));
