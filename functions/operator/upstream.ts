import { NimbusError } from '#shared/errors.ts';

const TIMEOUT_MS = 4000;
const MAX_CHARACTERS = 1_000_000;

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
      let answer: Response;
      let text: string;
      try {
        answer = await fetch(base + path, {
          method,
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT_MS),
          ...(body === undefined
            ? {}
            : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        });
        text = await answer.text();
      } catch (cause) {
        throw unreachable(name, cause);
      }
      if (answer.status >= 500 || text.length > MAX_CHARACTERS) {
        throw new NimbusError('upstream.unavailable', `${name}: answered ${answer.status}`);
      }
      const type = answer.headers.get('content-type') ?? 'text/plain';
      return new Response(text, { status: answer.status, headers: { 'content-type': type } });
    },
  };
}
