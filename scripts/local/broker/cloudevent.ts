// CloudEvents as a broker sees them: attributes it reads, data it passes on byte for byte.
import { NimbusError, type FieldProblem } from '#shared/errors.ts';
import { parseJson } from '#shared/runtime/json.ts';

type AttributeValue = string | number | boolean;

export interface BrokerEvent {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Raw bytes; null where the event has no data. */
  readonly data: Uint8Array | null;
}

/** Headers with lower-case names. */
export type Headers = Readonly<Record<string, string>>;

const STRUCTURED = 'application/cloudevents+json';
const REQUIRED = ['id', 'source', 'type'] as const;
const NAME = /^[a-z0-9]{1,64}$/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
/** It is sent on as a header as it is: what no header may hold is no media type either. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+([\t ]*;[\t -~]*)?$/;
const NOT_PLAIN = /[^\x21\x23\x24\x26-\x7e]/gu;

const mediaType = (headers: Headers): string =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const isJson = (type: string): boolean => /^(application|text)\/([a-z0-9.-]+\+)?json\b/i.test(type);

const malformed = (fields: readonly FieldProblem[]): NimbusError =>
  new NimbusError(
    'event.malformed',
    `not a CloudEvent: ${fields.map((field) => `${field.path}: ${field.message}`).join('; ')}`,
    { fields },
  );

const shown = (value: unknown): string =>
  (typeof value === 'undefined' ? 'undefined' : JSON.stringify(value)).slice(0, 80);

const isValue = (value: unknown): value is AttributeValue =>
  typeof value === 'boolean' ||
  (typeof value === 'string' && value !== '') ||
  (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2 ** 31);

/** Attributes that the specification itself has; only those that others add may be numbers or booleans. */
const TEXTS: ReadonlySet<string> = new Set([
  ...['specversion', 'id', 'source', 'type', 'subject'],
  ...['time', 'datacontenttype', 'dataschema'],
]);

const FORMATS: Readonly<Record<string, { test(value: string): boolean; message: string }>> = {
  specversion: { test: (value) => value === '1.0', message: 'must be 1.0' },
  time: {
    test: (value) => RFC_3339.test(value) && !Number.isNaN(Date.parse(value)),
    message: 'must be a time of RFC 3339',
  },
  datacontenttype: { test: (value) => MEDIA_TYPE.test(value), message: 'must be a media type' },
  dataschema: { test: (value) => URL.canParse(value), message: 'must be an absolute URI' },
  source: { test: (value) => URL.canParse(value, 'http://x/'), message: 'must be a URI reference' },
};

/** One line per attribute that breaks CloudEvents 1.0; empty where all is well. */
function attributeProblems(attributes: Readonly<Record<string, unknown>>): FieldProblem[] {
  const missing = ['specversion', ...REQUIRED]
    .filter((name) => attributes[name] === undefined)
    .map((name) => ({ path: name, message: 'is missing' }));
  const wrong = Object.entries(attributes).flatMap(([name, value]): FieldProblem[] => {
    if (!NAME.test(name)) {
      return [{ path: name.slice(0, 80), message: 'attribute names are a-z and 0-9 only' }];
    }
    if (!isValue(value)) {
      const message = 'must be a string that is not empty, a whole number or a boolean';
      return [{ path: name, message, value: shown(value) }];
    }
    if (TEXTS.has(name) && typeof value !== 'string') {
      return [{ path: name, message: 'must be a string', value: shown(value) }];
    }
    const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined; // not `constructor`
    if (format === undefined || format.test(String(value))) return [];
    return [{ path: name, message: format.message, value: shown(value) }];
  });
  return [...missing, ...wrong];
}

const readable = (bytes: Uint8Array, path: string): unknown => {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 120) : 'unreadable';
    throw malformed([{ path, message: `malformed JSON (${why})` }]);
  }
};

/**
 * Header values may be quoted, and are percent-encoded where they are not printable ASCII (HTTP
 * binding 3.1.3.2).
 */
const decodeHeader = (value: string): string => {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
  const text = quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, '$1');
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % that was never encoded
  }
};

