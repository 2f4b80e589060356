import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AlertRaised } from '../events/index.ts';
import { on } from './function.ts';
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
