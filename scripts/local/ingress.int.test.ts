import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Ingress, type Backend, type Upstreams } from './ingress.ts';
import { PodUpstreams } from './pod-upstreams.ts';
import { freePort } from './processes.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

const backend = async (listener: RequestListener): Promise<Backend & { server: Server }> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => server.closeAllConnections() }, server);
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, inFlight: 0, server };
};

const ingressFor = async (
  given: Pick<Upstreams, 'pick'> & Partial<Upstreams>,
  timeoutMs = 5000,
): Promise<string> => {
  const port = await freePort();
  const upstreams = { released: () => undefined, ...given };
  const ingress = new Ingress({ name: 'shop', port, upstreams, timeoutMs });
  await ingress.listen();
  opened.unshift(ingress);
  return `http://127.0.0.1:${port}`;
};

const picked = (backend: Backend, isColdStart = false) => Promise.resolve({ backend, isColdStart });

test('a request reaches the backend with method, path, headers and body, and its answer comes back', async () => {
  const echo = await backend((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.writeHead(418, { 'x-tea': 'green' });
      response.end([request.method, request.url, request.headers['x-a'], body].join(' '));
    });
  });
  const url = await ingressFor({ pick: () => picked(echo, true) });

  const answer = await fetch(`${url}/pot?size=2`, {
    method: 'POST',
    headers: { 'x-a': '1' },
    body: 'leaves',
  });

  expect(answer.status).toBe(418);
  expect(answer.headers.get('x-tea')).toBe('green');
  expect(answer.headers.get('x-cold-start')).toBe('1'); // the broker counts these
  expect(await answer.text()).toBe('POST /pot?size=2 1 leaves');
});

test('headers that are meant for one connection alone go no further, on the way there and back', async () => {
  let got: IncomingHttpHeaders = {};
  const echo = await backend((asked, response) => {
    got = asked.headers;
    response.writeHead(200, { connection: 'close, X-Back', 'x-back': '1', 'x-kept': '1' });
    response.end();
  });
  const url = await ingressFor({ pick: () => picked(echo) });

  const headers = { connection: 'X-There, keep-alive', 'x-there': '1', 'x-kept': '1' };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { agent: false, headers }, resolve).on('error', reject).end();
  });
  answer.resume();

  expect([got['x-there'], got['x-kept']]).toEqual([undefined, '1']);
  expect([answer.headers['x-back'], answer.headers['x-kept']]).toEqual([undefined, '1']);
});

test('a request whose backend is gone goes to another one', async () => {
  const alive = await backend((_request, response) => response.end('served'));
  const gone: Backend = { origin: `http://127.0.0.1:${await freePort()}`, inFlight: 0 };
  const order = [gone, alive];
  const url = await ingressFor({ pick: () => picked(order.shift() ?? alive) });

  const answer = await fetch(url, { method: 'POST', body: '{}' });

  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('served');
  expect([gone.inFlight, alive.inFlight]).toEqual([0, 0]);
});

/** Takes a request in and ends the connection in place of an answer, as a process that dies at it. */
const dying = async () => {
  const bodies: string[] = [];
  const died = await backend((request) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      request.socket.destroy();
    });
  });
  return { died, bodies };
};

test('a POST that a backend took before it died is not sent to another: it may have been done', async () => {
  const { died, bodies } = await dying();
  const alive = await backend((_request, response) => response.end('done twice'));
  const order: Backend[] = [died, alive];
  const url = await ingressFor({ pick: () => picked(order.shift() ?? alive) });

  const answer = await fetch(url, { method: 'POST', body: 'pay' });

  expect(answer.status).toBe(502);
  expect(answer.headers.get('retry-after')).toBeNull();
  expect(await answer.json()).toMatchObject({
    title: 'Bad Gateway',
    detail: 'shop ended the connection before it answered',
  });
  expect(bodies).toEqual(['pay']);
});

test('a GET that a backend took before it died goes to another one', async () => {
  const { died, bodies } = await dying();
  const alive = await backend((_request, response) => response.end('served'));
  const order: Backend[] = [died, alive];
  const url = await ingressFor({ pick: () => picked(order.shift() ?? alive) });

  const answer = await fetch(url);

  expect(await answer.text()).toBe('served');
  expect(bodies).toEqual(['']);
});

test('a pod that refuses, and so has no request under way, keeps none from the pods that are busy', async () => {
  const busy = await backend((_request, response) => response.end('served'));
  const pod = (uid: string, port: number) => ({ name: uid, uid, host: '127.0.0.1', port });
  const pods = new PodUpstreams({ name: 'shop', containerConcurrency: 0 }, (callback) => {
    callback([pod('dead', 1), pod('busy', Number(new URL(busy.origin).port))]);
    return () => undefined;
  });
  const oneEach = [await pods.pick(), await pods.pick()];
  for (const one of oneEach) if (one.backend.origin.endsWith(':1')) pods.released(one.backend);
  const url = await ingressFor({
    pick: (tried) => pods.pick(tried),
    released: (one) => pods.released(one),
  });

  const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(url)));

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
});

test('a backend that does not answer in time becomes 504 with the limit named', async () => {
  const silent = await backend(() => undefined);
  const url = await ingressFor({ pick: () => picked(silent) }, 300);

  const answer = await fetch(url);

  expect(answer.status).toBe(504);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.json()).toMatchObject({
    status: 504,
    detail: 'shop did not answer within 0.3 s',
  });
});

test('without a ready backend the answer is 503 with a reason', async () => {
  const url = await ingressFor({
    pick: () => Promise.reject(new Error('shop has no ready instance')),
  });

  const answer = await fetch(url);

  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(await answer.json()).toMatchObject({ detail: 'shop has no ready instance' });
});

test('an event stream is passed on piece by piece', async () => {
  let finish = (): void => undefined;
  const stream = await backend((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    finish = () => response.end('data: 2\n\n');
  });
  const url = await ingressFor({ pick: () => picked(stream) });

  const answer = await fetch(url);
  const reader = answer.body!.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  finish();
  const second = new TextDecoder().decode((await reader.read()).value);

  expect([first, second]).toEqual(['data: 1\n\n', 'data: 2\n\n']);
});

test('a request that was given up while it waited for a backend reaches none', async () => {
  let requests = 0;
  const released: Backend[] = [];
  const late = await backend((_request, response) => {
    requests += 1;
    response.end();
  });
  const ready = Promise.withResolvers<undefined>();
  const url = await ingressFor({
    pick: async () => {
      await ready.promise;
      return { backend: late, isColdStart: true };
    },
    released: (one) => released.push(one),
  });
  const impatient = fetch(url, { method: 'POST', body: '{}', signal: AbortSignal.timeout(50) });
  await expect(impatient).rejects.toThrow(/abort/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  ready.resolve(undefined);
  await expect.poll(() => released).toEqual([late]);
  expect(requests).toBe(0);
});
