import { exchange } from '#shared/adapters/http.ts';
import { NimbusError } from '#shared/errors.ts';

const TIMEOUT_MS = 4000;
const MAX_BYTES = 1_000_000;

/** Another service of ours, by its base URL. */
export interface Upstream {
  /** Sends JSON and passes the answer on, a refusal with its reason included. */
  send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Response>;
}

const unreachable = (name: string, cause: unknown): NimbusError => {
  const late = cause instanceof Error && cause.name === 'TimeoutError';
  const why = late ? `no answer within ${TIMEOUT_MS} ms` : 'no connection';
  return new NimbusError('upstream.unavailable', `${name}: ${why}. Is it running?`, { cause });
};

/** Calls one fixed address, follows no redirects and reads at most a megabyte. */
export function upstream(name: string, baseUrl: string): Upstream {
  const base = baseUrl.replace(/\/$/, '');
  return {
    async send(method, path, body) {
      const { status, headers, text } = await exchange(base + path, {
        method,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        maxBytes: MAX_BYTES,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }).catch((cause: unknown) => {
        throw unreachable(name, cause);
      });
      if (status >= 500 || (status >= 300 && status < 400)) {
        throw new NimbusError('upstream.unavailable', `${name}: answered ${status}`);
      }
      const type = headers['content-type'] ?? 'text/plain';
      return new Response(text, { status, headers: { 'content-type': type } });
    },
  };
}
