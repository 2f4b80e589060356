import type { Context } from 'hono';
import { NimbusError } from '#shared/errors.ts';
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
    throw new NimbusError('content.unsupported', 'content-type: must be application/json');
  }
}

type Control<B> = Omit<Declaration<Record<string, never>, B>, 'method' | 'parameters'>;

/** Declares a route that changes something. */
export const controlEndpoint = <B>(declared: Control<B>): Endpoint =>
  endpoint<Record<string, never>, B>({
    ...declared,
    method: 'post',
    refusals: { 415: 'No JSON', 422: 'Sent by a page of another site', ...declared.refusals },
    handle(input, body, c) {
      ownPageOnly(c);
      return declared.handle(input, body, c);
    },
  });
