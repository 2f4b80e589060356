// The ingress: one listener per Knative Service. It wakes the service, spreads requests, passes them on.
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import { messageOf } from '#shared/errors.ts';
import { Pool } from 'undici';
import { COLD_START_HEADER } from './broker/delivery.ts';

/** One ready instance of a service. */
export interface Backend {
  readonly origin: string;
  inFlight: number;
}

export interface Picked {
  readonly backend: Backend;
  /** This request started it: no other was there. */
  readonly isColdStart: boolean;
}

export interface Upstreams {
  /**
   * A ready backend, started if need be, with the request counted as under way: whoever waits beside
   * it must see that at once. One that this request has not tried is preferred: one that is gone has
   * the fewest requests under way. Rejects when none gets ready in time.
   */
  pick(tried: ReadonlySet<Backend>): Promise<Picked>;
  /** Told after every request that was given a backend. */
  released(backend: Backend): void;
}

export interface IngressOptions {
  readonly name: string;
  readonly port: number;
  readonly upstreams: Upstreams;
  /** Longest wait for the first byte of an answer (Knative's `timeoutSeconds`). */
  readonly timeoutMs: number;
}

/** Bodies up to this size are held, so that a request whose backend vanished can go to another. */
const HELD_BODY_BYTES = 1024 * 1024;
const MAX_ATTEMPTS = 4;

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect']);

/** Without what is meant for this connection alone: of that the sender names more (RFC 9110, 7.6.1). */
function passable(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const { connection = '' } = headers;
  const named = [connection].flat().flatMap((names) => names.toLowerCase().split(/\s*,\s*/));
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]) && !named.includes(entry[0]),
    ),
  );
}

const problem = (response: ServerResponse, status: number, detail: string): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const title = STATUS_CODES[status];
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  });
  response.end(JSON.stringify({ type: 'about:blank', title, status, detail }));
};

/** The body when it is small enough to be held, otherwise the stream itself. */
const holdBody = async (request: IncomingMessage): Promise<Buffer | IncomingMessage | null> => {
  const length = request.headers['content-length'];
  if (length === undefined && request.headers['transfer-encoding'] === undefined) return null;
  if (length === undefined || Number(length) > HELD_BODY_BYTES) return request;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** The backend is gone and never saw the request. */
const UNSENT = new Set(['ECONNREFUSED', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);
/** The connection was cut before an answer: what was asked for may have been done. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
/** Asked for twice is as good as once: only these may a proxy send again (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Another backend may serve what this one failed with. */
const mayGoOn = (error: unknown, { method = '' }: IncomingMessage): boolean =>
  UNSENT.has(codeOf(error)) || (CUT.has(codeOf(error)) && IDEMPOTENT.has(method));

/** One pool of connections per backend, dropped when the backend has been gone for a minute. */
class Pools {
  readonly #pools = new Map<string, { pool: Pool; usedAt: number }>();

  for(origin: string, headersTimeout: number): Pool {
    const known = this.#pools.get(origin);
    if (known !== undefined) {
      known.usedAt = performance.now();
      return known.pool;
    }
    this.#dropUnused();
    const pool = new Pool(origin, {
      connections: null, // a limit here would hide from the pods, and so from their metrics, what is asked of them
      pipelining: 1,
      headersTimeout,
      bodyTimeout: 0,
    });
    this.#pools.set(origin, { pool, usedAt: performance.now() });
    return pool;
  }

  #dropUnused(): void {
    for (const [origin, { pool, usedAt }] of this.#pools) {
      if (performance.now() - usedAt < 60_000) continue;
      this.#pools.delete(origin);
      pool.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()));
  }
}

/** A reverse proxy in front of one service. */
export class Ingress {
  readonly #options: IngressOptions;
  readonly #pools = new Pools();
  readonly #server: Server;

  constructor(options: IngressOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) =>
        problem(response, 503, messageOf(error)),
      );
    });
    this.#server.keepAliveTimeout = 65_000;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, '127.0.0.1', resolve);
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#pools.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await holdBody(request);
    const held = body === null || Buffer.isBuffer(body);
    const tried = new Set<Backend>();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    for (let attempt = 1; ; attempt += 1) {
      const backend = await this.#pick(response, tried);
      if (backend === undefined) return;
      tried.add(backend);
      try {
        await this.#pass({ request, response, body, backend, signal: gone.signal });
        return;
      } catch (error) {
        const again = held && attempt < MAX_ATTEMPTS && mayGoOn(error, request);
        if (again && !response.headersSent) continue;
        this.#refuse(response, error);
        return;
      } finally {
        this.#options.upstreams.released(backend);
      }
    }
  }

  /** Undefined where the client gave up while it waited: then the next one may go on. */
  async #pick(response: ServerResponse, tried: ReadonlySet<Backend>): Promise<Backend | undefined> {
    const { backend, isColdStart } = await this.#options.upstreams.pick(tried);
    if (response.closed) {
      this.#options.upstreams.released(backend);
      return undefined;
    }
    if (isColdStart) response.setHeader(COLD_START_HEADER, '1');
    return backend;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const { name, timeoutMs } = this.#options;
    if (codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT') {
      problem(response, 504, `${name} did not answer within ${timeoutMs / 1000} s`);
      return;
    }
    if (CUT.has(codeOf(error))) {
      problem(response, 502, `${name} ended the connection before it answered`);
      return;
    }
    problem(response, 503, `${name}: ${messageOf(error)}`);
  }

  async #pass(hop: {
    request: IncomingMessage;
    response: ServerResponse;
    body: Buffer | IncomingMessage | null;
    backend: Backend;
    signal: AbortSignal;
  }): Promise<void> {
    const { request, response, body, backend, signal } = hop;
    const answer = await this.#pools.for(backend.origin, this.#options.timeoutMs).request({
      path: request.url ?? '/',
      method: request.method ?? 'GET',
      headers: passable(request.headers),
      body,
      signal,
    });
    response.writeHead(answer.statusCode, passable(answer.headers));
    response.flushHeaders(); // an event stream must not wait for its first event
    await new Promise<void>((resolve) => pipeline(answer.body, response, () => resolve()));
  }
}
