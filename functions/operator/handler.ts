import type { MiddlewareHandler } from 'hono';
import { compress } from 'hono/compress';
import { z } from 'zod';
import { messageOf } from '#shared/errors.ts';
import type { UnknownEvent } from '#shared/events/index.ts';
import type { FunctionSpec } from '#shared/runtime/function.ts';
import { headersOf } from '#shared/runtime/request.ts';
import type { BrokerReader } from './broker-reader.ts';
import { controlEndpoints, type Controls } from './control-api.ts';
import { loopbackOnly } from './control-endpoint.ts';
import { describe, endpoint, openApi, type Endpoint } from './endpoint.ts';
import type { EventLog } from './event-log.ts';
import { kedaEndpoint } from './keda.ts';
import { decodeLetter } from './letter.ts';
import { createMemory, type Memory } from './memory.ts';
import { operatorMetrics } from './metrics.ts';
import { servePage } from './page-files.ts';
import { readEndpoints } from './read-api.ts';
import type { Surroundings } from './stream.ts';
import type { Measure } from './target-log.ts';
import type { About, HistoryState } from './view.ts';

interface Deps extends Controls {
  readonly nowMs: () => number;
  readonly measure: Measure;
  readonly broker: BrokerReader;
  /** Absent where the broker keeps no log that can be read. */
  readonly eventLog: EventLog | undefined;
  /** It listens for this machine alone. */
  readonly loopback: boolean;
  /** Folder of the built page. */
  readonly page: URL;
}

const EMPTY: HistoryState = {
  state: 'empty',
  message: 'No event log is configured: history starts with this process.',
  events: 0,
};

/** Feeds the log to `memory`, oldest event first; an unreadable log leaves the history empty. */
async function rebuild(memory: Memory, log: EventLog | undefined): Promise<HistoryState> {
  if (log === undefined) return EMPTY;
  let events = 0;
  const take = (event: UnknownEvent, atMs: number): void => {
    try {
      memory.accept(event, atMs);
      events += 1;
    } catch {
      // What no longer fits the vocabulary was refused, or told as a dead letter, when it was new.
    }
  };
  try {
    await log.replay(take, memory.refuse);
    return { state: 'rebuilt', message: `Rebuilt from ${events} events of the event log.`, events };
  } catch (cause) {
    const why = messageOf(cause);
    const message = `The event log could not be read (${why}): history starts with this process.`;
    return { state: 'unavailable', message, events };
  }
}

const streamEndpoint = (memory: Memory, surroundings: Surroundings): Endpoint =>
  endpoint({
    method: 'get',
    path: '/api/stream',
    summary:
      'Server-sent events: `batch` with what changed (at most two a second), `reset` when a reader must load anew, `alive` after 15 s without either. Resumes after Last-Event-ID',
    parameters: z.object({
      target: z.string().min(1).max(320).optional().describe('Only this target'),
      from: z.string().max(80).optional().describe('As Last-Event-ID, for the first request'),
    }),
    contentType: 'text/event-stream',
    refusals: { 429: 'Too many readers' },
    handle: ({ target }, _body, c) => memory.stream.serve(c, target, surroundings),
  });

/** Every function has it, by its host. */
const HEALTH = describe({
  method: 'get',
  path: '/healthz',
  summary: 'Answers as long as the process lives',
  answer: z.object({ status: z.literal('ok'), function: z.literal('operator') }),
});

const gzip = compress({ threshold: 2048 });

/** `compress` looks into every answer's Headers, at which Node loads fetch: only for who takes gzip. */
const compressed: MiddlewareHandler = (c, next) =>
  c.req.header('accept-encoding') === undefined ? next() : gzip(c, next);

/**
 * operator: every event of the chain, and the events that nobody could use → history, API, console.
 * Writes nothing but, on the kill switch, spec.suspend of a policy.
 */
export function operator(deps: Deps): FunctionSpec {
  const memory = createMemory(deps);
  const startedAtMs = deps.nowMs();
  let history: HistoryState = { ...EMPTY, state: 'rebuilding', message: 'Reading the event log.' };
  const rebuilt = rebuild(memory, deps.eventLog).then((result) => {
    history = result;
    memory.stream.start();
  });
  const about = (): About => ({
    loadGenerator: deps.loadGenerator !== undefined,
    workload: deps.workload !== undefined,
    killSwitch: deps.policies !== undefined,
    history,
    position: memory.stream.position,
    startedAtMs,
    nowMs: deps.nowMs(),
  });
  return {
    name: 'operator',
    accepts: [
      {
        type: '*',
        async handle(event) {
          await rebuilt; // the log first: an older observation after a newer one says nothing
          memory.accept(event, deps.nowMs());
          return undefined;
        },
      },
    ],
    routes(app, { registry, stopping, log }) {
      operatorMetrics(registry, memory);
      app.use('/api/*', compressed);
      app.use('/openapi.json', compressed);
      const endpoints = [
        ...readEndpoints(memory, about),
        streamEndpoint(memory, { stopping, log }),
        kedaEndpoint(memory),
        ...controlEndpoints(memory, deps, log),
      ];
      if (deps.loopback) app.on('POST', '/api/*', loopbackOnly);
      for (const each of endpoints) each.mount(app);
      app.get('/openapi.json', (c) => c.json(openApi([...endpoints, HEALTH])));
      // A path of its own: the same event may come as itself and as a dead letter, with one id.
      app.post('/dead-letters', async (c) => {
        memory.refuse(decodeLetter(headersOf(c), await c.req.text()), deps.nowMs());
        return c.body(null, 204);
      });
      servePage(app, deps.page);
    },
    ready: () =>
      history.state === 'rebuilding'
        ? Promise.reject(new Error('the event log is still being read'))
        : Promise.resolve(),
    async close() {
      memory.stream.stop();
      return Promise.resolve();
    },
  };
}
