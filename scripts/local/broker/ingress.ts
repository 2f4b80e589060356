// The broker's HTTP: the ingress as Knative's, and a read API for console, `make status` and tests.
import { z } from 'zod';
import { messageOf, NimbusError } from '#shared/errors.ts';
import { parseOrThrow } from '#shared/events/define.ts';
import type { Broker } from './broker.ts';
import { decode, toStructured } from './cloudevent.ts';
import type { Call, Reply, Route } from './host.ts';
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

/** `/<namespace>/<broker>` as `<namespace>/<broker>`; a path that cannot be decoded names nothing. */
function brokerIn(path: string): string | undefined {
  const [, namespace, name] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  try {
    return `${decodeURIComponent(namespace)}/${decodeURIComponent(name)}`;
  } catch {
    return undefined;
  }
}

async function take(name: string, call: Call, broker: Broker): Promise<Reply> {
  if (!broker.names.includes(name)) {
    const known = broker.names.map((each) => `/${each}`).join(', ');
    throw new NimbusError(
      'route.unknown',
      `no Broker at /${name.slice(0, 200)} (there is: ${known || 'none'})`,
    );
  }
  const event = decode(call.headers, await call.body());
  if (!broker.hasRoom) {
    throw new NimbusError(
      'upstream.unavailable',
      'the log is full of events that are not delivered yet: try again',
    );
  }
  try {
    broker.accept(name, event);
  } catch (error) {
    const why = `not stored (${messageOf(error)}): try again`;
    throw new NimbusError('upstream.unavailable', why, { cause: error });
  }
  return { status: 202 };
}

const query = <T>(call: Call, schema: z.ZodType<T>): T =>
  parseOrThrow(schema, Object.fromEntries(call.query), {
    code: 'input.invalid',
    what: `GET ${call.path}`,
  });

/** The read API, by path. */
const readers = (broker: Broker, log: EventLog): Record<string, (call: Call) => object> => ({
  '/internal/stats': () => broker.figures(),
  '/internal/events': (call) => {
    const { after, limit, type, order } = query(call, EventsQuery);
    const records = log.page({ after, limit, type, newestFirst: order === 'desc' });
    const next = records.length === limit ? (records.at(-1)?.offset ?? null) : null;
    return { events: records.map(shownRecord), next, end: log.end() };
  },
  '/internal/dead-letters': (call) => {
    const letters = log.deadLetters(query(call, LettersQuery).limit);
    return {
      deadLetters: letters.map(({ event, ...rest }) => ({ ...rest, event: toStructured(event) })),
    };
  },
});

const notAllowed = (method: string): Reply => ({
  status: 405,
  headers: { 'content-type': 'application/problem+json', allow: 'POST' },
  json: {
    type: 'urn:nimbusguard:problem:method.unsupported',
    title: 'Method not allowed',
    status: 405,
    detail: `${method}: a Broker takes POST only`,
  },
});

/**
 * `POST /<namespace>/<broker>`: 202 stored, 400 no CloudEvent, 404 no such Broker, 413 above 1 MiB,
 * 415 another format, 429 or 503 come again.
 */
export function brokerRoutes(broker: Broker, log: EventLog): Route {
  const admission = new Admission();
  const reads = readers(broker, log);
  return (call) => {
    const read = call.method === 'GET' ? reads[call.path] : undefined;
    if (read !== undefined) return { status: 200, json: read(call) };
    const name = brokerIn(call.path);
    if (name === undefined) return undefined;
    if (call.method !== 'POST') return notAllowed(call.method);
    return admission.run(() => take(name, call, broker));
  };
}
