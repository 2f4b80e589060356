import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NimbusError } from '#shared/errors.ts';
import {
  decode,
  decodeReply,
  encodeHeaders,
  toStructured,
  type BrokerEvent,
} from './cloudevent.ts';
import { murmur2, partitionOf } from './partition.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };
const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const document = { specversion: '1.0', id: '1', source: '/s', type: 't' };

const refusal = (headers: Record<string, string>, body = ''): NimbusError => {
  try {
    decode(headers, bytes(body));
  } catch (error) {
    if (error instanceof NimbusError) return error;
    throw error;
  }
  throw new Error('it was accepted');
};

const DEEP = '['.repeat(200_000) + ']'.repeat(200_000);

test('binary mode: headers are attributes, the body is passed on byte for byte', () => {
  const headers = { ...binary, 'ce-subject': 'a%20b%C3%BC', 'content-type': 'application/json' };
  const event = decode(headers, bytes('{ "a" : 1 }'));
  expect(event.attributes).toEqual({
    ...document,
    subject: 'a bü',
    datacontenttype: 'application/json',
  });
  expect(Buffer.from(event.data ?? []).toString()).toBe('{ "a" : 1 }');
});

test.each([
  ['"a b"', 'a b'],
  ['"a \\"b\\" %C3%BC"', 'a "b" ü'],
  ['"a', '"a'],
  ['a "b"', 'a "b"'],
  ['50%', '50%'],
])('a header value of %s is read as %s', (text, subject) => {
  const { attributes } = decode({ ...binary, 'ce-subject': text }, new Uint8Array());
  expect(attributes['subject']).toBe(subject);
});

test.each<[what: string, fields: object, data: string | null, type: string | undefined]>([
  ['an object', { data: { a: 1 } }, '{"a":1}', 'application/json'],
  ['null', { data: null }, 'null', 'application/json'],
  ['a string as JSON', { data: 'x' }, '"x"', 'application/json'],
  ['a string as text', { data: 'x', datacontenttype: 'text/plain' }, 'x', 'text/plain'],
  ['Base64', { data_base64: 'AAEC' }, '\u0000\u0001\u0002', undefined],
  ['none', {}, null, undefined],
  ['attributes that are null', { subject: null }, null, undefined],
])('structured mode with data: %s', (_what, fields, data, type) => {
  const event = decode(structured, bytes(JSON.stringify({ ...document, ...fields })));
  expect(event.data && Buffer.from(event.data).toString()).toBe(data);
  expect(event.attributes['datacontenttype']).toBe(type);
  expect(event.attributes).not.toHaveProperty('subject');
});

test.each<
  [what: string, headers: Record<string, string>, body: string, status: number, path: string]
>([
  ['no CloudEvent at all', {}, 'hello', 400, 'specversion'],
  ['a missing id', { ...binary, 'ce-id': '' }, '', 400, 'id'],
  ['another version', { ...binary, 'ce-specversion': '0.3' }, '', 400, 'specversion'],
  ['a time that is none', { ...binary, 'ce-time': 'yesterday' }, '', 400, 'time'],
  ['a source that is no URI', { ...binary, 'ce-source': 'http://[' }, '', 400, 'source'],
  ['a wrong attribute name', { ...binary, 'ce-a_b': 'x' }, '', 400, 'a_b'],
  ['__proto__', { ...binary, 'ce-__proto__': 'x' }, '', 400, '__proto__'],
  ['data deeper than any', { ...binary, 'content-type': 'application/json' }, DEEP, 400, 'data'],
  ['a document deeper than any', structured, `{"id":${DEEP}}`, 400, 'body'],
  ['data that is no JSON', { ...binary, 'content-type': 'application/json' }, '{', 400, 'data'],
  ['a body that is no JSON', structured, '{', 400, 'body'],
  ['a list', structured, '[]', 400, 'body'],
  ...['text/plain; x=é', 'text/plain; x=€', 'text/plain; x=\u0001'].map(
    (datacontenttype): [string, Record<string, string>, string, number, string] => [
      `a media type that no header may hold (${JSON.stringify(datacontenttype)})`,
      structured,
      JSON.stringify({ ...document, datacontenttype, data: 'x' }),
      400,
      'datacontenttype',
    ],
  ),
  ['an attribute that is an object', structured, JSON.stringify({ ...document, x: {} }), 400, 'x'],
  ['an id that is a number', structured, JSON.stringify({ ...document, id: 5 }), 400, 'id'],
  [
    'a type that is a boolean',
    structured,
    JSON.stringify({ ...document, type: true }),
    400,
    'type',
  ],
  ['a fraction', structured, JSON.stringify({ ...document, x: 1.5 }), 400, 'x'],
  [
    'both kinds of data',
    structured,
    JSON.stringify({ ...document, data: 1, data_base64: '' }),
    400,
    'data_base64',
  ],
  [
    'wrong Base64',
    structured,
    JSON.stringify({ ...document, data_base64: '?' }),
    400,
    'data_base64',
  ],
  ['a batch', { 'content-type': 'application/cloudevents-batch+json' }, '[]', 415, ''],
  ['another format', { 'content-type': 'application/cloudevents+xml' }, '', 415, ''],
])('%s is refused with the place', (_what, headers, body, status, path) => {
  const error = refusal(headers, body);
  expect(error.status).toBe(status);
  expect(error.fields.map((field) => field.path)).toEqual(
    path === '' ? [] : expect.arrayContaining([path]),
  );
});

