import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createApp } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { connectWith } from './connect.ts';
import { loadGenerator, type Deps } from './handler.ts';
import { PATTERNS } from './pattern.ts';
import type { Answer, Recorder } from './recorder.ts';
import type { Sender } from './sender.ts';
import { tracesIn } from './traces.ts';

beforeEach(() =>
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'],
  }),
);
afterEach(() => vi.useRealTimers());

/** Answers every request after `afterMs`; closing gives up what is under way. */
function scripted(afterMs: number, answer: Answer): Sender {
  const open = new Set<(answer: Answer) => void>();
  return {
    send(_sequence, done) {
      open.add(done);
      setTimeout(() => open.delete(done) && done(answer), afterMs);
    },
    close() {
      const givenUp = [...open];
      open.clear();
      for (const done of givenUp) done({ ok: false, code: 'stopped' });
      return Promise.resolve();
    },
  };
}

function anApp(deps: Partial<Deps> = {}, env: NodeJS.ProcessEnv = {}) {
  const config = loadConfig({ TARGET_URL: 'http://shop.store', ...env });
  let runs = 0;
  const spec = loadGenerator({
    config,
    resolve: () => Promise.resolve([{ address: '10.96.0.17' }]),
    connect: () => Promise.resolve(scripted(20, { ok: true, code: '200' })),
    readTrace: tracesIn(undefined),
    nowMs: () => Date.now(),
    wallMs: () => Date.now(),
    newId: () => `run-${(runs += 1)}`,
    ...deps,
  });
  return createApp(spec);
}

type App = ReturnType<typeof anApp>;

const post = async (
  app: App,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  app.request(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });

const get = async (app: App, path: string): Promise<unknown> => (await app.request(path)).json();

const KNOWN = '{"pattern": "spike", "duration": 300, "target": "http", "intensity": 75}';

test('the call that users of the original know is taken with only its keys', async () => {
  const app = anApp();
  const answer = await post(app, '/load/generate', KNOWN);
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({
    state: 'running',
    id: 'run-1',
    pattern: 'spike',
    durationSeconds: 300,
  });
  await vi.advanceTimersByTimeAsync(100_000);
  const status = await get(app, '/load/status');
  expect(status).toHaveProperty('latencyMs.max');
  const { p50, max } = (status as Pick<ReturnType<Recorder['times']>, 'latencyMs'>).latencyMs;
  expect(p50).toBeGreaterThanOrEqual(20);
  expect(max).toBeLessThanOrEqual(23);
  expect(status).toMatchObject({
    state: 'running',
    elapsedSeconds: 100,
    scheduledPerSecond: 600,
    offeredPerSecond: 600,
    achievedPerSecond: 588, // those due in the last 12 of the 20 ms are still under way
    late: 0,
    dropped: 0,
    generatorSaturated: false,
  });
  await post(app, '/load/stop', '');
});

test('a load is reported second by second when it is over', async () => {
  const app = anApp();
  await post(app, '/load/generate', {
    pattern: 'constant',
    duration: 3,
    rate: 50,
    sloMilliseconds: 10,
  });
  await vi.advanceTimersByTimeAsync(4000);
  expect(await get(app, '/load/report')).toMatchObject({
    state: 'done',
    offered: 150,
    achieved: 150,
    late: 150,
    slo: { milliseconds: 10, violatingSeconds: 3, seconds: 3, lateRatio: 1 },
    plan: { pattern: 'constant', peakPerSecond: 50, seed: 1 },
    seconds: [
      { second: 0, offered: 50, succeeded: 50, late: 50, violating: true },
      { second: 1, offered: 50, succeeded: 50, late: 50, violating: true },
      { second: 2, offered: 50, succeeded: 50, late: 50, violating: true },
    ],
  });
});

test('one load at a time: a second one is refused until the first was stopped', async () => {
  const app = anApp();
  await post(app, '/load/generate', KNOWN);
  const second = await post(app, '/load/generate', KNOWN);
  expect(second.status).toBe(409);
  expect(await second.text()).toContain('run-1');
  const stopped = await post(app, '/load/stop', '');
  expect(await stopped.json()).toMatchObject({ id: 'run-1', state: 'stopped' });
  const third = await post(app, '/load/generate', KNOWN);
  expect(third.status).toBe(202);
  expect(await third.json()).toMatchObject({ id: 'run-2' });
  await post(app, '/load/stop', '');
});

