import { z } from 'zod';
import { defineEvent } from './define.ts';

/** PingSource → observer. The beat. Its data is ours to ignore. */
export const Ping = defineEvent('dev.knative.sources.ping', z.looseObject({}).nullish());
