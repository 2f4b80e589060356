// A dead letter as it comes: what is in it is shown and not used, so its data may be anything.
import { NimbusError } from '#shared/errors.ts';
import type { UnknownEvent } from '#shared/events/index.ts';
import { decodeEvent, type HeaderMap } from '#shared/runtime/envelope.ts';

/** Throws where its attributes are no event's; data that is no JSON is taken as its text. */
export function decodeLetter(headers: HeaderMap, body: string): UnknownEvent {
  try {
    return decodeEvent(headers, body);
  } catch (error) {
    if (!(error instanceof NimbusError)) throw error;
    return decodeEvent({ ...headers, 'content-type': 'application/json' }, JSON.stringify(body));
  }
}
