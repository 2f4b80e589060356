import type { UnknownEvent } from '#shared/events/index.ts';

/** When the event says it happened, milliseconds; else when it came. */
export function timeOf(event: UnknownEvent, receivedAtMs: number): number {
  const parsed = event.time === undefined ? Number.NaN : Date.parse(event.time);
  return Number.isNaN(parsed) ? receivedAtMs : parsed;
}
