import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Delivery, Filter, Trigger } from '../manifests/index.ts';
import { Broker } from './broker.ts';
import { encodeHeaders, type BrokerEvent } from './cloudevent.ts';
import type { Answer } from './delivery.ts';
import { MAX_HOPS } from './dispatcher.ts';
import { brokerApp, finish, listen, type App } from './host.ts';
import { brokerRoutes } from './ingress.ts';
import { openLogFile } from './log-file.ts';
import { EventLog } from './log.ts';
import { resolveTriggers } from './resolve.ts';

const DELIVERY: Delivery = {
  retry: 2,
  backoffPolicy: 'linear',
  backoffDelayMs: 5,
  timeoutMs: 1000,
  deadLetterSink: { kind: 'Service', namespace: 'ns', name: 'morgue', path: '/dead' },
};
const aTrigger = (name: string, type: string, more: Partial<Trigger> = {}): Trigger => ({
  name,
  namespace: 'ns',
  where: `Trigger ns/${name}`,
  broker: 'default',
  filter: { exact: { type } } satisfies Filter,
  subscriber: { kind: 'Service', namespace: 'ns', name, path: '' },
  delivery: DELIVERY,
  ordered: false,
  ...more,
});

const anEvent = (id: string, type: string, more: object = {}): BrokerEvent => ({
  attributes: { specversion: '1.0', id, source: '/test', type, ...more },
  data: null,
});
const done: Answer = { status: 204, headers: {}, body: Buffer.alloc(0) };
const status = (code: number, detail = ''): Answer => ({
  status: code,
  headers: {},
  body: Buffer.from(detail),
});
const reply = (event: BrokerEvent): Answer => ({
  status: 200,
  headers: encodeHeaders(event),
  body: event.data ?? Buffer.alloc(0),
});

type Subscriber = (event: BrokerEvent, url: string) => Answer | Promise<Answer>;
interface Sent {
  readonly to: string;
  readonly id: unknown;
  readonly event: BrokerEvent;
}

let folder = '';
let running: Running[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broker-'));
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  running = [];
  rmSync(folder, { recursive: true, force: true });
});

/** The app behind a socket, from the first request on. */
class Host {
  readonly #app: App;
  #server: Promise<Server> | undefined;

  constructor(app: App) {
    this.#app = app;
  }

  async request(path: string, init?: RequestInit): Promise<Response> {
    const server = await (this.#server ??= listen(this.#app, 0, '127.0.0.1'));
    return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init);
  }

  async close(): Promise<void> {
    if (this.#server !== undefined) await finish(await this.#server, 0);
  }
}

interface Running {
  readonly app: Host;
  readonly broker: Broker;
  readonly log: EventLog;
  readonly sent: Sent[];
  readonly ids: (to: string) => unknown[];
  readonly stop: () => Promise<void>;
}

/** A real broker on a real log; only the subscribers are scripted. */
function run(
  triggers: Trigger[],
  subscribers: Record<string, Subscriber>,
  limits = { maxAgeMs: 1e9, maxBytes: 1e8 },
): Running {
  const log = new EventLog(openLogFile(join(folder, 'b.sqlite'), Date.now()).db);
  const sent: Sent[] = [];
  const ended = new AbortController();
  const manifests = {
    brokers: [
      {
        name: 'default',
        namespace: 'ns',
        where: '',
        brokerClass: '',
        partitions: 4,
        delivery: DELIVERY,
      },
    ],
    triggers,
  };
  const names = [...triggers.map(({ name }) => name), 'morgue'];
  const addresses = Object.fromEntries(names.map((name) => [name, `http://${name}`]));
  const broker = new Broker(
    manifests,
    log,
    { limits, triggers: resolveTriggers(manifests, addresses, 'http://self') },
    {
      nowMs: () => performance.timeOrigin + performance.now(),
      sleep: (ms) => sleep(ms, undefined, { signal: ended.signal }),
      async post(url, event) {
        const to = new URL(url).host;
        sent.push({ to, id: event.attributes['id'], event });
        return (await subscribers[to]?.(event, url)) ?? done;
      },
      warn: () => undefined,
    },
  );
  broker.start();
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    ended.abort();
    await app.close();
    await broker.stop();
    log.close();
  };
  const silent = { error: () => undefined, debug: () => undefined };
  const app = new Host(brokerApp(brokerRoutes(broker, log), silent));
  const made = {
    ...{ app, broker, log, sent },
    ids: (to: string) => sent.filter((each) => each.to === to).map(({ id }) => id),
    stop: () => (stopped ??= stop()),
  };
  running.push(made);
  return made;
}

