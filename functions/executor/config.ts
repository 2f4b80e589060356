import { z } from 'zod';
import { commonEnvironment, parseEnv } from '#shared/runtime/config.ts';

export const loadConfig = (env: NodeJS.ProcessEnv) => parseEnv(z.object(commonEnvironment), env);
