// The broker's HTTP host. Leaner than the functions' own: the loop waits for a killed broker to be
// back, so it loads nothing that it can do without, neither a router nor Node's fetch.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Logger } from 'pino';
import { NimbusError } from '#shared/errors.ts';
import { logFailure, problemOf } from '#shared/runtime/problem.ts';
import { readAtMost } from '../request-body.ts';
import type { Headers } from './cloudevent.ts';

/** Kafka's default for a record; Knative's ingress takes no more either. */
const MAX_BODY_BYTES = 1_048_576;
const PROBLEM = { 'content-type': 'application/problem+json' };

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** Throws `body.oversized` beyond 1 MiB. */
  body(): Promise<Uint8Array>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; absent: no body. */
  readonly json?: unknown;
}

/** Undefined: no such route. */
export type Route = (call: Call) => Reply | undefined | Promise<Reply | undefined>;
/** Never rejects. */
export type App = (call: Call) => Promise<Reply>;

/** An app with health, and every error as an RFC 9457 problem. */
export function brokerApp(route: Route, log: Pick<Logger, 'error' | 'debug'>): App {
  const routed: Route = (call) => {
    if (call.path === '/healthz')
      return { status: 200, json: { status: 'ok', function: 'broker' } };
    if (call.path === '/readyz') {
      return { status: 200, json: { status: 'ready', function: 'broker' } };
    }
    return route(call);
  };
  return async (call) => {
    try {
      const reply = await routed(call);
      if (reply !== undefined) return reply;
      const where = `${call.method} ${call.path.slice(0, 200)}`;
      throw new NimbusError('route.unknown', `${where} is no route`);
    } catch (error) {
      logFailure(log, error);
      const problem = problemOf(error);
      return { status: problem.status, headers: PROBLEM, json: problem };
    }
  };
}

const oversized = (): NimbusError =>
  new NimbusError('body.oversized', `body: at most ${MAX_BODY_BYTES} bytes`);

/** Reads at most `MAX_BODY_BYTES`, and nothing of a body that says that it is larger. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw oversized();
  return readAtMost(request, MAX_BODY_BYTES, oversized);
}

const joined = (headers: IncomingHttpHeaders): Headers =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  );

/** A URL that cannot be read, such as `//`, is the path `''`, which names nothing. */
const callOf = (request: IncomingMessage): Call => {
  const url = URL.parse(`http://localhost${request.url ?? ''}`);
  return {
    method: request.method ?? '',
    path: url?.pathname ?? '',
    query: url?.searchParams ?? new URLSearchParams(),
    headers: joined(request.headers),
    body: () => bodyOf(request),
  };
};

function write(response: ServerResponse, { status, headers, json }: Reply): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** Listens; rejects when the port is taken. */
export async function listen(app: App, port: number, host: string): Promise<Server> {
  const server = createServer((request, response) => {
    void app(callOf(request)).then((reply) => {
      if (!request.complete) response.setHeader('connection', 'close'); // a body nobody reads
      write(response, reply);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

/** Accepts nothing more and finishes what was begun; after `graceMs` connections are cut. */
export async function finish(server: Server, graceMs: number): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(late);
}
