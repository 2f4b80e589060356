// Measures the load generator's bars against a local stub, on its bundle in a process of its own:
// 1. offered = scheduled and achieved within 1 %; 2. percentiles within 5 % of the analytic answer when
// the stub stalls once (beside it the answer by when the stub let go of each request: a thousand writes
// take it milliseconds); 3. health below 50 ms meanwhile. Exits 1 when a bar is missed.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NimbusError } from '#shared/errors.ts';
import { integerOf, runCommand, type Given } from '../command-line.ts';
import { freePort } from '../local/processes.ts';

const STALL_MS = 500;

const BUNDLE = fileURLToPath(
  new URL('../../dist/functions/load-generator/index.mjs', import.meta.url),
);

const listen = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

/**
 * The stub, in a process of its own: answers at once, but holds everything during one stall. Plain
 * sockets, one request on each at a time, so that its own work does not add to what is measured.
 */
async function serveStub(): Promise<void> {
  const held: Socket[] = [];
  let firstMs: number | undefined;
  let stallAtMs = Infinity;
  const release = (): void => {
    const writtenMs = held.splice(0).map((socket) => {
      socket.write(ANSWER);
      return performance.now() - (firstMs ?? 0) - stallAtMs;
    });
    process.send?.(writtenMs);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      const intoMs = nowMs - firstMs - stallAtMs;
      if (intoMs < 0 || intoMs >= STALL_MS) socket.write(ANSWER);
      else if (held.push(socket) === 1) setTimeout(release, STALL_MS - intoMs);
    });
  });
  process.on('message', (stallAt: number) => {
    firstMs = undefined;
    stallAtMs = stallAt;
  });
  process.once('disconnect', () => process.exit(0));
  process.send?.(await listen(server));
}

interface Report {
  readonly state: string;
  readonly offered: number;
  readonly achieved: number;
  readonly dropped: number;
  readonly failed: number;
  readonly generatorSaturated: boolean;
  readonly latencyMs: Readonly<Record<'p50' | 'p99' | 'p99_9' | 'max', number | null>>;
  readonly sendLagMs: Readonly<Record<'p50' | 'p99' | 'max', number | null>>;
}

async function startGenerator(targetUrl: string): Promise<{ url: string; child: ChildProcess }> {
  if (!existsSync(BUNDLE))
    throw new NimbusError('input.invalid', 'no bundle: run `npm run build` first');
  const port = await freePort();
  const env = { ...process.env, TARGET_URL: targetUrl, PORT: String(port), LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, [BUNDLE], { env, stdio: 'inherit' });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200; tries += 1) {
    const up = await fetch(`${url}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (up) return { url, child };
    await sleep(50);
  }
  child.kill();
  throw new Error('the load generator did not get ready within 10 s');
}

/** Runs one load to its end; returns its report and the slowest health answers meanwhile, ms. */
async function run(url: string, load: object): Promise<{ report: Report; healthMs: number[] }> {
  const started = await fetch(`${url}/load/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(load),
  });
  if (started.status !== 202) throw new Error(`refused: ${await started.text()}`);
  const healthMs: number[] = [];
  for (;;) {
    const beforeMs = performance.now();
    await (await fetch(`${url}/healthz`)).text();
    healthMs.push(performance.now() - beforeMs);
    const report = (await (await fetch(`${url}/load/status`)).json()) as Report;
    if (report.state === 'done') return { report, healthMs: healthMs.sort((a, b) => a - b) };
    await sleep(200);
  }
}

let missed = 0;

function bar(name: string, value: string, met: boolean): void {
  if (!met) missed += 1;
  console.log(`${met ? 'ok    ' : 'MISSED'}  ${name.padEnd(34)} ${value}`);
}

const ms = (value: number | null | undefined): string => `${(value ?? NaN).toFixed(1)} ms`;

function judgeHealth(healthMs: readonly number[]): void {
  const p99 = healthMs[Math.floor(0.99 * (healthMs.length - 1))] ?? Infinity;
  const worst = healthMs.at(-1);
  bar('health below 50 ms', `p99 ${ms(p99)}, worst ${ms(worst)} of ${healthMs.length}`, p99 < 50);
}

