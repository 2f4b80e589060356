import { createHash } from 'node:crypto';
import type { EventDefinition, Envelope, UnknownEvent } from '../events/index.ts';

/** A hop of the chain as the last part of the ids it gives. */
export type Hop = 'observer' | 'decider' | 'learned' | 'executor' | 'reward' | 'advisor';

const HOP = /\.(observer|decider|learned|executor|reward|advisor)$/;

/** With a hop behind it still an id that every function takes (see envelope.ts). */
const MAX_CAUSE_CHARS = 480;

/** Ids from outside may be as long as an id can be, and ours are longer: their end becomes a hash. */
function bounded(id: string): string {
  if (id.length <= MAX_CAUSE_CHARS) return id;
  const hash = createHash('sha256').update(id).digest('hex');
  return `${id.slice(0, MAX_CAUSE_CHARS - hash.length - 1)}~${hash}`;
}

/**
 * Id of the event that `hop` makes out of the event `causeId`: `<tick>.<target uid>.<hop>`.
 * Derived, so that handling a redelivery makes the same event.
 */
export const hopId = (causeId: string, hop: Hop): string =>
  `${bounded(causeId.replace(HOP, ''))}.${hop}`;

/** More decisions than a target gets in thirty years of beats of a second. */
const FAR_AHEAD = 1e9;

/** Whether no decider can have counted so far since `newest`: the number was made up. */
export const isFarAhead = (sequence: number, newest: number): boolean =>
  sequence - newest > FAR_AHEAD;

/**
 * The event that answers `cause`: derived id, same subject, partition and trace.
 * `atMs` is the time of what the event tells, Unix epoch: not that of its making.
 */
export function answerTo<T>(
  cause: Envelope,
  definition: EventDefinition<T>,
  made: { readonly by: string; readonly hop: Hop; readonly atMs: number },
  data: T,
): UnknownEvent & { readonly data: T } {
  return definition.build(
    {
      id: hopId(cause.id, made.hop),
      source: `/nimbusguard/${made.by}`,
      subject: cause.subject,
      partitionkey: cause.partitionkey,
      traceparent: cause.traceparent,
      time: new Date(made.atMs).toISOString(),
    },
    data,
  );
}
