// The model store against a real Redis or Valkey server: redis-server or valkey-server must be on the PATH.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '#scripts/local/processes.ts';
import { decider } from '#functions/decider/handler.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { encodeEvent } from '#shared/runtime/envelope.ts';
import { aState, aStateEvent, NOW_MS } from '../testing/builders.ts';
import { modelStoreContract } from './contract.ts';
import { redisStore } from './redis-store.ts';
import { seededRandom, systemClock } from './system.ts';

const PASSWORD = 'only for this test';
/** Of a machine that may be busy; where Redis hangs that is what is waited for. */
const TIMEOUT_MS = 5000;
const folder = mkdtempSync(join(tmpdir(), 'nimbusguard-redis-'));

const program = ['valkey-server', 'redis-server'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Certificate for 127.0.0.1 that signs itself. */
function certificate(): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', key, '-out', cert, '-days', '1', ...subject],
  ]);
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  return { cert, key };
}

interface Server {
  readonly port: number;
  readonly tlsPort: number;
  readonly cert: string;
  start(): Promise<void>;
  process(): ChildProcess;
  stop(): Promise<void>;
}

async function createRedis(): Promise<Server> {
  if (program === undefined) {
    throw new Error(
      'neither valkey-server nor redis-server was found: apt-get install redis-server',
    );
  }
  const [port, tlsPort] = [await freePort(), await freePort()];
  const { cert, key } = certificate();
  let running: ChildProcess | undefined;
  return {
    port,
    tlsPort,
    cert,
    async start() {
      running = spawn(program, [
        ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', ''],
        ...['--tls-port', `${tlsPort}`, '--tls-cert-file', cert, '--tls-key-file', key],
        ...['--tls-auth-clients', 'no', '--appendonly', 'yes', '--requirepass', PASSWORD],
      ]);
      for await (const chunk of running.stdout ?? []) {
        if (String(chunk).includes('eady to accept connections')) break;
      }
      running.stdout?.resume();
    },
    process() {
      if (running === undefined) throw new Error('not started');
      return running;
    },
    async stop() {
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      running.kill('SIGKILL');
      await once(running, 'exit');
    },
  };
}

let redis: Server;
beforeAll(async () => {
  redis = await createRedis();
  await redis.start();
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (more: { password?: string; tls?: boolean } = {}) =>
  redisStore({
    url:
      more.tls === true ? `rediss://127.0.0.1:${redis.tlsPort}` : `redis://127.0.0.1:${redis.port}`,
    password: more.password ?? PASSWORD,
    ca: more.tls === true ? readFileSync(redis.cert, 'utf8') : undefined,
    timeoutMs: TIMEOUT_MS,
  });

let keys = 0;
for (const tls of [false, true]) {
  describe(tls ? 'over TLS' : 'in the clear', () => {
    let store: ReturnType<typeof redisStore>;
    beforeAll(() => void (store = open({ tls })));
    afterAll(() => store.close());
    for (const { name, run } of modelStoreContract(() => ({ store, key: `key-${++keys}` }))) {
      test(name, async () => {
        await run();
        expect.assertions(0); // the contract asserts by itself, without a test library
      });
    }
  });
}

test('a wrong password is said in one sentence', async () => {
  const store = open({ password: 'another' });
  await expect(store.load('a')).rejects.toMatchObject({
    code: 'upstream.unavailable',
    message: expect.stringMatching(/^model store: .*(WRONGPASS|invalid)/) as string,
  });
  store.close();
});

test('a server that is stopped, silent or started again is met with an error, then with an answer', async () => {
  const store = open();
  const version = await store.save('kept', 'before', null);

  redis.process().kill('SIGSTOP');
  const asked = performance.now();
  await expect(store.load('kept')).rejects.toMatchObject({ code: 'upstream.unavailable' });
  expect(performance.now() - asked).toBeLessThan(2 * TIMEOUT_MS);
  redis.process().kill('SIGCONT');
  expect(await store.load('kept')).toEqual({ value: 'before', version });

  await redis.stop();
  await expect(store.load('kept')).rejects.toMatchObject({ code: 'upstream.unavailable' });
  await redis.start();
  await store.save('kept', 'after', version); // its append-only file knew the version
  expect((await store.load('kept'))?.value).toBe('after');
  store.close();
});

test('three deciders on one store: one writer per target, whoever gets the event', async () => {
  const stores = Array.from({ length: 3 }, () => open());
  const apps = stores.map((store) =>
    createApp(decider({ store, clock: systemClock, random: seededRandom, prior: {} })),
  );
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++) {
    const event = aStateEvent(
      aState({ tick: `t${n}`, observedAtMs: NOW_MS + n * 5000, requests: n * 100 }),
    );
    // the Broker delivers one of them twice at once, and again to another pod until it is answered
    const answers = await Promise.all(
      apps.map(async (app) => {
        for (let attempt = 0; attempt < 5; attempt++) {
          const { status } = await app.request('/', { method: 'POST', ...encodeEvent(event) });
          statuses.push(status);
          if (status < 300) return status;
        }
        return 500;
      }),
    );
    expect(Math.max(...answers)).toBeLessThan(300);
  }
  const { sequence, inputs } = JSON.parse(
    (await stores[0]!.load('nimbusguard-ledger-policy-1'))?.value ?? '{}',
  ) as { sequence: number; inputs: string[] };

  expect(sequence).toBe(12); // no beat was decided twice
  expect(new Set(inputs).size).toBe(12);
  expect(statuses).toContain(409);
  stores.forEach((store) => store.close());
});
