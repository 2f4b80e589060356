import { afterAll, beforeAll, expect, test } from 'vitest';
import { StateObserved, type UnknownEvent } from '#shared/events/index.ts';
import { listenTo, type Running } from '#shared/runtime/serve.ts';
import { anOperator, delivery, firstBeats } from './testing/harness.ts';
import { Batch } from './view.ts';

let running: Running;
let base: string;
const events = firstBeats(30);

beforeAll(async () => {
  running = await listenTo(anOperator({ nowMs: Date.now }), {
    port: 0,
    host: '127.0.0.1',
    logLevel: 'silent',
  });
  base = `http://127.0.0.1:${String(running.port)}`;
});
afterAll(() => running.stop());

const deliver = async (from: number, to: number): Promise<void> => {
  for (const event of events.slice(from, to)) {
    const { headers, method } = delivery(event);
    const answer = await fetch(base, { method, headers, body: JSON.stringify(event) });
    expect(answer.status).toBe(204);
  }
};

interface Message {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

const parse = (text: string): Message => {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { event: field('event'), id: field('id'), data: field('data') };
};

/** Reads messages until `enough` says so, then leaves. */
async function read(
  headers: Record<string, string>,
  enough: (seen: Message[]) => boolean,
  query = '',
): Promise<Message[]> {
  const leave = new AbortController();
  const signal = AbortSignal.any([leave.signal, AbortSignal.timeout(10_000)]);
  const answer = await fetch(`${base}/api/stream${query}`, { headers, signal });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const seen: Message[] = [];
  let text = '';
  for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream() as never,
  )) {
    text += String(chunk);
    const whole = text.split('\n\n');
    text = whole.pop() ?? '';
    seen.push(...whole.map(parse).filter(({ event }) => event !== ''));
    if (enough(seen)) break;
  }
  leave.abort();
  return seen;
}

const rowsOf = (messages: readonly Message[]): number[] =>
  messages
    .filter(({ event }) => event === 'batch')
    .flatMap(({ data }) => Batch.parse(JSON.parse(data)).points ?? [])
    .flatMap(({ series }) => series.atMs);

const beatsOf = (from: number, to: number): number[] =>
  events
    .slice(from, to)
    .filter(({ type }) => type.includes('state.observed'))
    .map(({ data }) => (data as { observedAtMs: number }).observedAtMs);

test('a reader that comes back with Last-Event-ID misses nothing and gets nothing twice', async () => {
  const first = read({}, (seen) => rowsOf(seen).length >= beatsOf(0, 12).length);
  await deliver(0, 12);
  const before = await first;
  await deliver(12, 24); // nobody reads
  const rest = beatsOf(12, 36).length;
  const second = read(
    { 'last-event-id': before.at(-1)?.id ?? '' },
    (seen) => rowsOf(seen).length >= rest,
  );
  await deliver(24, 36);
  expect([...rowsOf(before), ...rowsOf(await second)]).toEqual(beatsOf(0, 36));
});

test.each(['other-7', 'x', '', 'mabc-999999'])(
  'the unknown id %j is told to start over',
  async (id) => {
    const [message] = await read({ 'last-event-id': id }, (seen) => seen.length > 0);
    expect(message?.event).toBe('reset');
  },
);

test('a burst of events arrives in at most two batches a second', async () => {
  const started = performance.now();
  const reading = read({}, (seen) => rowsOf(seen).length >= beatsOf(36, events.length).length);
  await deliver(36, events.length);
  const batches = (await reading).filter(({ event }) => event === 'batch');
  expect(batches.length).toBeGreaterThan(0);
  expect(batches.length).toBeLessThanOrEqual((performance.now() - started) / 500 + 1);
});

test('the stream of one target holds nothing of another', async () => {
  const answer = await fetch(`${base}/api/stream?target=other%2Ftarget&from=x`, {
    signal: AbortSignal.timeout(5000),
  });
  const reader = answer.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value as Uint8Array)).toContain('event: reset');
  await reader?.cancel();
});

test('requests for the headers of the stream take no place of a reader', async () => {
  for (let n = 0; n < 70; n++) {
    const answer = await fetch(`${base}/api/stream`, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
  }
  expect(await read({ 'last-event-id': 'x' }, (seen) => seen.length > 0)).toHaveLength(1);
});

/** The newest observation as that of another policy. */
const another = (policy: string, change: object): UnknownEvent => {
  const last = events.findLast(({ type }) => type === StateObserved.type)!;
  const { data } = StateObserved.parse(last);
  const observedAtMs = data.observedAtMs + 1000;
  const named = { ...data.policy, name: policy, uid: policy };
  return { ...last, id: policy, data: { ...data, observedAtMs, policy: named, ...change } };
};

const send = async (event: UnknownEvent): Promise<void> => {
  const { headers, method } = delivery(event);
  await fetch(base, { method, headers, body: JSON.stringify(event) });
};

const batchesOf = (messages: readonly Message[]): Batch[] =>
  messages
    .filter(({ event }) => event === 'batch')
    .map(({ data }) => Batch.parse(JSON.parse(data)));

test('the reader of one target hears of another that is new, by name and state alone', async () => {
  const heard = (seen: Message[]): boolean => batchesOf(seen).some(({ ids }) => ids !== undefined);
  const reading = read({}, heard, '?target=nimbusguard%2Fconsumer-workload');
  const { target } = StateObserved.parse(events[0]!).data;
  await send(another('of-web', { target: { ...target, name: 'web', uid: 'web' } }));
  const batches = batchesOf(await reading);
  expect(batches.at(-1)?.ids).toEqual(['nimbusguard/consumer-workload', 'nimbusguard/web']);
  const states = batches.flatMap((batch) => batch.states ?? []);
  expect(states).toContainEqual({ id: 'nimbusguard/web', state: 'stale' });
  expect(batches.flatMap(({ targets = [], points = [] }) => [...targets, ...points])).toEqual([]);
});

test('a second policy of a target, which is not followed, says nothing in its name', async () => {
  const problem = { reason: 'Duplicate', message: 'delete one of the two' };
  const nothing = { replicas: null, readings: null, problem };
  const chain = (seen: Message[]): boolean => batchesOf(seen).some((batch) => batch.chain);
  const reading = read({}, chain, '?target=nimbusguard%2Fconsumer-workload');
  await send(another('second', nothing));
  const batches = batchesOf(await reading);
  expect(batches.flatMap(({ targets = [], points = [] }) => [...targets, ...points])).toEqual([]);
});

test('whoever loads while the log is being read loads anew once it is', async () => {
  const read = Promise.withResolvers<undefined>();
  const eventLog = {
    async replay(take: (event: UnknownEvent, atMs: number) => void): Promise<void> {
      await read.promise;
      for (const event of events) take(event, Date.now());
    },
  };
  const port = { port: 0, host: '127.0.0.1', logLevel: 'silent' } as const;
  const early = await listenTo(anOperator({ nowMs: Date.now, eventLog }), port);
  const url = `http://127.0.0.1:${String(early.port)}`;
  const { position } = (await (await fetch(`${url}/api/about`)).json()) as { position: string };
  const leave = new AbortController();
  const answer = await fetch(`${url}/api/stream?from=${position}`, { signal: leave.signal });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  read.resolve(undefined);
  expect((await reader.read()).value).toContain('event: reset');
  expect(await (await fetch(`${url}/api/targets`)).json()).toHaveLength(1);
  const loaded = (await (await fetch(`${url}/api/about`)).json()) as { position: string };
  expect(loaded.position).not.toBe(position);
  leave.abort();
  await early.stop();
});
