import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { Ping } from '../events/index.ts';
import { on } from './function.ts';
import { listenTo } from './serve.ts';

const BINARY = {
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': '/test',
  'ce-type': Ping.type,
  'content-type': 'application/json',
};
const options = { port: 0, host: '127.0.0.1', logLevel: 'silent' };
const post = (port: number) =>
  fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: BINARY, body: '{}' });

test('stopping refuses new connections, finishes what runs, closes the function last', async () => {
  const order: string[] = [];
  const started = Promise.withResolvers<undefined>();
  const release = Promise.withResolvers<undefined>();
  const running = await listenTo(
    {
      name: 'slow',
      accepts: [
        on(Ping, async () => {
          started.resolve(undefined);
          await release.promise;
          order.push('handled');
          return undefined;
        }),
      ],
      close: () => {
        order.push('closed');
        return Promise.resolve();
      },
    },
    options,
  );

  const inFlight = post(running.port);
  await started.promise;
  const stopped = running.stop();
  await expect(post(running.port)).rejects.toThrow();
  release.resolve(undefined);

  expect((await inFlight).status).toBe(204);
  await stopped;
  expect(order).toEqual(['handled', 'closed']);
});

test.each([
  ['stated', { 'content-length': 1_048_577 }],
  ['not stated', {}],
])('a body over 1 MiB is refused, its length %s', async (_how, length) => {
  const running = await listenTo(
    { name: 'small', accepts: [on(Ping, () => Promise.resolve(undefined))] },
    options,
  );
  const sent = request({ port: running.port, method: 'POST', headers: { ...BINARY, ...length } });
  sent.write(' '.repeat(524_288));
  sent.end(' '.repeat(524_289));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];

  expect(answer.statusCode).toBe(413);
  expect(Buffer.concat(await answer.toArray()).toString()).toContain('1048576');
  await running.stop();
});

test('what does not finish within the grace period is aborted and cut off', async () => {
  const started = Promise.withResolvers<undefined>();
  const aborted = Promise.withResolvers<undefined>();
  const running = await listenTo(
    {
      name: 'stuck',
      accepts: [
        on(Ping, (_event, { signal }) => {
          signal.addEventListener('abort', () => aborted.resolve(undefined));
          started.resolve(undefined);
          return new Promise(() => undefined);
        }),
      ],
    },
    { ...options, graceMs: 20 },
  );

  const cut = expect(post(running.port)).rejects.toThrow();
  await started.promise;
  await running.stop();

  await aborted.promise;
  await cut;
});

test('an idle connection is kept for longer than a proxy would use it again', async () => {
  const running = await listenTo({ name: 'any', accepts: [] }, options);
  const answer = await fetch(`http://127.0.0.1:${running.port}/healthz`);
  const kept = /timeout=(\d+)/.exec(answer.headers.get('keep-alive') ?? '')?.[1];
  await answer.text();
  await running.stop();
  expect(Number(kept)).toBeGreaterThan(90);
});

test('a taken port is refused', async () => {
  const first = await listenTo({ name: 'first', accepts: [] }, options);

  await expect(
    listenTo({ name: 'second', accepts: [] }, { ...options, port: first.port }),
  ).rejects.toThrow('EADDRINUSE');
  await first.stop();
});
