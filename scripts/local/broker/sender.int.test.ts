import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { BrokerEvent } from './cloudevent.ts';
import type { Answer } from './delivery.ts';
import { Sender } from './sender.ts';

const event: BrokerEvent = {
  attributes: {
    specversion: '1.0',
    id: '1',
    source: '/s',
    type: 't',
    subject: 'ä b',
    datacontenttype: 'application/json',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  },
  data: Buffer.from('{"a":1}'),
};

let server: Server | undefined;
const sender = new Sender();
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function subscriber(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  server = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (part: string) => (body += part));
    request.on('end', () => handle(request, response, body));
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/in`;
}

const send = (url: string, timeoutMs = 5000): Promise<Answer> =>
  sender.send(url, event, timeoutMs, 'ns');

test('the event goes out in binary mode with what Knative says beside it', async () => {
  let seen: object = {};
  const url = await subscriber((request, response, body) => {
    seen = { path: request.url, body, ...request.headers };
    response.writeHead(204).end();
  });
  expect(await send(url)).toMatchObject({ status: 204 });
  expect(seen).toMatchObject({
    path: '/in',
    body: '{"a":1}',
    'content-type': 'application/json',
    'ce-id': '1',
    'ce-subject': '%C3%A4%20b',
    'ce-traceparent': event.attributes['traceparent'],
    traceparent: event.attributes['traceparent'],
    prefer: 'reply',
    'kn-namespace': 'ns',
  });
});

test('the answer comes back with status, headers and bytes', async () => {
  const url = await subscriber((_request, response) => {
    response.writeHead(422, { 'Kne-Why': 'x' }).end('because');
  });
  const answer = await send(url);
  expect(answer).toMatchObject({ status: 422, headers: { 'kne-why': 'x' } });
  expect(answer.status !== null && Buffer.from(answer.body).toString()).toBe('because');
});

test('an answer that is late is none, and says so', async () => {
  const url = await subscriber(() => undefined);
  expect(await send(url, 30)).toEqual({ status: null, reason: 'no answer within 30 ms' });
});

test('nobody there is no answer', async () => {
  const url = await subscriber(() => undefined);
  const closed = server;
  await new Promise((resolve) => closed?.close(resolve));
  expect(await send(url)).toMatchObject({
    status: null,
    reason: expect.stringContaining('ECONNREFUSED') as string,
  });
});

test('an answer above 1 MiB is none', async () => {
  const url = await subscriber((_request, response) => {
    response.writeHead(200).end(Buffer.alloc(1_200_000));
  });
  expect(await send(url)).toMatchObject({
    status: null,
    reason: expect.stringContaining('larger than') as string,
  });
});

test('a kept connection that the subscriber had closed costs no failure', async () => {
  let requests = 0;
  const url = await subscriber((request, response) => {
    requests += 1;
    if (requests === 2) request.socket.resetAndDestroy();
    else response.writeHead(204).end();
  });
  expect(await send(url)).toMatchObject({ status: 204 });
  expect(await send(url)).toMatchObject({ status: 204 });
  expect(requests).toBe(3);
});

test('an event that no request can hold fails, as any delivery may', async () => {
  const url = await subscriber((_request, response) => void response.writeHead(204).end());
  const datacontenttype = 'text/plain; x=€'; // of a log that an earlier version wrote
  const odd = { ...event, attributes: { ...event.attributes, datacontenttype } };
  expect(await sender.send(url, odd, 5000, 'ns')).toMatchObject({
    status: null,
    reason: expect.stringContaining('Invalid character') as string,
  });
});

test('a traceparent that is none goes along as an attribute and not as a trace', async () => {
  let seen: IncomingMessage['headers'] = {};
  const url = await subscriber((request, response) => {
    seen = request.headers;
    response.writeHead(204).end();
  });
  const odd = { ...event, attributes: { ...event.attributes, traceparent: 'é€' } };
  expect(await sender.send(url, odd, 5000, 'ns')).toMatchObject({ status: 204 });
  expect(seen['ce-traceparent']).toBe('%C3%A9%E2%82%AC');
  expect(seen).not.toHaveProperty('traceparent');
});
