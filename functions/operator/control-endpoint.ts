import type { Context, MiddlewareHandler } from 'hono';
import { NimbusError } from '#shared/errors.ts';
import { isLoopback } from '#shared/runtime/loopback.ts';
import { endpoint, type Declaration, type Endpoint } from './endpoint.ts';

/**
 * A page of somebody else must not be able to press our buttons: browsers name the origin of every
 * request that changes something, and only our own page has ours.
 */
function ownPageOnly(c: Context): void {
  const site = c.req.header('sec-fetch-site');
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  const type = c.req.header('content-type') ?? '';
  if (foreign) {
    throw new NimbusError('action.refused', 'this was sent by a page of another site');
  }
  if (!type.toLowerCase().startsWith('application/json')) {
    const got = type === '' ? 'none' : type.slice(0, 80);
    throw new NimbusError(
      'content.unsupported',
      `content-type: must be application/json (got ${got})`,
    );
  }
}

/**
 * Who listens on loopback alone is called by no other name: another one was made to point here by somebody
 * whose page is open in a browser of this machine (DNS rebinding), and which counts as our own there.
 */
export const loopbackOnly: MiddlewareHandler = async (c, next) => {
  const { hostname } = new URL(c.req.url);
  if (isLoopback(hostname)) return next();
  throw new NimbusError(
    'action.refused',
    `host: must be localhost or 127.0.0.1, where this operator listens (got ${hostname.slice(0, 80)})`,
  );
};

type Control<B> = Omit<Declaration<Record<string, never>, B>, 'method' | 'parameters'>;

/** Declares a route that changes something. */
export const controlEndpoint = <B>(declared: Control<B>): Endpoint =>
  endpoint<Record<string, never>, B>({
    ...declared,
    method: 'post',
    refusals: {
      415: 'No JSON',
      422: 'Sent by a page of another site, or to another host',
      ...declared.refusals,
    },
    handle(input, body, c) {
      ownPageOnly(c);
      return declared.handle(input, body, c);
    },
  });
