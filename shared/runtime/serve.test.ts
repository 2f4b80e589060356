import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { NimbusError } from '../errors.ts';
import { defineEvent, type UnknownEvent } from '../events/index.ts';
import { createApp } from './app.ts';
import { decodeEvent } from './envelope.ts';
import { on, type FunctionSpec } from './function.ts';
import { readJson } from './json-body.ts';

const Asked = defineEvent('io.test.asked.v1', z.object({ n: z.number().max(10) }));
const Answered = defineEvent('io.test.answered.v1', z.object({ n: z.number() }));
type Handle = (n: number) => Promise<number | undefined>;

const spec = (handle: Handle): FunctionSpec => ({
  name: 'doubler',
  accepts: [
    on(Asked, async (event): Promise<UnknownEvent | undefined> => {
      const n = await handle(event.data.n);
      if (n === undefined) return undefined;
      return Answered.build({ id: `${event.id}.x`, source: '/t', subject: 'a b/ü' }, { n });
    }),
  ],
  routes(app) {
    app.post('/json', async (c) => {
      const body = await readJson(c, z.object({ n: z.number().min(1) }), 'request');
      return c.json(body);
    });
  },
});
const double: Handle = (n) => Promise.resolve(n * 2);
const BINARY = {
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': '/test',
  'ce-type': 'io.test.asked.v1',
  'content-type': 'application/json',
};
const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const asked = (extra: object = {}) =>
  JSON.stringify({
    specversion: '1.0',
    id: 'e1',
    source: '/test',
    type: 'io.test.asked.v1',
    datacontenttype: 'application/json',
    data: { n: 2 },
    ...extra,
  });
const post = (headers: Record<string, string>, body: string, handle = double) =>
  createApp(spec(handle)).request('/', { method: 'POST', headers, body });

