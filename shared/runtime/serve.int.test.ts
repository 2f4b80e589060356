import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
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

/** A function as a process; what its handler does is up to the id of the event. */
const PROCESS = `
import { setTimeout as sleep } from 'node:timers/promises';
import { Ping } from '#shared/events/index.ts';
import { on } from '#shared/runtime/function.ts';
import { start } from '#shared/runtime/serve.ts';
const handle = async ({ id }) => {
  console.log('begun');
  if (id === 'thrown') setTimeout(() => { throw new Error('nobody caught this'); });
  if (id === 'rejected') void Promise.reject(new Error('nobody caught this'));
  await sleep(200);
};
const close = () => process.env.CLOSING ? Promise.reject(new Error('cannot close')) : Promise.resolve();
await start({ name: 'p', accepts: [on(Ping, handle)], close }, { port: Number(process.env.AT ?? 0), host: '127.0.0.1' });
`;

/** Starts it, sends it an event and, once that is being handled, a signal. */
async function leave(id: string, signal: NodeJS.Signals | null, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROCESS], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  let answer = Promise.resolve<number | null>(null);
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    const { port } = /"port":(?<port>\d+)/.exec(line)?.groups ?? {};
    if (port !== undefined) {
      const headers = { ...BINARY, 'ce-id': id };
      const sent = fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: '{}' });
      answer = sent.then(
        ({ status }) => status,
        () => null,
      );
    }
    if (line === 'begun' && signal !== null) child.kill(signal);
  }
  const [code] = (await exited) as [number | null];
  return { code, answer: await answer, log: lines.join('\n') };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a process that gets %s answers what it has begun and exits with 0',
  async (signal) => {
    const { code, answer, log } = await leave('e1', signal);
    expect([code, answer]).toEqual([0, 204]);
    expect(log).toContain('"message":"stopping"');
  },
);

test.each<[string, string, NodeJS.Signals | null, NodeJS.ProcessEnv, string]>([
  ['what nobody caught', 'thrown', null, {}, 'nobody caught this'],
  ['a promise that nobody looks at', 'rejected', null, {}, 'nobody caught this'],
  ['a function that cannot be closed', 'e1', 'SIGTERM', { CLOSING: 'no' }, 'cannot close'],
])('%s ends the process with 1, and the log says why', async (_what, id, signal, ...then) => {
  const [env, why] = then;
  const { code, log } = await leave(id, signal, env);
  expect(code).toBe(1);
  expect(log).toContain(why);
});

test.skipIf(!existsSync('/dev/full'))(
  'a log that nothing can be written to any more ends no function',
  async () => {
    const probe = await listenTo({ name: 'probe', accepts: [] }, options);
    await probe.stop();
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROCESS], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, AT: String(probe.port) },
      stdio: ['ignore', full, 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const health = `http://127.0.0.1:${probe.port}/healthz`;

    await expect
      .poll(() =>
        fetch(health).then(
          ({ status }) => status,
          () => null,
        ),
      )
      .toBe(200);
    child.kill('SIGTERM');

    expect(await exited).toEqual([0, null]);
    closeSync(full);
  },
);
