// HTTP to other services, by node:http. Not by `fetch`: Node loads it at the first use, and it stays in the
// memory of each small function.
import http from 'node:http';
import https from 'node:https';

export interface Asked extends https.RequestOptions {
  readonly body?: string;
  /** A longer answer is an error. */
  readonly maxBytes?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** By the URL's scheme: its requests, and the agents that fit them. */
export const transportOf = (url: string | URL): typeof http | typeof https =>
  new URL(url).protocol === 'https:' ? https : http;

/** A server that closed an idle connection while we took it up has seen nothing of the request. */
const isClosedBefore = ({ reusedSocket, method }: http.ClientRequest, error: Error): boolean =>
  method === 'GET' &&
  reusedSocket &&
  'code' in error &&
  (error.code === 'ECONNRESET' || error.code === 'EPIPE');

/**
 * One request and its whole answer, of whatever status; redirects are not followed. Without an `agent` the
 * connection is its own. A GET is sent again where the connection it was given had been closed.
 * Rejects where there is no answer; with the signal's reason where `signal` ended it.
 */
export function exchange(url: string | URL, asked: Asked = {}): Promise<Answer> {
  const { body, maxBytes = Infinity, ...options } = asked;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(options.signal?.aborted === true ? (options.signal.reason as Error) : error);
    const request = transportOf(url).request(url, { agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= maxBytes) return;
        fail(new Error(`the answer is over ${maxBytes} bytes`));
        request.destroy();
      });
      response.on('error', fail);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', (error) => {
      if (isClosedBefore(request, error)) resolve(exchange(url, asked));
      else fail(error);
    });
    request.end(body);
  });
}

export const isOk = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** Knative's delivery contract: 5xx, 404, 408, 409 and 429 may change; every other refusal is final. */
export const isRetried = (status: number): boolean =>
  status >= 500 || status === 404 || status === 408 || status === 409 || status === 429;
