// An HTTP proxy on a local port: it sets the host that the ingress routes by, and waits out restarts.
import {
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { messageOf } from '#shared/errors.ts';
import { isLoopback } from '#shared/runtime/loopback.ts';
import type { Address, Tunnel } from './tunnel.ts';

const WAIT_FOR_TUNNEL_MS = 30_000; // longer than a function needs to wake from zero
const TRIES = 5;
const REPLAY_LIMIT_BYTES = 1_048_576;

/** The body, so that a request can be sent again; undefined when it is too large to keep. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REPLAY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

interface Attempt {
  readonly address: Address;
  readonly host: string | undefined;
  readonly body: Buffer;
}

/** Sends the request once. False when the connection failed before any answer: it may be tried again. */
function attempt(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { address, host, body }: Attempt,
): Promise<boolean> {
  const headers = { ...incoming.headers, ...(host === undefined ? {} : { host }) };
  delete headers['transfer-encoding'];
  delete headers.connection;
  if (body.length > 0) headers['content-length'] = String(body.length);
  return new Promise((resolve) => {
    const upstream = request(
      { ...address, method: incoming.method, path: incoming.url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        answer.once('error', () => outgoing.destroy());
        answer.once('close', () => resolve(true));
      },
    );
    upstream.once('error', () => resolve(outgoing.headersSent));
    outgoing.once('close', () => upstream.destroy());
    upstream.end(body);
  });
}

const problem = (outgoing: ServerResponse, status: number, title: string, detail: string): void => {
  outgoing.writeHead(status, { 'content-type': 'application/problem+json' });
  outgoing.end(JSON.stringify({ type: 'about:blank', title, status, detail }));
};

const SAFE = ['GET', 'HEAD', 'OPTIONS'];

/**
 * The name of another host by which something is to be changed. It was made to point to this machine by
 * somebody whose page is open in a browser here (DNS rebinding), and that page counts as our own: what is
 * behind the proxy sees the ingress's host and cannot tell.
 */
function reboundHost({ method = '', headers }: IncomingMessage): string | undefined {
  if (SAFE.includes(method)) return undefined;
  const url = `http://${headers.host ?? ''}`;
  const name = URL.canParse(url) ? new URL(url).hostname : (headers.host ?? '');
  return isLoopback(name) ? undefined : name.slice(0, 80);
}

async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  tunnel: Tunnel,
  host: string | undefined,
): Promise<void> {
  const rebound = reboundHost(incoming);
  if (rebound !== undefined) {
    const detail = `host: must be localhost or 127.0.0.1, where this proxy listens (got ${rebound})`;
    problem(outgoing, 422, 'Unprocessable Content', detail);
    return;
  }
  const body = await bodyOf(incoming);
  if (body === undefined) {
    problem(outgoing, 413, 'Content Too Large', `at most ${REPLAY_LIMIT_BYTES} bytes`);
    return;
  }
  for (let tried = 0; tried < TRIES; tried += 1) {
    const address = await tunnel.address(WAIT_FOR_TUNNEL_MS);
    if (await attempt(incoming, outgoing, { address, host, body })) return;
    if (outgoing.destroyed) return;
    tunnel.broken();
  }
  problem(outgoing, 502, 'Bad Gateway', 'the cluster closed the connection again and again');
}

/** Serves `port` of 127.0.0.1 by way of the tunnel. Rejects when the port is taken. */
export function serveProxy(
  port: number,
  tunnel: Tunnel,
  host: string | undefined,
): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing, tunnel, host).catch((error: unknown) => {
      const detail = messageOf(error);
      if (outgoing.headersSent) outgoing.destroy();
      else problem(outgoing, 503, 'Service Unavailable', detail);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