test.each([
  [
    'binary',
    { ...BINARY, 'ce-traceparent': `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    '{"n":2}',
  ],
  ['structured', STRUCTURED, asked({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })],
])(
  'a %s event is answered 200 with one binary event of the same trace',
  async (_mode, headers, body) => {
    const response = await post(headers, body);

    expect(response.status).toBe(200);
    expect(response.headers.get('ce-id')).toBe('e1.x');
    expect(response.headers.get('ce-type')).toBe('io.test.answered.v1');
    expect(response.headers.get('ce-specversion')).toBe('1.0');
    expect(response.headers.get('ce-subject')).toBe('a%20b/%C3%BC');
    expect(response.headers.get('ce-traceparent')).toBe(
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    );
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ n: 4 });
  },
);

test('an event without a trace starts one that a redelivery starts again', async () => {
  const first = await post(BINARY, '{"n":2}');
  const again = await post(BINARY, '{"n":2}');

  expect(first.headers.get('ce-traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(again.headers.get('ce-traceparent')).toBe(first.headers.get('ce-traceparent'));
});

test.each([
  ['no id of a trace', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['no id of a span', `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`],
  ['version ff', `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['upper case', `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['no traceparent at all', 'x'],
])('%s is not passed along: a trace of its own is started', async (_what, traceparent) => {
  const response = await post({ ...BINARY, 'ce-traceparent': traceparent }, '{"n":2}');
  const unsent = await post(BINARY, '{"n":2}');

  expect(response.status).toBe(200);
  expect(response.headers.get('ce-traceparent')).toBe(unsent.headers.get('ce-traceparent'));
});

test('an attribute that is null counts as not set', async () => {
  const event = asked({ subject: null, time: null, traceparent: null, ext: null });
  const response = await post(STRUCTURED, event);

  expect(response.status).toBe(200);
  const time = expect.any(String) as string; // the library's own where none is set
  expect(decodeEvent(STRUCTURED, event)).toEqual({ ...decodeEvent(STRUCTURED, asked()), time });
});

test('nothing to say is 204 with an empty body', async () => {
  const response = await post(BINARY, '{"n":2}', () => Promise.resolve(undefined));

  expect(response.status).toBe(204);
  expect(await response.text()).toBe('');
});

const WRONG = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`A${n}`, 1]));
const DEEP = '['.repeat(200_000) + ']'.repeat(200_000);

test.each<
  [what: string, status: number, says: string, headers: Record<string, string>, body: string]
>([
  ['no event at all', 400, 'no CloudEvent', { 'content-type': 'application/json' }, '{}'],
  ['no id', 400, 'id: Too small', { ...BINARY, 'ce-id': '' }, '{"n":1}'],
  ['version 0.3', 400, 'specversion', { ...BINARY, 'ce-specversion': '0.3' }, '{"n":1}'],
  ['a bad time', 400, 'time', { ...BINARY, 'ce-time': 'yesterday' }, '{"n":1}'],
  ['a bad name', 400, 'attribute names', { ...BINARY, 'ce-my_ext': 'x' }, '{"n":1}'],
  ['broken JSON', 400, 'malformed JSON', BINARY, '{"n":'],
  ['JSON without a floor', 400, '100 levels', BINARY, `{"n":${DEEP}}`],
  ['an attribute without a floor', 400, '100 levels', STRUCTURED, `{"id":${DEEP}}`],
  ['a structured list', 400, 'JSON object', STRUCTURED, '[]'],
  ['more wrong attributes than can be named', 400, 'A0: attribute', STRUCTURED, asked(WRONG)],
  ['broken structured JSON', 400, 'malformed JSON', STRUCTURED, '{'],
  ['an attribute that is a list', 400, 'ext: must be a', STRUCTURED, asked({ ext: ['a'] })],
  ['an id that is null', 400, 'id: Invalid', STRUCTURED, asked({ id: null })],
  ['structured without source', 400, 'source', STRUCTURED, asked({ source: undefined })],
  ['a batch', 415, 'batches', { 'content-type': 'application/cloudevents-batch+json' }, '[]'],
  ['XML data', 415, 'application/json', { ...BINARY, 'content-type': 'text/xml' }, '<n/>'],
  ['base64 data', 415, 'data_base64', STRUCTURED, asked({ data: undefined, data_base64: 'AA==' })],
  ['an unknown type', 422, 'doubler accepts', { ...BINARY, 'ce-type': 'io.other.v1' }, '{"n":1}'],
  ['a wrong field', 422, 'data.n: Too big', BINARY, '{"n":11}'],
  ['a missing field', 422, 'data.n', BINARY, '{}'],
  ['a body over 1 MiB', 413, '1048576', BINARY, JSON.stringify({ n: 1, x: 'x'.repeat(1_048_577) })],
  [
    'a stated length over 1 MiB',
    413,
    '1048576',
    { ...BINARY, 'content-length': '1048577' },
    '{"n":1}',
  ],
])('%s is refused with %i', async (_what, status, says, headers, body) => {
  const response = await post(headers, body);

  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as { status: number; detail: string };
  expect(problem.detail).toContain(says);
  expect([response.status, problem.status]).toEqual([status, status]);
});

test.each([
  [new NimbusError('target.conflict', 'changed'), 409, 'changed'],
  [new NimbusError('upstream.throttled', 'slow down'), 429, 'slow down'],
  [new NimbusError('upstream.unavailable', 'away'), 503, 'away'],
  [new NimbusError('action.refused', 'no'), 422, 'no'],
  [new Error('secret detail'), 500, 'its log says why'],
])('%s of a handler becomes %i', async (error, status, detail) => {
  const response = await post(BINARY, '{"n":1}', () => Promise.reject(error));

  expect(response.status).toBe(status);
  const body = await response.text();
  expect(body).toContain(detail);
  expect(body).not.toContain('secret');
});

test.each([
  ['many wrong fields', 60, 'n: too many'],
  ['a long reason', 0, 'ü"'.repeat(800)],
])('a refusal of an event fits into a dead letter: %s', async (_what, count, detail) => {
  const fields = Array.from({ length: count }, (_, n) => ({ path: `n[${n}]`, message: 'wrong' }));
  const response = await post(BINARY, '{"n":2}', () => {
    throw new NimbusError('event.unusable', detail, { fields });
  });
  const text = await response.text();

  expect(response.status).toBe(422);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(768);
  const said = (JSON.parse(text) as { detail: string }).detail;
  expect(detail.startsWith(said.replace('…', ''))).toBe(true);
});

test('a duplicate gets the same reply and does the work once, also while the first still runs', async () => {
  const handle = vi.fn<Handle>((n) => new Promise((resolve) => setTimeout(() => resolve(n), 5)));
  const app = createApp(spec(handle));
  const send = () => app.request('/', { method: 'POST', headers: BINARY, body: '{"n":3}' });

  const replies = await Promise.all([send(), send()]);
  replies.push(await send());

  expect(handle).toHaveBeenCalledTimes(1);
  expect(await Promise.all(replies.map((r) => r.text()))).toEqual(Array(3).fill('{"n":3}'));
  const metrics = await (await app.request('/metrics')).text();
  expect(metrics).toContain(
    'nimbusguard_function_events_total{type="io.test.asked.v1",outcome="duplicate"} 2',
  );
});

test('a failed event is handled anew when it is delivered again', async () => {
  const handle = vi
    .fn<Handle>()
    .mockRejectedValueOnce(new NimbusError('upstream.unavailable', 'away'))
    .mockResolvedValueOnce(5);
  const app = createApp(spec(handle));
  const send = () => app.request('/', { method: 'POST', headers: BINARY, body: '{"n":3}' });

  expect((await send()).status).toBe(503);
  expect((await send()).status).toBe(200);
});

test.each([
  ['json', 'application/json', '{"n":1}', 200],
  ['what curl -d says it sends', 'application/x-www-form-urlencoded', '{"n":1}', 200],
  ['text', 'text/plain', '{"n":1}', 415],
  ['broken JSON', 'application/json', '{n}', 400],
  ['a wrong value', 'application/json', '{"n":0}', 400],
])('a route with a JSON body: %s (%s %s) is %i', async (_what, type, body, status) => {
  const response = await createApp(spec(double)).request('/json', {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });

  expect(response.status).toBe(status);
});

test('health, readiness with its reason, unknown routes', async () => {
  const app = createApp({ ...spec(double), ready: () => Promise.reject(new Error('no cluster')) });

  expect((await app.request('/healthz')).status).toBe(200);
  const ready = await app.request('/readyz');
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('no cluster');
  expect((await app.request('/nowhere')).status).toBe(404);
});

test('a route that is there with another method says which', async () => {
  const answer = await createApp(spec(double)).request('/readyz', { method: 'DELETE' });
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, HEAD');
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.json()).toMatchObject({
    status: 405,
    detail: 'DELETE /readyz: must be GET, HEAD',
  });
});
