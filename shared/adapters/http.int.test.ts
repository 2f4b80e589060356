import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchange, isOk } from './http.ts';

let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      if (path === '/moved') response.writeHead(302, { location: '/' });
      if (path === '/refused') response.writeHead(422);
      if (path === '/half') return void response.write('the first half');
      if (path === '/torn') {
        response.writeHead(200, { 'content-length': '100' });
        return void response.write('torn', () => response.destroy());
      }
      response.end(`${request.method ?? ''} ${path} ${Buffer.concat(chunks).toString('utf8')}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('an answer comes whole, with its status, whatever that is', async () => {
  const posted = await exchange(`${base}/a`, { method: 'POST', body: 'größer' });
  expect(posted).toMatchObject({ status: 200, text: 'POST /a größer' });
  expect(isOk(posted)).toBe(true);
  const refused = await exchange(`${base}/refused`);
  expect(refused).toMatchObject({ status: 422, text: 'GET /refused ' });
  expect(isOk(refused)).toBe(false);
});

test('a redirect is not followed', async () => {
  expect(await exchange(`${base}/moved`)).toMatchObject({ status: 302, text: 'GET /moved ' });
});

test('an answer that is too long is an error, one of just that length is not', async () => {
  expect((await exchange(`${base}/12`, { maxBytes: 8 })).text).toBe('GET /12 ');
  await expect(exchange(`${base}/123`, { maxBytes: 8 })).rejects.toThrow('over 8 bytes');
});

test('an answer that breaks off is no answer', async () => {
  await expect(exchange(`${base}/torn`)).rejects.toThrow('aborted');
});

test('a signal ends it in the middle of an answer, with the reason of the signal', async () => {
  const asked = { signal: AbortSignal.timeout(100) };
  await expect(exchange(`${base}/half`, asked)).rejects.toHaveProperty('name', 'TimeoutError');
});

test('where nobody listens that is what it says', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  other.close();
  await once(other, 'close');
  await expect(exchange(`http://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED');
});