const post = (app: Host, event: BrokerEvent, path = '/ns/default') =>
  app.request(path, { method: 'POST', headers: encodeHeaders(event) });
const until = async (condition: () => boolean): Promise<void> => {
  await expect.poll(condition, { timeout: 20_000, interval: 5 }).toBe(true);
};

test('an event that cannot be stored is answered 503: whoever sent it tries again', async () => {
  const { app } = run([], {});
  const other = new DatabaseSync(join(folder, 'b.sqlite'));
  other.exec('BEGIN IMMEDIATE'); // as on a full disk, nobody can write

  const headers = encodeHeaders(anEvent('1', 'a'));
  const answer = await app.request('/ns/default', { method: 'POST', headers });
  other.close();

  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain('not stored (database is locked)');
  expect((await app.request('/ns/default', { method: 'POST', headers })).status).toBe(202);
});

test('an accepted event goes to every Trigger that wants it, with its place in the log', async () => {
  const { app, sent, ids } = run([aTrigger('a', 't'), aTrigger('b', 't'), aTrigger('c', 'u')], {});
  const response = await post(app, anEvent('1', 't', { partitionkey: 'k' }));
  expect(response.status).toBe(202);
  await until(() => sent.length === 2);
  expect([ids('a'), ids('b'), ids('c')]).toEqual([['1'], ['1'], []]);
  expect(sent[0]?.event.attributes).toMatchObject({
    knativekafkaoffset: 1,
    knativekafkapartition: expect.any(Number) as number,
  });
});

test('a reply goes back into the log and on to whoever wants it', async () => {
  const { app, ids } = run([aTrigger('first', 'a'), aTrigger('second', 'b')], {
    first: () => reply(anEvent('1.b', 'b')),
  });
  await post(app, anEvent('1', 'a'));
  await until(() => ids('second').length === 1);
  expect(ids('second')).toEqual(['1.b']);
});

test('an event that the function cannot use becomes a dead letter with the reason', async () => {
  const { app, sent, log } = run([aTrigger('a', 't')], {
    a: () => status(422, '{"detail":"data.x: expected a number"}'),
  });
  await post(app, anEvent('1', 't'));
  await until(() => sent.some(({ to }) => to === 'morgue'));
  expect(sent.filter(({ to }) => to === 'a')).toHaveLength(1);
  expect(sent.find(({ to }) => to === 'morgue')?.event.attributes).toMatchObject({
    id: '1',
    knativeerrordest: 'http://a.ns.svc.cluster.local',
    knativeerrorcode: 422,
  });
  await until(() => log.deadLetters(9).length === 1);
  expect(log.deadLetters(9)[0]).toMatchObject({
    status: 422,
    delivered: true,
    reason: 'answered 422: data.x: expected a number',
  });
});

test('a dead letter that no sink takes stays readable', async () => {
  const { app, broker } = run([aTrigger('a', 't')], {
    a: () => status(400, 'no'),
    morgue: () => status(503),
  });
  await post(app, anEvent('1', 't'));
  await until(() => JSON.stringify(broker.figures()).includes('"deadLettersUndelivered":1'));
  const response = await app.request('/internal/dead-letters');
  expect(await response.json()).toMatchObject({
    deadLetters: [{ delivered: false, trigger: 'ns/a', event: { id: '1' } }],
  });
});

test('what the dead letter sink answers is an event as any other', async () => {
  const { app, ids } = run([aTrigger('a', 't'), aTrigger('told', 'grave')], {
    a: () => status(400, 'no'),
    morgue: () => reply(anEvent('1.grave', 'grave')),
  });
  await post(app, anEvent('1', 't'));
  await until(() => ids('told').length === 1);
  expect(ids('told')).toEqual(['1.grave']);
});

