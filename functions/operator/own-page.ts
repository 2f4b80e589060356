import type { Context } from 'hono';
import { NimbusError } from '#shared/errors.ts';

/**
 * A page of somebody else must not be able to press our buttons: browsers name the origin of every
 * request that changes something, and only our own page has ours.
 */
export function ownPageOnly(c: Context): void {
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
