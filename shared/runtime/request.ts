// What is read of a request without the web's objects, for which Node would load its fetch.
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { NimbusError } from '../errors.ts';
import type { HeaderMap } from './envelope.ts';

const MAX_BODY_BYTES = 1_048_576; // the broker refuses more as well

/**
 * All headers of a request, names in lower case: as Node has parsed them, where a server did. Hono's own
 * list of them is made through the web's `Headers`, for which Node loads its fetch.
 */
export function headersOf(c: Context): HeaderMap {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  return (incoming?.headers as HeaderMap | undefined) ?? c.req.header();
}

const refuseBody = (): never => {
  throw new NimbusError('body.oversized', `body: at most ${MAX_BODY_BYTES} bytes`);
};

/**
 * Hono's `bodyLimit` asks for the body as a web stream, and with that Node builds a whole `Request`.
 * A length that is stated needs none of it: Node's parser holds a sender to what it stated.
 */
export function limitBody(): MiddlewareHandler {
  const byReading = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: refuseBody });
  return async function limitBody(c, next) {
    const length = c.req.header('content-length');
    const stated = length !== undefined && c.req.header('transfer-encoding') === undefined;
    if (stated && Number(length) > MAX_BODY_BYTES) refuseBody();
    const bodiless = c.req.method === 'GET' || c.req.method === 'HEAD';
    return stated || bodiless ? next() : byReading(c, next);
  };
}