test('a load that is stopped on its way to the target does not begin', async () => {
  const { promise, resolve } = Promise.withResolvers<Sender>();
  const sender = scripted(20, { ok: true, code: '200' });
  const close = vi.spyOn(sender, 'close');
  const app = anApp({ connect: () => promise });
  const asked = post(app, '/load/generate', KNOWN);
  await vi.advanceTimersByTimeAsync(1);
  expect(await (await post(app, '/load/stop', '')).json()).toEqual({ state: 'idle' });
  resolve(sender);
  expect(await (await asked).json()).toMatchObject({
    status: 409,
    detail: 'the load was stopped before it began',
  });
  expect(await get(app, '/load/status')).toEqual({ state: 'idle' });
  expect(close).toHaveBeenCalledTimes(1);
  expect((await post(app, '/load/generate', KNOWN)).status).toBe(202);
  await post(app, '/load/stop', '');
});

test('the same idempotency key does not start a second load', async () => {
  const app = anApp();
  for (let i = 0; i < 2; i += 1) {
    const answer = await post(app, '/load/generate', KNOWN, { 'idempotency-key': 'k' });
    expect(await answer.json()).toMatchObject({ id: 'run-1' });
  }
  await post(app, '/load/stop', '');
});

test('a target that hangs: too many under way are dropped, a stop gives the rest up', async () => {
  const connect = () => Promise.resolve(scripted(60_000, { ok: true, code: '200' }));
  const app = anApp({ connect }, { MAX_IN_FLIGHT: '10' });
  await post(app, '/load/generate', { pattern: 'constant', duration: 60, rate: 50 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await get(app, '/load/status')).toMatchObject({ inFlight: 10, offered: 50, dropped: 40 });
  expect(await (await post(app, '/load/stop', '')).json()).toMatchObject({ state: 'draining' });
  await vi.advanceTimersByTimeAsync(2001);
  expect(await get(app, '/load/status')).toMatchObject({
    state: 'stopped',
    failed: 10,
    codes: { stopped: 10 },
    slo: { violatingSeconds: 1 },
  });
});

test('a stop also gives up what is under way when all was sent', async () => {
  const connect = () => Promise.resolve(scripted(60_000, { ok: true, code: '200' }));
  const app = anApp({ connect });
  await post(app, '/load/generate', { pattern: 'constant', duration: 2, rate: 5 });
  await vi.advanceTimersByTimeAsync(3000);
  expect(await get(app, '/load/status')).toMatchObject({ state: 'draining', inFlight: 10 });
  await post(app, '/load/stop', '');
  await vi.advanceTimersByTimeAsync(2001);
  expect(await get(app, '/load/status')).toMatchObject({ state: 'done', failed: 10 });
  expect((await post(app, '/load/generate', KNOWN)).status).toBe(202);
  await post(app, '/load/stop', '');
});

test('before any load the state is idle', async () => {
  const app = anApp();
  expect(await get(app, '/load/status')).toEqual({ state: 'idle' });
  expect(await get(app, '/load/report')).toEqual({ state: 'idle' });
  expect(await (await post(app, '/load/stop', '')).json()).toEqual({ state: 'idle' });
});

test('the preview shows the schedule and starts nothing', async () => {
  const app = anApp();
  const shown: unknown = await (await post(app, '/load/preview', KNOWN)).json();
  expect(shown).toMatchObject({ pattern: 'spike', durationSeconds: 300, peakPerSecond: 600 });
  expect(shown).toHaveProperty('series.0', { tSeconds: 0, perSecond: 40 });
  expect(shown).toHaveProperty('series.length', 300);
  expect(await get(app, '/load/status')).toEqual({ state: 'idle' });
});

test('metrics tell what the running load does', async () => {
  const app = anApp();
  await post(app, '/load/generate', { pattern: 'constant', duration: 9, rate: 10 });
  await vi.advanceTimersByTimeAsync(1000);
  const text = await (await app.request('/metrics')).text();
  expect(text).toContain('nimbusguard_load_running 1');
  expect(text).toContain('nimbusguard_load_offered_requests 10');
  await post(app, '/load/stop', '');
});

test('the stream tells the status at once', async () => {
  vi.useRealTimers();
  const response = await anApp().request('/load/stream');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toContain('data: {"state":"idle"}');
  await reader.cancel();
});

test.each<[body: unknown, status: number, says: string]>([
  [{ pattern: 'zigzag', duration: 10, intensity: 10 }, 400, 'spike'],
  [{ duration: 10, intensity: 10 }, 400, 'pattern'],
  [{ pattern: 'spike', intensity: 10 }, 400, 'duration'],
  [{ pattern: 'spike', duration: '300', intensity: 10 }, 400, 'duration'],
  [{ pattern: 'spike', duration: 1e9, intensity: 10 }, 400, '86400'],
  [{ pattern: 'spike', duration: 0, intensity: 10 }, 400, 'duration'],
  [{ pattern: 'spike', duration: 300 }, 400, 'intensity'],
  [{ pattern: 'spike', duration: 300, intensity: 101 }, 400, 'intensity'],
  [{ pattern: 'spike', duration: 300, intensity: -1 }, 400, 'intensity'],
  [{ pattern: 'spike', duration: 300, intensity: 50, rate: 10 }, 400, 'exclude each other'],
  [{ pattern: 'spike', duration: 300, rate: 1e6 }, 400, 'rate'],
  [
    { pattern: 'spike', duration: 300, intensity: 50, intensty: 1 },
    400,
    'intensty: is not a known field (got 1)',
  ],
  [{ pattern: 'replay', duration: 300 }, 400, 'trace'],
  [{ pattern: 'replay', duration: 300, trace: 't_s,rps\n0,x\n' }, 400, 'line 2'],
  [{ pattern: 'replay', duration: 300, trace: '../../etc/passwd' }, 400, 'name of a .csv file'],
  [{ pattern: 'replay', duration: 300, trace: 'week.csv' }, 400, 'TRACE_DIR'],
  [
    { pattern: 'spike', duration: 300, intensity: 50, target: 'kafka' },
    400,
    'kafka is not configured',
  ],
  [
    { pattern: 'spike', duration: 300, intensity: 50, target: 'http://169.254.169.254/' },
    400,
    'allowed are',
  ],
  ['{"pattern": "spike", "duration": NaN}', 400, 'malformed JSON'],
  ['[]', 400, 'expected object'],
  ['', 400, 'pattern'],
])('%j is refused with %i and says %s', async (body, status, says) => {
  const app = anApp();
  const answer = await post(app, '/load/generate', body);
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.text()).toContain(says);
  expect(await get(app, '/load/status')).toEqual({ state: 'idle' });
});

