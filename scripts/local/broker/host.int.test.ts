import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { brokerApp, finish, listen, type Reply } from './host.ts';

const ok: Reply = { status: 202 };

test('a sender that leaves in the middle of its event is no error of the broker', async () => {
  const log = { error: vi.fn(), debug: vi.fn() };
  const app = brokerApp(async (call) => (await call.body(), ok), log);
  const server = await listen(app, 0, '127.0.0.1');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');

  socket.write(
    'POST /ns/default HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half":',
    () => {
      setTimeout(() => socket.destroy(), 50);
    },
  );

  await expect.poll(() => log.debug).toHaveBeenCalledOnce();
  expect(log.error).not.toHaveBeenCalled();
  await finish(server, 0);
});

test('a fault of the broker is an error, and the sender is told no more than that', async () => {
  const log = { error: vi.fn(), debug: vi.fn() };
  const app = brokerApp(() => Promise.reject(new Error('disk full')), log);
  const server = await listen(app, 0, '127.0.0.1');

  const answer = await fetch(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/ns/default`,
  );

  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('disk full');
  expect(log.error).toHaveBeenCalledOnce();
  await finish(server, 0);
});
