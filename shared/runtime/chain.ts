import type { EventDefinition, Envelope, UnknownEvent } from '../events/index.ts';

/** A hop of the chain as the last part of the ids it gives. */
export type Hop = 'observer' | 'decider' | 'learned' | 'executor' | 'reward' | 'advisor';

const HOP = /\.(observer|decider|learned|executor|reward|advisor)$/;

/**
 * Id of the event that `hop` makes out of the event `causeId`: `<tick>.<target uid>.<hop>`.
 * Derived, so that handling a redelivery makes the same event.
 */
export const hopId = (causeId: string, hop: Hop): string => `${causeId.replace(HOP, '')}.${hop}`;

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
