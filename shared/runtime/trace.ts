import { createHash } from 'node:crypto';
import type { UnknownEvent } from '../events/index.ts';

/** All zeros are no id, and version ff is none (W3C Trace Context, 3.2.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A traceparent that somebody sent, unless it is none. */
export const validTraceparent = (sent: string | undefined): string | undefined =>
  sent !== undefined && TRACEPARENT.test(sent) ? sent : undefined;

/**
 * W3C trace context of an event. An event without one (a PingSource's beat) starts a trace derived
 * from its source and id, so that a redelivery belongs to the same trace.
 */
export function traceparentOf(event: UnknownEvent): string {
  const sent = validTraceparent(event.traceparent);
  if (sent !== undefined) return sent;
  const hash = createHash('sha256').update(`${event.source}\n${event.id}`).digest('hex');
  return `00-${hash.slice(0, 32)}-${hash.slice(32, 48)}-01`;
}

/** The 32 hex digits that logs are searched by. */
export function traceIdOf(traceparent: string): string {
  return TRACEPARENT.exec(traceparent)?.[1] ?? '';
}