test('any headers and any body are read or refused, never more than that', () => {
  const names = fc.constantFrom('ce-id', 'ce-source', 'ce-type', 'ce-time', 'ce-x', 'content-type');
  const values = fc.oneof(
    fc.string(),
    fc.constantFrom('application/json', 'application/cloudevents+json', '1.0', '%E0%A4%A'),
  );
  const bodies = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytes));
  fc.assert(
    fc.property(fc.dictionary(names, values), bodies, fc.boolean(), (headers, body, complete) => {
      try {
        decode({ ...(complete ? binary : {}), ...headers }, body);
      } catch (error) {
        expect(error).toBeInstanceOf(NimbusError);
      }
    }),
    { numRuns: 500 },
  );
});

test('an event arrives as it was sent, for any text in it', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, text, fc.uint8Array({ minLength: 1 }), (id, subject, data) => {
      const event: BrokerEvent = {
        attributes: { ...document, id, subject, datacontenttype: 'application/octet-stream' },
        data,
      };
      const headers = encodeHeaders(event);
      for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
      expect(decode(headers, data)).toEqual(event);
    }),
  );
});

test.each<
  [what: string, headers: Record<string, string>, body: string, reply: 'none' | 'event' | 'invalid']
>([
  ['nothing', {}, '', 'none'],
  ['one event', binary, '', 'event'],
  ['one event, structured', structured, JSON.stringify(document), 'event'],
  ['a plain answer', { 'content-type': 'application/json' }, '{"ok":true}', 'invalid'],
  ['half an event', { 'ce-specversion': '1.0' }, '', 'invalid'],
  ['a broken document', structured, '{', 'invalid'],
])("a subscriber's answer: %s", (_what, headers, body, reply) => {
  const read = decodeReply(headers, bytes(body));
  expect(read === null ? 'none' : read === 'invalid' ? read : 'event').toBe(reply);
});

test('an attribute may have the name of what every object inherits', () => {
  const { attributes } = decode({ ...binary, 'ce-constructor': 'x' }, bytes(''));
  expect(attributes['constructor']).toBe('x');
});

test('data that is no JSON is shown as Base64', () => {
  const attributes = { ...document, datacontenttype: 'application/json' };
  expect(toStructured({ attributes, data: bytes('{"a":1}') })).toEqual({
    ...attributes,
    data: { a: 1 },
  });
  expect(toStructured({ attributes, data: bytes('{') })).toEqual({
    ...attributes,
    data_base64: 'ew==',
  });
});

test('data too deep to be written as JSON is shown as Base64', () => {
  const attributes = { ...document, datacontenttype: 'application/json' };
  const shown = toStructured({ attributes, data: bytes(DEEP) });
  expect(Object.keys(shown)).toContain('data_base64');
});

// The vectors of Kafka's own tests (UtilsTest.testMurmur2).
test.each<[string, number]>([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])("murmur2 of %s is Kafka's", (text, hash) => {
  expect(murmur2(bytes(text))).toBe(hash);
});

test('keys spread over all partitions and a key stays in its own', () => {
  const used = new Set(Array.from({ length: 500 }, (_, n) => partitionOf(`uid-${n}`, 10)));
  expect([...used].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(partitionOf('uid-1', 10)).toBe(partitionOf('uid-1', 10));
});
