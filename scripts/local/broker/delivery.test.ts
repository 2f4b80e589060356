import { isRetried } from '#shared/adapters/http.ts';
import { expect, test } from 'vitest';
import type { Delivery } from '../manifests/index.ts';
import { deadLetter, deliver, type Answer } from './delivery.ts';
import { backoffMs } from './retry.ts';

const event = {
  attributes: { specversion: '1.0', id: '1', source: '/s', type: 't' },
  data: Buffer.from('{}'),
};
const DELIVERY: Delivery = {
  retry: 3,
  backoffPolicy: 'exponential',
  backoffDelayMs: 100,
  timeoutMs: 1000,
  deadLetterSink: null,
};
const answer = (status: number, body = '', headers = {}): Answer => ({
  status,
  headers,
  body: Buffer.from(body),
});
const silence: Answer = { status: null, reason: 'no answer within 1000 ms' };
const REPLY = { 'ce-specversion': '1.0', 'ce-id': '2', 'ce-source': '/r', 'ce-type': 'r' };

/** Runs a delivery on a clock that only sleeping moves; each request takes `tookMs`. */
async function timeline(answers: readonly Answer[], delivery: Partial<Delivery> = {}, tookMs = 0) {
  let nowMs = 0;
  const sentAtMs: number[] = [];
  const reasons: string[] = [];
  const outcome = await deliver(
    event,
    { url: 'http://x', delivery: { ...DELIVERY, ...delivery } },
    {
      send: () => {
        sentAtMs.push(nowMs);
        nowMs += tookMs;
        return Promise.resolve(answers[sentAtMs.length - 1] ?? silence);
      },
      sleep: (ms) => {
        nowMs += ms;
        return Promise.resolve();
      },
    },
    (reason) => reasons.push(reason),
  );
  return { outcome, sentAtMs, reasons };
}

test.each<[what: string, delivery: Partial<Delivery>, tookMs: number, sentAtMs: number[]]>([
  ['exponential: delay × 2ⁿ', {}, 0, [0, 200, 600, 1400]],
  ['linear: delay × n', { backoffPolicy: 'linear' }, 0, [0, 100, 300, 600]],
  ['the wait begins at the answer', { backoffPolicy: 'linear' }, 50, [0, 150, 400, 750]],
  ['no retry is one try', { retry: 0 }, 0, [0]],
])('retries, %s', async (_what, delivery, tookMs, sentAtMs) => {
  const run = await timeline([silence, silence, silence, silence], delivery, tookMs);
  expect(run.sentAtMs).toEqual(sentAtMs);
  expect(run.outcome).toMatchObject({ ok: false, retries: sentAtMs.length - 1 });
});

test.each<[status: number, tries: number]>([
  [200, 1],
  [202, 1],
  [204, 1],
  [300, 1],
  [301, 1],
  [400, 1],
  [401, 1],
  [404, 4],
  [408, 4],
  [409, 4],
  [410, 1],
  [415, 1],
  [422, 1],
  [429, 4],
  [500, 4],
  [503, 4],
])('an answer of %i is tried %i times', async (status, tries) => {
  const run = await timeline([status, status, status, status].map((each) => answer(each)));
  expect(run.sentAtMs).toHaveLength(tries);
  expect(run.outcome.ok).toBe(status < 300);
});

test('every status is final or tried again, as in the specification', () => {
  const retried = Array.from({ length: 500 }, (_, n) => n + 100).filter(isRetried);
  expect(retried.slice(0, 4)).toEqual([404, 408, 409, 429]);
  expect(retried.slice(4)).toEqual(Array.from({ length: 100 }, (_, n) => n + 500));
});

test('success after two failures carries the reply, and each retry its reason', async () => {
  const busy = answer(503, '{"detail":"warming up"}');
  const run = await timeline([busy, silence, answer(200, '{"a":1}', REPLY)]);
  expect(run.outcome).toMatchObject({ ok: true, retries: 2, reply: { attributes: { id: '2' } } });
  expect(run.reasons).toEqual(['answered 503: warming up', 'no answer within 1000 ms']);
});

test('200 with a body that is no event fails at once: the dead letter says so', async () => {
  const run = await timeline([answer(200, '{"ok":true}', { 'content-type': 'application/json' })]);
  expect(run.sentAtMs).toEqual([0]);
  expect(run.outcome).toMatchObject({
    ok: false,
    failure: { status: 200, reason: expect.stringContaining('not one CloudEvent') as string },
  });
});

test('a dead letter names destination, status, the answer in Base64 and kne- headers', () => {
  const letter = deadLetter(event, 'http://decider.ns.svc.cluster.local', {
    status: 422,
    reason: 'x',
    headers: { 'kne-why': 'because', other: 'no' },
    body: Buffer.from('a'.repeat(2000)),
  });
  expect(letter.attributes).toEqual({
    ...event.attributes,
    knativeerrordest: 'http://decider.ns.svc.cluster.local',
    knativeerrorcode: 422,
    knativeerrordata: Buffer.from('a'.repeat(1024)).toString('base64'),
    why: 'because',
  });
  expect(letter.data).toBe(event.data);
});

test('without an answer there is no code, and the reason stands in the data', () => {
  const failure = { status: null, reason: 'refused', headers: {}, body: new Uint8Array() };
  const { attributes } = deadLetter(event, 'http://x', failure);
  expect(attributes).not.toHaveProperty('knativeerrorcode');
  expect(attributes).toMatchObject({
    knativeerrordata: Buffer.from('refused').toString('base64'),
  });
});

test('back-off grows as the policy says', () => {
  const linear = { backoffPolicy: 'linear', backoffDelayMs: 50 } as const;
  expect([1, 2, 3].map((n) => backoffMs(linear, n))).toEqual([50, 100, 150]);
  const exponential = { backoffPolicy: 'exponential', backoffDelayMs: 50 } as const;
  expect([1, 2, 3].map((n) => backoffMs(exponential, n))).toEqual([100, 200, 400]);
});
