import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import type { Answer } from './recorder.ts';
import type { Target } from './target.ts';

/** Sends requests; `done` is called exactly once for each. */
export interface Sender {
  send(sequence: number, done: (answer: Answer) => void): void;
  close(): Promise<void>;
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : error.name);

/** A few words instead of error texts: they become keys of the report. */
const reasonOf = (error: Error): string => {
  const code = codeOf(error);
  if (code.includes('TIMEOUT')) return 'timeout';
  return code === 'UND_ERR_ABORTED' || code === 'UND_ERR_DESTROYED' ? 'stopped' : 'connection';
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/**
 * GETs on a pool of connections, one request per connection at a time. No redirects are followed: an
 * answer that is not 2xx has failed. `runId` (16 hex digits) starts the trace id of each request. The client
 * is loaded with the first run.
 */
export async function httpSender(
  target: Extract<Target, { kind: 'http' }>,
  options: {
    readonly connections: number;
    readonly keepAlive: boolean;
    readonly timeoutMs: number;
    readonly runId: string;
  },
): Promise<Sender> {
  const { Pool, errors } = await import('undici');
  const { url } = target;
  const addresses = target.addresses.map((address) => ({ address, family: isIP(address) }));
  const pool = new Pool(url.origin, {
    connections: options.connections,
    pipelining: options.keepAlive ? 1 : 0,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    connect: {
      timeout: options.timeoutMs,
      lookup: (_host, lookup, callback) => {
        // all of them: of `localhost` the first may be ::1, where the target does not listen
        if (lookup.all === true) callback(null, addresses);
        else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      },
    },
  });
  const path = url.pathname + url.search;
  const { timeoutMs } = options;
  const timeout = (): Error => new errors.BodyTimeoutError();

  return {
    send(sequence, done) {
      const traceparent = `00-${options.runId}${hex(sequence, 16)}-${hex(sequence + 1, 16)}-00`;
      const handler = answerHandler(done, { timeoutMs, timeout });
      pool.dispatch({ path, method: 'GET', headers: { traceparent } }, handler);
    },
    async close() {
      await pool.destroy();
    },
  };
}

/**
 * The least a response needs: bodies are read to their end and thrown away. One that never ends is given
 * up: the client's own time-out begins anew with each piece.
 */
function answerHandler(
  done: (answer: Answer) => void,
  { timeoutMs, timeout }: { timeoutMs: number; timeout: () => Error },
): Dispatcher.DispatchHandler {
  const untilMs = performance.now() + timeoutMs;
  let status = 0;
  return {
    onRequestStart: () => undefined,
    onResponseStart(_controller, statusCode) {
      status = statusCode;
    },
    onResponseData(controller) {
      if (performance.now() > untilMs) controller.abort(timeout());
    },
    onResponseEnd: () => done({ ok: status >= 200 && status < 300, code: String(status) }),
    onResponseError: (_controller, error) => done({ ok: false, code: reasonOf(error) }),
  };
}