const checked = (attributes: Record<string, unknown>): BrokerEvent['attributes'] => {
  const problems = attributeProblems(attributes);
  if (problems.length > 0) throw malformed(problems);
  return attributes as Record<string, AttributeValue>;
};

function fromBinary(headers: Headers, body: Uint8Array): BrokerEvent {
  const attributes: Record<string, unknown> = Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith('ce-'))
      .map(([name, value]) => [name.slice(3), decodeHeader(value)]),
  );
  const contentType = headers['content-type'];
  if (contentType !== undefined && body.length > 0) attributes['datacontenttype'] = contentType;
  const event = { attributes: checked(attributes), data: body.length > 0 ? body : null };
  if (event.data !== null && isJson(contentType ?? '')) readable(event.data, 'data');
  return event;
}

const base64Data = (value: unknown): Uint8Array => {
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) {
    return Buffer.from(value, 'base64');
  }
  throw malformed([{ path: 'data_base64', message: 'must be Base64', value: shown(value) }]);
};

/** `data` of the JSON format as bytes: a string of another type than JSON is the text itself. */
const jsonData = (data: unknown, type: string): Uint8Array =>
  Buffer.from(typeof data === 'string' && !isJson(type) ? data : JSON.stringify(data));

function fromStructured(body: Uint8Array): BrokerEvent {
  const document = readable(body, 'body');
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw malformed([{ path: 'body', message: 'must be a JSON object', value: shown(document) }]);
  }
  const { data, data_base64: encoded, ...rest } = document as Record<string, unknown>;
  if (data !== undefined && encoded !== undefined) {
    throw malformed([{ path: 'data_base64', message: 'excludes data' }]);
  }
  const present = Object.entries(rest).filter(([, value]) => value !== null); // null is absent
  const attributes = checked(Object.fromEntries(present));
  if (encoded !== undefined) return { attributes, data: base64Data(encoded) };
  if (data === undefined) return { attributes, data: null };
  const type = String(attributes['datacontenttype'] ?? 'application/json');
  return { attributes: { ...attributes, datacontenttype: type }, data: jsonData(data, type) };
}

/**
 * Reads one event in binary or structured mode.
 * Throws `event.malformed` (400) with every wrong attribute, `content.unsupported` (415) for other
 * formats and for batches, which a Broker of class Kafka does not take.
 */
export function decode(headers: Headers, body: Uint8Array): BrokerEvent {
  const type = mediaType(headers);
  if (type === STRUCTURED) return fromStructured(body);
  if (type.startsWith('application/cloudevents')) {
    throw new NimbusError(
      'content.unsupported',
      `content-type: must be ${STRUCTURED} or the data's own beside ce-* headers (got ${type.slice(0, 80)})`,
    );
  }
  return fromBinary(headers, body);
}

/** What a subscriber's answer holds: nothing, one event, or something else (`invalid`). */
export function decodeReply(headers: Headers, body: Uint8Array): BrokerEvent | null | 'invalid' {
  const structured = mediaType(headers) === STRUCTURED;
  if (!structured && headers['ce-specversion'] === undefined)
    return body.length > 0 ? 'invalid' : null;
  try {
    return decode(headers, body);
  } catch (error) {
    if (error instanceof NimbusError) return 'invalid';
    throw error;
  }
}

const encodeHeader = (value: string): string =>
  value.replace(NOT_PLAIN, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );

/** The event in binary mode: headers for its attributes; the body is its data as it came. */
export function encodeHeaders(event: BrokerEvent): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.attributes)) {
    if (name === 'datacontenttype') headers['content-type'] = String(value);
    else headers[`ce-${name}`] = encodeHeader(String(value));
  }
  return headers;
}

/** The event as a JSON document, for people and for whoever rebuilds a history from the log. */
export function toStructured(event: BrokerEvent): Record<string, unknown> {
  const { attributes, data } = event;
  if (data === null) return { ...attributes };
  if (isJson(String(attributes['datacontenttype'] ?? ''))) {
    try {
      return { ...attributes, data: parseJson(Buffer.from(data).toString()) };
    } catch {
      // Declared as JSON and none, or too deep to be written again: shown as the bytes that it is.
    }
  }
  return { ...attributes, data_base64: Buffer.from(data).toString('base64') };
}