test('a Trigger tells its cold starts, its last error and how its deliveries ended', async () => {
  let cold = true;
  const { app, broker, ids } = run([aTrigger('a', 't')], {
    a: ({ attributes }) => {
      if (attributes['id'] === 'bad') return status(422, 'of no use');
      const headers = cold ? { 'x-cold-start': '900' } : {};
      cold = false;
      return { ...done, headers };
    },
  });
  for (const id of ['1', '2', 'bad']) await post(app, anEvent(id, 't'));
  await until(() => ids('morgue').length === 1);
  await until(() => JSON.stringify(broker.figures()).includes('"delivered":2'));
  expect(broker.figures()).toMatchObject({
    accepted: 3,
    triggers: {
      a: {
        coldStarts: 1,
        delivered: 2,
        deadLetters: 1,
        lastError: { reason: 'answered 422: of no use' },
      },
    },
  });
});

test('what a Trigger still has to get is not trimmed, however full and old the log is', async () => {
  const { promise: never } = Promise.withResolvers<Answer>();
  const { app, broker, log, sent } = run(
    [aTrigger('a', 't', { ordered: true })],
    { a: ({ attributes }) => (attributes['id'] === '2' ? never : done) },
    { maxAgeMs: 1, maxBytes: 1e8 },
  );
  for (const id of ['1', '2', '3']) {
    await post(app, anEvent(id, 't', { partitionkey: 'k' }));
  }
  await until(() => sent.length === 2);
  await sleep(5);
  broker.trim();
  const kept = log.page({ after: 0, limit: 9, type: undefined, newestFirst: false });
  expect(kept.map(({ event }) => event.attributes['id'])).toEqual(['2', '3']);
  running = []; // what is under way never ends; nothing of it is to be waited for
});

test('cursors pass what nobody wants, and are written though nothing is delivered', async () => {
  const { app, log } = run([aTrigger('a', 't')], {});
  await post(app, anEvent('1', 'unwanted', { partitionkey: 'k' }));
  await until(() => Math.max(...log.cursors('ns/a').values()) === 1);
});

test('ordered: a record that is retried blocks its partition and no other', async () => {
  let busy = true;
  const { app, ids } = run(
    [aTrigger('a', 't', { ordered: true, delivery: { ...DELIVERY, retry: 1000 } })],
    { a: ({ attributes }) => (attributes['id'] === 'stuck' && busy ? status(503) : done) },
  );
  await post(app, anEvent('stuck', 't', { partitionkey: 'uid-1' }));
  await post(app, anEvent('behind', 't', { partitionkey: 'uid-1' }));
  await post(app, anEvent('beside', 't', { partitionkey: 'uid-4' }));
  await until(() => ids('a').includes('beside') && ids('a').length > 4);
  expect(ids('a')).not.toContain('behind');
  busy = false;
  await until(() => ids('a').includes('behind'));
});

test('unordered: a slow event holds nobody up', async () => {
  const { promise: never } = Promise.withResolvers<Answer>();
  const slow: Subscriber = ({ attributes }) => (attributes['id'] === 'slow' ? never : done);
  const { app, ids } = run([aTrigger('a', 't')], { a: slow });
  await post(app, anEvent('slow', 't', { partitionkey: 'k' }));
  await post(app, anEvent('quick', 't', { partitionkey: 'k' }));
  await until(() => ids('a').includes('quick'));
  running = []; // its slow delivery never ends; nothing of it is to be waited for
});

test('events of one key reach an ordered Trigger in the order they came', async () => {
  const { app, ids } = run([aTrigger('a', 't', { ordered: true })], {
    a: async () => (await sleep(Math.random() * 2), done),
  });
  const expected = Array.from({ length: 60 }, (_, n) => String(n));
  for (const id of expected) await post(app, anEvent(id, 't', { partitionkey: 'uid' }));
  await until(() => ids('a').length === expected.length);
  expect(ids('a')).toEqual(expected);
});

test('what was not answered at a stop is delivered by the next run, what was is not', async () => {
  const triggers = [aTrigger('a', 't', { ordered: true, delivery: { ...DELIVERY, retry: 1000 } })];
  const first = run(triggers, {
    a: ({ attributes }) => (attributes['id'] === '1' ? done : status(503)),
  });
  for (const id of ['1', '2', '3']) await post(first.app, anEvent(id, 't', { partitionkey: 'k' }));
  await until(() => first.ids('a').includes('2'));
  await first.stop();

  const second = run(triggers, {});
  await until(() => second.ids('a').length === 2);
  expect(second.ids('a')).toEqual(['2', '3']);
});

