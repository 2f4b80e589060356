import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '#scripts/local/processes.ts';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a function's bundle as a process, as a pod does, and waits until it is ready. */
async function startBundle(name: string, env: NodeJS.ProcessEnv) {
  const bundle = fileURLToPath(new URL(`../../dist/functions/${name}/index.mjs`, import.meta.url));
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: run \`npm run build\` first`);
  const port = await freePort();
  const child = spawn(process.execPath, [bundle], {
    env: { PORT: String(port), LOG_LEVEL: 'silent', ...env },
    stdio: 'ignore',
  });
  running.push(child);
  const url = `http://127.0.0.1:${port}`;
  const startedMs = performance.now();
  while (
    !(await fetch(`${url}/readyz`).then(
      (r) => r.ok,
      () => false,
    ))
  ) {
    if (performance.now() - startedMs > 60_000) throw new Error(`${name} did not get ready`);
    await sleep(20);
  }
  return { url, child, readyMs: performance.now() - startedMs };
}

const post = (url: string, body: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

interface Report {
  readonly state: string;
  readonly offered: number;
  readonly achieved: number;
  readonly failed: number;
  readonly slo: { readonly violatingSeconds: number };
}

/** The report of a load once its last answer is there. */
async function endedReport(url: string): Promise<Report> {
  const giveUpAtMs = performance.now() + 60_000;
  for (;;) {
    const report = (await (await fetch(`${url}/load/report`)).json()) as Report;
    if (report.state === 'done' || performance.now() > giveUpAtMs) return report;
    await sleep(100);
  }
}

test('the two bundles together: a load above the capacity is late and refused, as it is reported', async () => {
  const workload = await startBundle('consumer-workload', { QUEUE_LIMIT: '40' });
  const generator = await startBundle('load-generator', { TARGET_URL: workload.url });
  await post(`${generator.url}/load/generate`, { pattern: 'constant', duration: 6, rate: 100 });
  const report = await endedReport(generator.url);
  expect(report).toMatchObject({ state: 'done', offered: 600, dropped: 0 });
  expect(report.achieved + report.failed).toBe(600);
  expect(report.achieved).toBeGreaterThanOrEqual(290); // 6 s of 50 requests/s …
  expect(report.achieved).toBeLessThanOrEqual(420); // … and what waits at the end
  expect(report.slo.violatingSeconds).toBeGreaterThanOrEqual(5);
});

test('a pod gets ready after its start-up delay and leaves with 0 when it is told to', async () => {
  const { url, child, readyMs } = await startBundle('consumer-workload', {
    STARTUP_DELAY_MS: '2000',
  });
  expect(readyMs).toBeGreaterThanOrEqual(1900);
  await post(`${url}/api/v1/workload/cpu/start`, { intensity: 100, duration: 300 }); // hold all
  const served = Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).status));
  while (!(await (await fetch(`${url}/metrics`)).text()).includes('http_requests_in_flight 20'));
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await served).toEqual(Array.from({ length: 20 }, () => 200));
  expect(await exit).toEqual([0, null]);
});

test('burning mode burns in the bundle as well', async () => {
  const { url } = await startBundle('consumer-workload', {
    WORK_MODE: 'burn',
    SERVICE_TIME_MS: '5',
  });
  expect((await fetch(url)).status).toBe(200);
});

test('Kafka is loaded from the bundle: one that is not there is said so', async () => {
  const { url } = await startBundle('load-generator', {
    TARGET_URL: 'http://127.0.0.1:1',
    KAFKA_BROKERS: '127.0.0.1:1',
    KAFKA_TOPIC: 'work',
  });
  const load = { pattern: 'constant', duration: 5, rate: 1, target: 'kafka' };
  const answer = await post(`${url}/load/generate`, load);
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain('Kafka cannot be reached');
});

test('a configuration that is wrong stops the start', async () => {
  const bundle = fileURLToPath(
    new URL('../../dist/functions/load-generator/index.mjs', import.meta.url),
  );
  const child = spawn(process.execPath, [bundle], { env: { TARGET_URL: 'nonsense' } });
  running.push(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  expect(await once(child, 'exit')).toEqual([1, null]);
  expect(said).toContain('TARGET_URL');
});
