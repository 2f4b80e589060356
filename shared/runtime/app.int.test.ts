import { serve } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import pino from 'pino';
import { expect, test } from 'vitest';
import { Ping } from '../events/index.ts';
import { createApp } from './app.ts';
import { on } from './function.ts';

test('a sender that leaves in the middle of its request is no error of ours', async () => {
  const lines: { level: number; msg: string }[] = [];
  const write = (line: string): number => lines.push(JSON.parse(line) as (typeof lines)[number]);
  const log = pino({ level: 'debug' }, { write });
  const spec = { name: 'any', accepts: [on(Ping, () => Promise.resolve(undefined))] };
  const app = createApp(spec, { log });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');

  const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  socket.write(`${head}content-length: 100\r\n\r\n{"half":`, () => {
    setTimeout(() => socket.destroy(), 50);
  });

  await expect.poll(() => lines).not.toEqual([]);
  expect(lines).toEqual([
    expect.objectContaining({ level: 20, msg: 'the sender left before its request was read' }),
  ]);
  server.close();
});