test('a body above 1 MiB, another content type and an unknown route are refused as such', async () => {
  const app = anApp();
  expect((await post(app, '/load/generate', 'x'.repeat(1_048_577))).status).toBe(413);
  expect((await post(app, '/load/generate', KNOWN, { 'content-type': 'text/xml' })).status).toBe(
    415,
  );
  expect((await post(app, '/load/start', KNOWN)).status).toBe(404);
});

test('a Kafka that cannot be reached is said so and nothing runs', async () => {
  vi.useRealTimers();
  const env = { KAFKA_BROKERS: '127.0.0.1:1', KAFKA_TOPIC: 'work', REQUEST_TIMEOUT_MS: '500' };
  const config = loadConfig({ TARGET_URL: 'http://shop.store', ...env });
  const app = anApp({ connect: connectWith(config) }, env);
  const answer = await post(app, '/load/generate', {
    pattern: 'constant',
    duration: 9,
    rate: 1,
    target: 'kafka',
  });
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain('Kafka');
  expect(await get(app, '/load/status')).toEqual({ state: 'idle' });
});

test('whatever is sent to any endpoint, the answer is never a 500', async () => {
  const app = anApp();
  const path = fc.constantFrom('/load/generate', '/load/preview', '/load/stop');
  const value = fc.oneof(
    fc.double(),
    fc.string(),
    fc.constant(null),
    fc.integer({ min: 1, max: 200 }),
  );
  const record = fc.record(
    {
      pattern: fc.oneof(fc.constantFrom(...PATTERNS), fc.string()),
      duration: value,
      intensity: value,
      rate: value,
      baseRate: value,
      seed: value,
      trace: fc.oneof(fc.string(), fc.constant('t_s,rps\n0,1\n1,2\n')),
      target: fc.oneof(fc.constantFrom('http', 'kafka'), fc.webUrl(), fc.string()),
    },
    { requiredKeys: ['pattern', 'duration'] },
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    record.map((r) => JSON.stringify(r)),
  );
  await fc.assert(
    fc.asyncProperty(path, body, async (at, text) => {
      const answer = await post(app, at, text);
      expect([200, 202, 400, 409]).toContain(answer.status);
      if (answer.status === 202) {
        await post(app, '/load/stop', '');
        await vi.advanceTimersByTimeAsync(20); // what is under way is answered: the next may start
      }
    }),
    { numRuns: 60 },
  );
});

test.each<[env: NodeJS.ProcessEnv, says: RegExp]>([
  [{}, /TARGET_URL/],
  [
    { TARGET_URL: 'file:///etc/passwd', MAX_RATE: '0' },
    /TARGET_URL[^]*MAX_RATE|MAX_RATE[^]*TARGET_URL/,
  ],
  [{ TARGET_URL: 'http://a', ALLOWED_TARGETS: 'http://b,ftp://c' }, /ALLOWED_TARGETS/],
  [{ KAFKA_TOPIC: 'work' }, /TARGET_URL[^]*set both or neither/],
  [{ TARGET_URL: 'http://a', KAFKA_TOPIC: 'work' }, /set both or neither/],
])('the configuration %j is refused at start', (env, says) => {
  expect(() => loadConfig(env)).toThrow(says);
});
