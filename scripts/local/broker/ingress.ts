// The broker's HTTP: the ingress as Knative's, and a read API for console, `make status` and tests.
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { parseOrThrow } from '#shared/events/define.ts';
import type { Broker } from './broker.ts';
import { decode, toStructured } from './cloudevent.ts';
import type { EventLog, LogRecord } from './log.ts';

const MAX_ADMITTED = 1000;
const whole = z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const EventsQuery = z.object({
  after: whole.default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  type: z.string().min(1).max(256).optional(),
  order: z.enum(['asc', 'desc']).default('asc'),
});
const LettersQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

const shownRecord = ({ event, ...where }: LogRecord): object => ({
  ...where,
  event: toStructured(event),
});

/** Requests being read at this moment: beyond a limit the sender is asked to come again. */
class Admission {
  #inside = 0;

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= MAX_ADMITTED) {
      throw new NimbusError('upstream.throttled', `more than ${MAX_ADMITTED} requests at a time`);
    }
    this.#inside += 1;
    try {
      return await work();
    } finally {
      this.#inside -= 1;
    }
  }
}

async function take(c: Context, broker: Broker): Promise<Response> {
  const name = `${c.req.param('namespace') ?? ''}/${c.req.param('broker') ?? ''}`;
  if (!broker.names.includes(name)) {
    const known = broker.names.map((each) => `/${each}`).join(', ');
    throw new NimbusError(
      'route.unknown',
      `no Broker at /${name.slice(0, 200)} (there is: ${known || 'none'})`,
    );
  }
  const body = new Uint8Array(await c.req.arrayBuffer());
  const event = decode(c.req.header(), body);
  if (!broker.hasRoom) {
    throw new NimbusError(
      'upstream.unavailable',
      'the log is full of events that are not delivered yet: try again',
    );
  }
  broker.accept(name, event);
  return new Response(null, { status: 202, headers: { 'content-length': '0' } });
}

const query = <T>(c: Context, schema: z.ZodType<T>, what: string): T =>
  parseOrThrow(schema, c.req.query(), { code: 'input.invalid', what });

/**
 * `POST /<namespace>/<broker>`: 202 stored, 400 no CloudEvent, 404 no such Broker, 413 above 1 MiB,
 * 415 another format, 429 or 503 come again.
 */
export function brokerRoutes(app: Hono, broker: Broker, log: EventLog): void {
  const admission = new Admission();
  app.get('/internal/stats', (c) => c.json(broker.figures()));
  app.get('/internal/events', (c) => {
    const { after, limit, type, order } = query(c, EventsQuery, 'GET /internal/events');
    const records = log.page({ after, limit, type, newestFirst: order === 'desc' });
    const next = records.length === limit ? (records.at(-1)?.offset ?? null) : null;
    return c.json({ events: records.map(shownRecord), next, end: log.end() });
  });
  app.get('/internal/dead-letters', (c) => {
    const { limit } = query(c, LettersQuery, 'GET /internal/dead-letters');
    const letters = log.deadLetters(limit);
    return c.json({
      deadLetters: letters.map(({ event, ...rest }) => ({ ...rest, event: toStructured(event) })),
    });
  });
  app.post('/:namespace/:broker', (c) => admission.run(() => take(c, broker)));
  app.all('/:namespace/:broker', (c) =>
    c.json(
      {
        type: 'urn:nimbusguard:problem:method.unsupported',
        title: 'Method not allowed',
        status: 405,
        detail: `${c.req.method}: a Broker takes POST only`,
      },
      405,
      { 'content-type': 'application/problem+json', allow: 'POST' },
    ),
  );
}
