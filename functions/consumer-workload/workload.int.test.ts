import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '#scripts/local/processes.ts';
import { AlertRaised } from '#shared/events/index.ts';
import { decodeEvent } from '#shared/runtime/envelope.ts';
import { listenTo } from '#shared/runtime/serve.ts';
import { alertOf, brokerSender } from './alert.ts';
import { burningWorker } from './burning-worker.ts';
import { loadConfig, queueOf } from './config.ts';
import { consumerWorkload } from './handler.ts';
import { timedWorker } from './timed-worker.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((close) => close()));
});

async function serveWorkload(env: NodeJS.ProcessEnv) {
  const config = loadConfig(env);
  const createWorker = config.WORK_MODE === 'burn' ? burningWorker : timedWorker;
  const spec = consumerWorkload({
    config,
    worker: createWorker(queueOf(config), () => performance.now()),
    sendAlert: brokerSender(config.BROKER_URL),
    pod: 'pod-1',
    uptimeMs: () => performance.now(),
    wallMs: () => Date.now(),
    newId: () => crypto.randomUUID(),
  });
  const running = await listenTo(spec, { port: 0, host: '127.0.0.1', logLevel: 'silent' });
  cleanUp.push(() => running.stop());
  return { url: `http://127.0.0.1:${running.port}`, stop: () => running.stop() };
}

const statuses = (url: string, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, async () => (await fetch(url)).status));

test('a full queue is served at the stated pace', async () => {
  const { url } = await serveWorkload({ SERVICE_TIME_MS: '10' });
  const startedMs = performance.now();
  expect(await statuses(`${url}/work`, 50)).toEqual(Array.from({ length: 50 }, () => 200));
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThanOrEqual(490);
  expect(tookMs).toBeLessThan(5000);
});

test('burning mode uses the CPU it says and stays responsive', async () => {
  const { url } = await serveWorkload({ WORK_MODE: 'burn', SERVICE_TIME_MS: '50' });
  const before = process.cpuUsage();
  const work = statuses(`${url}/work`, 4);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await work;
  const used = process.cpuUsage(before);
  expect((used.user + used.system) / 1000).toBeGreaterThanOrEqual(200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const busy = /^workload_busy_seconds_total (\S+)/m.exec(metrics)?.[1];
  expect(Number(busy)).toBeGreaterThanOrEqual(0.2);
});

test('a pod that is told to stop finishes its queue, at full speed', async () => {
  const { url, stop } = await serveWorkload({});
  await fetch(`${url}/api/v1/workload/cpu/start`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"intensity": 100, "duration": 300}', // nothing is served meanwhile
  });
  const work = statuses(`${url}/work`, 10);
  while (!(await (await fetch(`${url}/metrics`)).text()).includes('http_requests_in_flight 10'));
  await stop();
  expect(await work).toEqual(Array.from({ length: 10 }, () => 200));
  await expect(fetch(`${url}/work`)).rejects.toThrow();
});

test('a pod is not held by a Kafka that never answers', async () => {
  const sockets: Socket[] = [];
  const silent = createTcpServer(
    (socket) => void sockets.push(socket.on('error', () => undefined)),
  );
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const port = await freePort();
  const pod = spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    stdio: 'ignore',
    env: {
      ...{ PORT: String(port), HOST: '127.0.0.1', DRAIN_MS: '0', GRACE_MS: '300' },
      ...{
        KAFKA_BROKERS: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
        KAFKA_TOPIC: 'work',
      },
    },
  });
  cleanUp.push(() => Promise.resolve(pod.kill('SIGKILL')));
  await once(silent, 'connection');
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  const startedMs = performance.now();
  pod.kill('SIGTERM');
  expect(await once(pod, 'exit')).toEqual([0, null]);
  expect(performance.now() - startedMs).toBeLessThan(3000);
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test('an alert reaches the Broker as a CloudEvent, and a refusal is told', async () => {
  const received: unknown[] = [];
  const statusOf = { stored: 202, full: 503 } as const;
  const broker = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push(
        AlertRaised.parse(decodeEvent(request.headers as Record<string, string>, body)),
      );
      response.writeHead(request.url === '/full' ? statusOf.full : statusOf.stored).end();
    });
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => new Promise((resolve) => broker.close(resolve)));
  const url = `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  const alert = alertOf(
    { event_type: 'high_cpu_usage', service: 'shop', value: 90 },
    { id: 'a-1', time: '2026-01-01T00:00:00.000Z', namespace: 'store' },
  );
  await brokerSender(url)(alert);
  expect(received).toEqual([alert]);
  await expect(brokerSender(`${url}/full`)(alert)).rejects.toThrow('the Broker answered 503');
  await expect(brokerSender('http://127.0.0.1:1')(alert)).rejects.toThrow('cannot be reached');
  await expect(brokerSender(undefined)(alert)).rejects.toThrow('no Broker is configured');
});
