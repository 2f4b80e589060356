import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { PingSource } from './manifests/index.ts';
import { startPingSources, type Pings } from './ping.ts';

const source: PingSource = {
  name: 'beat',
  namespace: 'ns',
  where: '80-beat.yaml, document 1, PingSource ns/beat',
  schedule: '* * * * * *',
  timezone: undefined,
  contentType: 'application/json',
  data: Buffer.from('{"a":1}'),
  sink: { kind: 'Broker', namespace: 'ns', name: 'default', path: '' },
  extensions: { shard: 'ü1' },
};

let server: Server | undefined;
let pings: Pings | undefined;
afterEach(() => {
  pings?.stop();
  server?.close();
});

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function sink(statuses: number[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  server = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (part: string) => (body += part));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 202).end();
    });
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, received };
}

const until = async (condition: () => boolean): Promise<void> => {
  await expect.poll(condition, { timeout: 10_000, interval: 20 }).toBe(true);
};

test('a schedule with a seconds field fires each second, each time with an id of its own', async () => {
  const { url, received } = await sink([]);
  pings = startPingSources([source], { sinkUrl: () => url, lost: () => undefined });
  expect(pings.nextAtMs()).toBeGreaterThan(Date.now() - 1);

  await until(() => received.length >= 2);

  const [first, second] = received;
  expect(first?.body).toBe('{"a":1}');
  expect(first?.headers).toMatchObject({
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-type': 'dev.knative.sources.ping',
    'ce-source': '/apis/v1/namespaces/ns/pingsources/beat',
    'ce-shard': '%C3%BC1',
  });
  expect(first?.headers['ce-traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(second?.headers['ce-id']).not.toBe(first?.headers['ce-id']);
});

test('a fire beside the schedule goes out at once, and the schedule goes on', async () => {
  const { url, received } = await sink([]);
  const yearly = { ...source, schedule: '0 0 0 1 1 *' };
  pings = startPingSources([yearly], { sinkUrl: () => url, lost: () => undefined });
  const due = pings.nextAtMs();

  pings.fireNow();

  await until(() => received.length === 1);
  expect(pings.nextAtMs()).toBe(due);
});

test('a busy sink is tried again with the same event; a refused beat is told', async () => {
  const { url, received } = await sink([503, 503, 202, 400]);
  const lost: string[] = [];
  pings = startPingSources([source], {
    sinkUrl: () => url,
    lost: (_source, reason) => lost.push(reason),
  });

  await until(() => lost.length > 0);

  const ids = received.map(({ headers }) => headers['ce-id']);
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).toBe(ids[0]);
  expect(ids[3]).not.toBe(ids[0]);
  expect(lost).toEqual(['the sink answered 400']);
});

test('a schedule that is none is refused with the place where it stands', () => {
  const wrong = { ...source, schedule: 'every now and then' };
  expect(() => startPingSources([wrong], { sinkUrl: () => '', lost: () => undefined })).toThrow(
    /80-beat\.yaml.*every now and then/,
  );
});
