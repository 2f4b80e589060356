import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NimbusError } from '../errors.ts';
import { AlertRaised, Ping, type UnknownEvent } from '../events/index.ts';
import { on, type Accept } from './function.ts';
import { createApp } from './serve.ts';

const app = createApp({
  name: 'shop',
  accepts: [on(AlertRaised, () => Promise.resolve(undefined))],
});

const text = fc.string({ unit: 'binary', maxLength: 40 });
const header = fc
  .oneof(fc.constantFrom('1.0', AlertRaised.type, '', 'a%zz', 'ü'), text)
  .map((value) => encodeURIComponent(value.toWellFormed()));
const headers = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/cloudevents+json',
      'application/cloudevents-batch+json',
      'application/cloudevents+xml',
      'text/plain',
    ),
    'ce-specversion': fc.oneof(fc.constant('1.0'), header),
    'ce-id': header,
    'ce-source': header,
    'ce-type': fc.oneof(fc.constant(AlertRaised.type), header),
    'ce-time': header,
    'ce-partitionkey': header,
    traceparent: header,
  },
  { requiredKeys: [] },
);
const structured = fc.record(
  {
    specversion: fc.oneof(fc.constant('1.0'), fc.jsonValue()),
    id: fc.oneof(fc.constant('a1'), fc.jsonValue()),
    source: fc.oneof(fc.constant('/test'), fc.jsonValue()),
    type: fc.oneof(fc.constant(AlertRaised.type), fc.jsonValue()),
    data: fc.jsonValue(),
    data_base64: fc.string(),
  },
  { requiredKeys: ['specversion', 'id', 'source', 'type'] },
);
const body = fc.oneof(
  text,
  fc.json(),
  structured.map((event) => JSON.stringify(event)),
);

test('whatever is sent to the event route, the answer is 204 or a problem, never a 500', async () => {
  await fc.assert(
    fc.asyncProperty(headers, body, async (given, sent) => {
      const response = await app.request('/', { method: 'POST', headers: given, body: sent });
      expect([204, 400, 415, 422]).toContain(response.status);
      if (response.status === 204) return;
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      const problem = (await response.json()) as { detail: string };
      expect(problem.detail.length).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

const PING: Record<string, string> = {
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': '/test',
  'ce-type': Ping.type,
};
const REPLY: UnknownEvent = {
  specversion: '1.0',
  id: 'r1',
  source: '/t',
  type: 'io.test.answered.v1',
  data: {},
};
const refuse = (error: Error) => () => Promise.reject(error);

test.each<[what: string, handle: Accept['handle'], outcome: string]>([
  ['a reply', () => Promise.resolve(REPLY), 'replied'],
  ['nothing', () => Promise.resolve(undefined), 'empty'],
  ['a conflict', refuse(new NimbusError('target.conflict', 'changed')), 'retry'],
  ['a throttle', refuse(new NimbusError('upstream.throttled', 'slow')), 'retry'],
  ['an outage', refuse(new NimbusError('upstream.unavailable', 'away')), 'retry'],
  ['a refusal', refuse(new NimbusError('action.refused', 'no')), 'refused'],
  ['a bug', refuse(new Error('secret')), 'failed'],
])('an event that ends in %s is counted and timed as such', async (_what, handle, outcome) => {
  const served = createApp({ name: 'shop', accepts: [{ type: Ping.type, handle }] });
  await served.request('/', { method: 'POST', headers: PING });
  const metrics = await (await served.request('/metrics')).text();

  const counted = metrics.match(/nimbusguard_function_events_total\{.*/g);
  expect(counted).toEqual([
    `nimbusguard_function_events_total{type="${Ping.type}",outcome="${outcome}"} 1`,
  ]);
  expect(metrics).toMatch(
    /nimbusguard_function_[a-z_]*_count\{type="dev.knative.sources.ping"\} 1/,
  );
});

test('of the replies of long ago none is kept: memory has an end', async () => {
  const handled: string[] = [];
  const handle: Accept['handle'] = (event) => {
    handled.push(event.id);
    return Promise.resolve(undefined);
  };
  const served = createApp({ name: 'shop', accepts: [{ type: Ping.type, handle }] });
  const send = (id: string) =>
    served.request('/', { method: 'POST', headers: { ...PING, 'ce-id': id } });
  for (let n = 0; n < 513; n++) await send(`e${n}`);
  handled.length = 0;
  for (const id of ['e512', 'e1', 'e0']) await send(id);

  expect(handled).toEqual(['e0']); // 512 are remembered
});

test('who takes every type counts them under one label', async () => {
  const handle = () => Promise.resolve(undefined);
  const served = createApp({ name: 'all', accepts: [{ type: 'io.test.*', handle }] });
  for (const type of ['io.test.a', 'io.test.b']) {
    await served.request('/', {
      method: 'POST',
      headers: { ...PING, 'ce-id': type, 'ce-type': type },
    });
  }
  const metrics = await (await served.request('/metrics')).text();

  expect(metrics).toContain('events_total{type="io.test.*",outcome="empty"} 2');
  expect(metrics).not.toContain('io.test.a');
});

test('types that nobody knows share one label, whatever is sent', async () => {
  const served = createApp({
    name: 'shop',
    accepts: [
      on(AlertRaised, () => Promise.resolve(undefined)),
      on(Ping, () => Promise.resolve(undefined)),
    ],
  });
  for (const type of ['io.a', 'io.b', AlertRaised.type]) {
    await served.request('/', { method: 'POST', headers: { ...PING, 'ce-type': type } });
  }
  const metrics = await (await served.request('/metrics')).text();

  expect(metrics).toContain('events_total{type="unknown",outcome="refused"} 2');
  expect(metrics).toContain(`events_total{type="${AlertRaised.type}",outcome="refused"} 1`);
});

test('a type that ends in * takes every type of that beginning, and no other', async () => {
  const handle = () => Promise.resolve(undefined);
  const served = createApp({ name: 'all', accepts: [{ type: 'io.test.*', handle }] });
  const statusOf = async (type: string) =>
    (await served.request('/', { method: 'POST', headers: { ...PING, 'ce-type': type } })).status;

  expect(await statusOf('io.test.asked.v1')).toBe(204);
  expect(await statusOf('io.other.v1')).toBe(422);
});

test('what breaks because the process is stopped comes again: it is no bug', async () => {
  const abort = new AbortController();
  const handle: Accept['handle'] = (_event, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('socket closed')));
      abort.abort();
    });
  const spec = { name: 'shop', accepts: [{ type: Ping.type, handle }] };
  const served = createApp(spec, { abort: abort.signal });

  expect((await served.request('/', { method: 'POST', headers: PING })).status).toBe(503);
});