test('a new Trigger sees only what comes after it; one that goes and comes back as well', async () => {
  const first = run([aTrigger('a', 't')], {});
  await post(first.app, anEvent('1', 't'));
  await until(() => first.ids('a').length === 1);
  await first.stop();
  const second = run([aTrigger('b', 't')], {});
  await post(second.app, anEvent('2', 't'));
  await until(() => second.ids('b').length === 1);
  await second.stop();
  const third = run([aTrigger('a', 't'), aTrigger('b', 't')], {});
  await post(third.app, anEvent('3', 't'));
  await until(() => third.sent.length === 2);
  expect([second.ids('b'), third.ids('a'), third.ids('b')]).toEqual([['2'], ['3'], ['3']]);
});

test('a loop of replies ends as a dead letter', async () => {
  const { app, ids, log } = run([aTrigger('a', 't')], {
    a: ({ attributes }) => reply(anEvent(`${String(attributes['id'])}.`, 't')),
  });
  await post(app, anEvent('1', 't'));
  await until(() => ids('morgue').length === 1);
  expect(ids('a')).toHaveLength(MAX_HOPS + 1);
  await until(() => log.deadLetters(9).length === 1);
  expect(log.deadLetters(9)[0]?.reason).toContain('loop guard');
});

test('a full log answers 503 until somebody has read it', async () => {
  let asleep = true;
  const triggers = [aTrigger('a', 't', { delivery: { ...DELIVERY, retry: 1000 } })];
  const { app, broker, ids } = run(
    triggers,
    { a: () => (asleep ? status(503) : done) },
    { maxAgeMs: 1e9, maxBytes: 2000 },
  );
  const answers: number[] = [];
  for (let n = 0; n < 20; n += 1) answers.push((await post(app, anEvent(String(n), 't'))).status);
  const accepted = answers.filter((code) => code === 202).length;
  expect(answers).toContain(503);
  asleep = false;
  await until(() => new Set(ids('a')).size === accepted);
  // Answered is not yet noted: how long the cursor takes to move is the machine's affair.
  const later = async (): Promise<number> => {
    broker.trim();
    return (await post(app, anEvent('later', 't'))).status;
  };
  await expect.poll(later, { timeout: 10_000 }).toBe(202);
});

test.each<[what: string, path: string, init: RequestInit, code: number, says: string]>([
  ['another path', '/ns/other', { method: 'POST' }, 404, '/ns/default'],
  ['another route', '/', { method: 'POST' }, 404, 'no route'],
  ['a path that is none', '/%/default', { method: 'POST' }, 404, 'no route'],
  ['another method', '/ns/default', { method: 'GET' }, 405, 'POST'],
  ['no event', '/ns/default', { method: 'POST', body: 'x' }, 400, 'specversion: is missing'],
  [
    'a batch',
    '/ns/default',
    {
      method: 'POST',
      body: '[]',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
    },
    415,
    'content-type',
  ],
  ['too much', '/ns/default', { method: 'POST', body: 'x'.repeat(1_048_577) }, 413, '1048576'],
  ['a wrong query', '/internal/events?limit=0', {}, 400, 'limit'],
  ['a wrong order', '/internal/events?order=up', {}, 400, 'order'],
])('%s is answered with a problem that says why', async (_what, path, init, code, says) => {
  const { app } = run([aTrigger('a', 't')], {});
  const response = await app.request(path, init);
  expect(response.status).toBe(code);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(JSON.stringify(await response.json())).toContain(says);
});

test('the log can be read: events with their places, and figures of every Trigger', async () => {
  const { app, ids } = run([aTrigger('a', 't')], {});
  await post(app, anEvent('1', 't'));
  await post(app, anEvent('2', 'nobody-wants-this'));
  await until(() => ids('a').length === 1);
  const events: unknown = await (await app.request('/internal/events?limit=1')).json();
  expect(events).toMatchObject({
    events: [{ offset: 1, hops: 0, event: { id: '1' } }],
    next: 1,
    end: 2,
  });
  const stats: unknown = await (await app.request('/internal/stats')).json();
  expect(stats).toMatchObject({
    accepted: 2,
    unclaimed: { count: 1, last: { type: 'nobody-wants-this' } },
    log: { events: 2, end: 2 },
    triggers: { a: { delivered: 1, deadLetters: 0, lag: 0, perMinute: 1 } },
  });
});
