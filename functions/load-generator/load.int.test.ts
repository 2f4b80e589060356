import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { loadConfig } from './config.ts';
import { connectWith } from './connect.ts';
import { LoadRequest, planOf } from './request.ts';
import { Run } from './run.ts';
import { chooseTarget, type Resolve } from './target.ts';

const cleanUp: (() => void)[] = [];
afterAll(() => {
  for (const close of cleanUp.splice(0)) close();
});

async function stub(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/work`;
}

/** Runs a load against a server on this machine to its end and returns the report. */
async function load(
  url: string,
  request: object,
  env: NodeJS.ProcessEnv = {},
  resolve: Resolve = () => Promise.reject(new Error('no look-up')),
) {
  const config = loadConfig({ TARGET_URL: url, ...env });
  const allowed = { targetUrl: url, others: [], kafka: false };
  const target = await chooseTarget('http', allowed, resolve);
  const run = new Run({
    id: '00000000000000ab',
    plan: planOf(LoadRequest.parse(request), config.MAX_RATE),
    target: 'http',
    sloMs: 500,
    maxInFlight: config.MAX_IN_FLIGHT,
    sender: await connectWith(config)(target, '00000000000000ab'),
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
  });
  await run.finished;
  return run.report();
}

test.concurrent('every request is sent and answered, each with a trace of its own', async () => {
  const traces = new Set<string | undefined>();
  const url = await stub((request, response) => {
    traces.add(request.headers['traceparent'] as string | undefined);
    response.end('done');
  });
  const report = await load(url, { pattern: 'poisson', duration: 1, rate: 200, seed: 3 });
  expect(report.offered).toBeGreaterThan(140);
  expect(report).toMatchObject({ state: 'done', achieved: report.offered, failed: 0, dropped: 0 });
  expect(report.codes).toEqual({ '200': report.offered });
  expect(traces.size).toBe(report.offered);
  for (const trace of traces)
    expect(trace).toMatch(/^00-00000000000000ab[0-9a-f]{16}-[0-9a-f]{16}-00$/);
});

test.concurrent.each([
  [{}, false],
  [{ KEEP_ALIVE: 'false' }, true],
])('connections with %j: one for each request is %s', async (env, isEach) => {
  const sockets = new Set<unknown>();
  const url = await stub((request, response) => {
    sockets.add(request.socket);
    response.end('done');
  });
  const report = await load(url, { pattern: 'constant', duration: 1, rate: 50 }, env);
  expect(report).toMatchObject({ achieved: report.offered, failed: 0 });
  expect(sockets.size === report.offered).toBe(isEach);
});

test.concurrent(
  'a stall of the target is in the latencies of all who should have been served',
  async () => {
    let stallUntilMs: number | undefined;
    const url = await stub((_request, response) => {
      stallUntilMs ??= performance.now() + 600; // from the first request on
      setTimeout(() => response.end('done'), Math.max(0, stallUntilMs - performance.now()));
    });
    const { latencyMs, offered, achieved } = await load(url, {
      pattern: 'constant',
      duration: 2,
      rate: 100,
    });
    expect([offered, achieved]).toEqual([200, 200]);
    expect(latencyMs.max).toBeGreaterThanOrEqual(590);
    expect(latencyMs.p90).toBeGreaterThanOrEqual(350); // 60 of 200: analytically 400 ms
  },
);

test.concurrent('a name of two addresses is reached where one of them answers', async () => {
  const url = (await stub((_request, response) => response.end())).replace(
    '127.0.0.1',
    'localhost',
  );
  const request = { pattern: 'constant', duration: 1, rate: 20 };
  const both = () => Promise.resolve([{ address: '::1' }, { address: '127.0.0.1' }]);
  expect(await load(url, request, {}, both)).toMatchObject({ achieved: 20, failed: 0 });
});

test.concurrent('redirects are failures and are not followed', async () => {
  const elsewhere = vi.fn<RequestListener>((_request, response) => response.end());
  const url = await stub(elsewhere);
  const redirecting = await stub((_request, response) => {
    response.writeHead(302, { location: url }).end();
  });
  const report = await load(redirecting, { pattern: 'constant', duration: 1, rate: 5 });
  expect(report).toMatchObject({ achieved: 0, failed: 5, codes: { '302': 5 } });
  expect(elsewhere).not.toHaveBeenCalled();
});

test.concurrent(
  'a target that is not there, and one that cuts the connection, are failures with a word',
  async () => {
    const request = { pattern: 'constant', duration: 1, rate: 5 };
    const gone = await load('http://127.0.0.1:1/', request);
    expect(gone).toMatchObject({ state: 'done', failed: 5, codes: { connection: 5 } });
    const cutting = await stub((r) => r.socket.destroy());
    expect(await load(cutting, request)).toMatchObject({ failed: 5, codes: { connection: 5 } });
  },
);

test.concurrent('a target that never answers is given up after the timeout', async () => {
  const url = await stub(() => undefined);
  const request = { pattern: 'constant', duration: 1, rate: 5 };
  const report = await load(url, request, { REQUEST_TIMEOUT_MS: '1000' });
  expect(report).toMatchObject({ state: 'done', failed: 5, codes: { timeout: 5 } });
  expect(report.slo).toMatchObject({ violatingSeconds: 1 });
});

test.concurrent('a target whose answers never end is given up after the timeout', async () => {
  const url = await stub((_request, response) => {
    const trickle = setInterval(() => response.write('.'), 100);
    response.on('close', () => clearInterval(trickle));
  });
  const request = { pattern: 'constant', duration: 1, rate: 5 };
  const report = await load(url, request, { REQUEST_TIMEOUT_MS: '1000' });
  expect(report).toMatchObject({ state: 'done', failed: 5, codes: { timeout: 5 } });
});
