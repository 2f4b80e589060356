import { CloudEvent, HTTP } from 'cloudevents';
import { z } from 'zod';
import { NimbusError, messageOf } from '../errors.ts';
import { parseOrThrow, type UnknownEvent } from '../events/index.ts';
import { parseJson } from './json.ts';

export type HeaderMap = Readonly<Record<string, string>>;

/** Required attributes and the ones of ours with a format; any other extension is a plain value. */
const Attributes = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: z.string().min(1).max(512),
    source: z.string().min(1).max(512),
    type: z.string().min(1).max(256),
    subject: z.string().min(1).max(512).optional(),
    time: z.iso.datetime({ offset: true }).optional(),
    partitionkey: z.string().min(1).max(256).optional(),
    traceparent: z.string().max(256).optional(),
  })
  .superRefine((attributes, context) => {
    const refuse = (name: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [name], message });
    };
    for (const [name, value] of Object.entries(attributes)) {
      if (!/^([a-z0-9]{1,64}|data_base64)$/.test(name)) {
        refuse(name, 'attribute names are a-z and 0-9 only');
      } else if (typeof value === 'object') {
        refuse(name, 'must be a string, a number or a boolean');
      }
    }
  });

const mediaType = (headers: HeaderMap): string =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const isJson = (type: string): boolean => /^application\/([a-z0-9.-]+\+)?json$/.test(type);

/** Header values are percent-encoded where they are not printable ASCII (HTTP binding 1.0, 3.1.3.2). */
const decodeHeader = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // not encoded: a bare % is what the sender meant
  }
};

const encodeHeader = (value: string): string =>
  value.replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );

const parseBody = (body: string): unknown => {
  try {
    return parseJson(body);
  } catch (cause) {
    const reason = messageOf(cause).slice(0, 200);
    throw new NimbusError('event.malformed', `body: malformed JSON (${reason})`, { cause });
  }
};

/** Members of a structured event. An attribute that is null is one that is not set (JSON format 1.0, 2.2). */
const structuredMembers = (body: string): [name: string, value: unknown][] => {
  const document = parseBody(body);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new NimbusError('event.malformed', 'body: a structured CloudEvent is a JSON object');
  }
  return Object.entries(document).filter(([name, value]) => name === 'data' || value !== null);
};

const binaryHeaders = (headers: HeaderMap): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith('ce-'))
      .map(([name, value]) => [name, decodeHeader(value)]),
  );

const check = (attributes: Record<string, unknown>): void => {
  parseOrThrow(Attributes, attributes, { code: 'event.malformed', what: 'CloudEvent' });
};

const toEvent = (headers: Record<string, string>, body: string): UnknownEvent => {
  let event: unknown;
  try {
    event = HTTP.toEvent({ headers, body });
  } catch (cause) {
    const reason = messageOf(cause).slice(0, 200);
    throw new NimbusError('event.malformed', `CloudEvent: ${reason}`, { cause });
  }
  return { ...(event as CloudEvent<unknown>).toJSON() } as unknown as UnknownEvent;
};

function fromBinary(headers: HeaderMap, body: string): UnknownEvent {
  const ce = binaryHeaders(headers);
  if (Object.keys(ce).length === 0) {
    throw new NimbusError(
      'event.malformed',
      'no CloudEvent: neither ce-* headers nor content-type application/cloudevents+json',
    );
  }
  check(Object.fromEntries(Object.entries(ce).map(([name, value]) => [name.slice(3), value])));
  const type = mediaType(headers);
  if (body === '') return toEvent(ce, body);
  if (type !== '' && !isJson(type)) {
    throw new NimbusError(
      'content.unsupported',
      `content-type: data must be application/json (got ${type.slice(0, 80)})`,
    );
  }
  parseBody(body); // named as malformed JSON here; the library would call it an unexpected token
  return toEvent({ ...ce, 'content-type': 'application/json' }, body);
}

function fromStructured(body: string): UnknownEvent {
  const members = structuredMembers(body);
  const attributes = Object.fromEntries(members.filter(([name]) => name !== 'data'));
  check(attributes);
  if (attributes['data_base64'] !== undefined) {
    throw new NimbusError('content.unsupported', 'data_base64: data must be JSON');
  }
  const document = JSON.stringify(Object.fromEntries(members));
  return toEvent({ 'content-type': 'application/cloudevents+json' }, document);
}

/**
 * Reads one CloudEvent 1.0 in binary or structured mode.
 * Throws `event.malformed` (400) naming each wrong attribute, `content.unsupported` (415) for batches
 * and for data that is not JSON.
 */
export function decodeEvent(headers: HeaderMap, body: string): UnknownEvent {
  const type = mediaType(headers);
  if (type.startsWith('application/cloudevents-batch')) {
    throw new NimbusError('content.unsupported', 'content-type: batches are not accepted');
  }
  if (!type.startsWith('application/cloudevents')) return fromBinary(headers, body);
  if (type !== 'application/cloudevents+json') {
    throw new NimbusError(
      'content.unsupported',
      `content-type: must be application/cloudevents+json (got ${type.slice(0, 80)})`,
    );
  }
  return fromStructured(body);
}

/** The event in binary mode, for a request to a broker or a reply to one. */
export function encodeEvent(event: UnknownEvent): {
  headers: Record<string, string>;
  body: string;
} {
  const attributes = Object.fromEntries(
    Object.entries(event).filter(([, value]) => value !== undefined),
  );
  const message = HTTP.binary(new CloudEvent({ ...attributes, data: event.data }, false));
  const headers = Object.entries(message.headers).map(([name, value]) => {
    const text = [value].flat().join(','); // an extension may be a number: the library keeps it one
    return [name, name.startsWith('ce-') ? encodeHeader(text) : text] as const;
  });
  return { headers: Object.fromEntries(headers), body: bodyOf(message.body) };
}

const bodyOf = (body: unknown): string =>
  typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
