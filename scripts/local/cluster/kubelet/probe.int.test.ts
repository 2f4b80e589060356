import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { runProbe } from './probe.ts';

const READY = { httpGet: { path: '/readyz' }, timeoutSeconds: 1 };
const opened: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A server that says `start` and then one more byte of `more` every now and then. */
async function trickling(start: string, more: string) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(start);
    const timer = setInterval(() => socket.write(more), 50);
    socket.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => sockets.forEach((socket) => socket.destroy()) }, server);
  return { port: (server.address() as AddressInfo).port, sockets };
}

test('a header that never ends has failed after the time-out, although something comes all the time', async () => {
  const { port } = await trickling('HTTP/1.1 200 OK\r\nx-slow: ', 'y');
  expect(await runProbe(READY, port)).toMatch(/no answer within 1000 ms$/);
});

test('a body that never ends keeps no connection open after the time-out', async () => {
  const { port, sockets } = await trickling('HTTP/1.1 200 OK\r\n\r\n', 'y');
  expect(await runProbe(READY, port)).toBeUndefined();
  await expect.poll(() => sockets[0]?.destroyed, { timeout: 10_000 }).toBe(true);
});