async function steady(url: string, rate: number, seconds: number): Promise<void> {
  const { report, healthMs } = await run(url, { pattern: 'constant', duration: seconds, rate });
  const { offered, achieved, dropped, failed, sendLagMs, latencyMs } = report;
  console.log(
    `\n${rate} requests/s for ${seconds} s: latency p50 ${ms(latencyMs.p50)}, p99 ${ms(latencyMs.p99)}`,
  );
  bar('offered = scheduled', `${offered} of ${rate * seconds}`, offered === rate * seconds);
  const share = achieved / offered;
  bar(
    'achieved within 1 %',
    `${achieved} = ${(share * 100).toFixed(3)} %, ${failed} failed, ${dropped} dropped`,
    share >= 0.99,
  );
  bar(
    'not saturated (lag p99 ≤ 10 ms)',
    `p50 ${ms(sendLagMs.p50)}, p99 ${ms(sendLagMs.p99)}`,
    !report.generatorSaturated,
  );
  judgeHealth(healthMs);
}

/** Latency that a share `beyond` of all requests exceeds if all due in the stall are answered at its end. */
const analytic = (beyond: number, seconds: number): number =>
  STALL_MS * (1 - (beyond * seconds * 1000) / STALL_MS);

/** The same from when the stub wrote each answer, counted from the stall's start; due evenly at `rate`. */
function asWritten(beyond: number, requests: number, given: { rate: number; writtenMs: number[] }) {
  const latenciesMs = given.writtenMs.map((atMs, k) => atMs - (k * 1000) / given.rate);
  return latenciesMs.sort((a, b) => b - a)[Math.floor(beyond * requests)] ?? NaN;
}

async function stalled(
  url: string,
  stub: ChildProcess,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<void> {
  const released = once(stub, 'message') as Promise<[number[]]>;
  stub.send((seconds / 3) * 1000);
  const { report, healthMs } = await run(url, { pattern: 'constant', duration: seconds, rate });
  const [writtenMs] = await released;
  console.log(`\nthe same with one stall of ${STALL_MS} ms`);
  for (const [name, beyond] of [
    ['p99', 0.01],
    ['p99_9', 0.001],
  ] as const) {
    const [measured, expected] = [report.latencyMs[name] ?? Infinity, analytic(beyond, seconds)];
    const off = measured / expected - 1;
    const written = ms(asWritten(beyond, rate * seconds, { rate, writtenMs }));
    const shown = `${ms(measured)}, analytic ${ms(expected)}: ${(off * 100).toFixed(1)} % (as written ${written})`;
    bar(`${name} within 5 %`, shown, Math.abs(off) <= 0.05);
  }
  judgeHealth(healthMs);
}

async function main(given: Given<'rate' | 'seconds'>): Promise<number> {
  const rate = integerOf(given, 'rate', 2000, [1, 100_000]);
  const seconds = integerOf(given, 'seconds', 30, [3, 86_400]);
  const stub = fork(import.meta.filename, { env: { ...process.env, BENCH_STUB: '1' } });
  const [stubPort] = (await once(stub, 'message')) as [number];
  const { url, child } = await startGenerator(`http://127.0.0.1:${stubPort}`);
  try {
    await steady(url, rate, seconds);
    await stalled(url, stub, { rate, seconds });
  } finally {
    child.kill();
    stub.disconnect();
  }
  return missed === 0 ? 0 : 1;
}

if (process.env['BENCH_STUB'] === '1') await serveStub();
else
  await runCommand(
    {
      command: 'npm run build && node scripts/bench/load-generator.ts',
      does: 'The load generator against a stub on this machine: achieved rate, percentiles under a stall, health. Exit code 1 when a bar is missed.',
      options: {
        rate: { value: 'RATE', help: 'requests/s (2000)' },
        seconds: { value: 'N', help: 'of each of the two loads (30)' },
      },
    },
    main,
  );
