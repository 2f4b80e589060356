import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AlertData, CloudEventOf } from '#shared/events/index.ts';
import { NimbusError } from '#shared/errors.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { loadConfig, queueOf } from './config.ts';
import { consumerWorkload, type Deps } from './handler.ts';
import { timedWorker } from './timed-worker.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** The workload on fake time that starts 60 s after its process did. */
function aWorkload(env: NodeJS.ProcessEnv = {}, deps: Partial<Deps> = {}) {
  const config = loadConfig(env);
  const sent: CloudEventOf<AlertData>[] = [];
  const startedMs = performance.now() - 60_000;
  const uptimeMs = (): number => performance.now() - startedMs;
  const spec = consumerWorkload({
    config,
    worker: timedWorker(queueOf(config), uptimeMs),
    sendAlert: (alert) => {
      sent.push(alert);
      return Promise.resolve();
    },
    pod: 'pod-1',
    uptimeMs,
    wallMs: () => Date.UTC(2026, 0, 1),
    newId: () => 'id-1',
    ...deps,
  });
  return { app: createApp(spec), sent };
}

type App = ReturnType<typeof aWorkload>['app'];

const post = async (
  app: App,
  path: string,
  body: unknown,
  type = 'application/json',
): Promise<Response> =>
  app.request(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': type },
  });

const get = async (app: App, path: string): Promise<Response> => app.request(path);

const metric = async (app: App, name: string): Promise<string | undefined> => {
  const text = await (await app.request('/metrics')).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
};

test('a request is answered after its service time, the next one after that', async () => {
  const { app } = aWorkload();
  const answers = Promise.all([get(app, '/'), get(app, '/work'), post(app, '/work', '')]);
  await vi.advanceTimersByTimeAsync(61);
  const bodies = await Promise.all((await answers).map((answer) => answer.json()));
  expect(bodies).toEqual([
    { pod: 'pod-1', queuedMs: 0, totalMs: 20 },
    { pod: 'pod-1', queuedMs: 20, totalMs: 40 },
    { pod: 'pod-1', queuedMs: 40, totalMs: 60 },
  ]);
  expect(await metric(app, 'http_requests_total{code="200"}')).toBe('3');
  expect(await metric(app, 'http_request_duration_seconds_bucket{le="0.05"}')).toBe('2');
  expect(Number(await metric(app, 'workload_busy_seconds_total'))).toBeCloseTo(0.06, 3);
});

test('a full queue answers 503 with Retry-After and counts it as a request', async () => {
  const { app } = aWorkload({ QUEUE_LIMIT: '1' });
  const served = [get(app, '/work'), get(app, '/work')];
  const refused = await app.request('/work');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(await metric(app, 'http_queue_length')).toBe('1');
  expect(await metric(app, 'http_requests_in_flight')).toBe('2');
  expect(await metric(app, 'http_requests_total{code="503"}')).toBe('1');
  await vi.advanceTimersByTimeAsync(50);
  await Promise.all(served);
});

test('a pod that starts is alive but not ready, and takes no work', async () => {
  const { app } = aWorkload({ STARTUP_DELAY_MS: '68000' });
  expect((await app.request('/healthz')).status).toBe(200);
  const ready = await app.request('/readyz');
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('8000 ms to go');
  const work = await app.request('/work');
  expect([work.status, work.headers.get('retry-after')]).toEqual([503, '8']);
  await vi.advanceTimersByTimeAsync(8000);
  expect((await app.request('/readyz')).status).toBe(200);
});

test('the call that users of the original know starts the CPU workload, which ends by itself', async () => {
  const { app } = aWorkload();
  const started = await post(app, '/api/v1/workload/cpu/start', { intensity: 80, duration: 300 });
  expect(await started.json()).toEqual({
    workload: 'cpu',
    pod: 'pod-1',
    state: 'running',
    intensity: 80,
    durationSeconds: 300,
    remainingSeconds: 300,
  });
  await vi.advanceTimersByTimeAsync(100_000);
  expect(Number(await metric(app, 'workload_busy_seconds_total'))).toBeCloseTo(80, 1);
  const slow = app.request('/work');
  await vi.advanceTimersByTimeAsync(101);
  expect(await (await slow).json()).toMatchObject({ totalMs: 100 });
  const status: unknown = await (await app.request('/api/v1/workload/cpu/status')).json();
  expect(status).toMatchObject({ state: 'running', remainingSeconds: 199.9 });
  await vi.advanceTimersByTimeAsync(200_000);
  const over: unknown = await (await app.request('/api/v1/workload/cpu/status')).json();
  expect(over).toMatchObject({ state: 'idle', intensity: 0, remainingSeconds: 0 });
});

test('the memory workload is started, reported and stopped', async () => {
  const { app } = aWorkload({ MEMORY_WORKLOAD_MAX_MB: '4' });
  const before = process.memoryUsage().arrayBuffers;
  await post(app, '/api/v1/workload/memory/start', { intensity: 50, duration: 10 });
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThanOrEqual(2 * 1_048_576);
  const stopped = await post(app, '/api/v1/workload/memory/stop', '');
  expect(await stopped.json()).toMatchObject({ workload: 'memory', state: 'idle' });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576); // with nothing collected
});

test('an event triggered by curl without a content type becomes alert.raised', async () => {
  const { app, sent } = aWorkload();
  const body = '{"event_type": "high_cpu_usage", "service": "consumer-workload", "value": 90}';
  const answer = await post(
    app,
    '/api/v1/events/trigger',
    body,
    'application/x-www-form-urlencoded',
  );
  expect([answer.status, await answer.json()]).toEqual([
    202,
    {
      id: 'id-1',
      type: 'io.nimbusguard.alert.raised.v1',
      subject: 'nimbusguard/consumer-workload',
    },
  ]);
  expect(sent).toEqual([
    {
      specversion: '1.0',
      id: 'id-1',
      source: '/nimbusguard/consumer-workload',
      type: 'io.nimbusguard.alert.raised.v1',
      subject: 'nimbusguard/consumer-workload',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      partitionkey: 'nimbusguard/consumer-workload',
      data: {
        eventType: 'high_cpu_usage',
        service: 'consumer-workload',
        namespace: 'nimbusguard',
        value: 90,
      },
    },
  ]);
});

test('an alert that the Broker did not store is not called accepted', async () => {
  const sendAlert = () =>
    Promise.reject(new NimbusError('upstream.unavailable', 'the Broker cannot be reached'));
  const { app } = aWorkload({}, { sendAlert });
  const answer = await post(app, '/api/v1/events/trigger', { event_type: 'x', service: 'y' });
  expect(answer.status).toBe(503);
});

test.each<[path: string, body: unknown, status: number, field: string]>([
  ['workload/cpu/start', { intensity: 101, duration: 300 }, 400, 'intensity'],
  ['workload/cpu/start', { intensity: '80', duration: 300 }, 400, 'intensity'],
  ['workload/cpu/start', { intensity: 80 }, 400, 'duration'],
  ['workload/cpu/start', { intensity: 80, duration: -1 }, 400, 'duration'],
  ['workload/memory/start', { intensity: 80, duration: 1e12 }, 400, 'duration'],
  ['workload/cpu/start', '{"intensity": NaN}', 400, 'malformed JSON'],
  ['workload/disk/start', { intensity: 80, duration: 1 }, 404, 'no route'],
  ['events/trigger', { event_type: 'High CPU', service: 'a' }, 400, 'event_type'],
  ['events/trigger', { event_type: 'high_cpu', service: 'A b' }, 400, 'service'],
  ['events/trigger', { event_type: 'high_cpu', service: 'a', value: -1 }, 400, 'value'],
])('bad input to /api/v1/%s %j is answered %i and names %s', async (path, body, status, field) => {
  const answer = await post(aWorkload().app, `/api/v1/${path}`, body);
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.text()).toContain(field);
});

test('whatever is sent to any endpoint, the answer is never a 500', async () => {
  vi.useRealTimers();
  const { app } = aWorkload({ SERVICE_TIME_MS: '0.1', MEMORY_WORKLOAD_MAX_MB: '1' });
  const path = fc.constantFrom(
    '/',
    '/work',
    '/api/v1/workload/cpu/start',
    '/api/v1/workload/cpu/stop',
    '/api/v1/workload/memory/start',
    '/api/v1/events/trigger',
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record(
        {
          intensity: fc.double(),
          duration: fc.double(),
          event_type: fc.string(),
          service: fc.string(),
        },
        { requiredKeys: [] },
      )
      .map((record) => JSON.stringify(record)),
  );
  const type = fc.constantFrom('application/json', 'text/xml', 'application/x-www-form-urlencoded');
  await fc.assert(
    fc.asyncProperty(path, body, type, async (at, text, contentType) => {
      const answer = await post(app, at, text, contentType);
      expect([500, 501, 502]).not.toContain(answer.status);
    }),
    { numRuns: 200 },
  );
});

test.each<[env: NodeJS.ProcessEnv, says: RegExp]>([
  [{ WORKERS: '0' }, /WORKERS/],
  [
    { SERVICE_TIME_MS: 'fast', QUEUE_LIMIT: '-1' },
    /SERVICE_TIME_MS[^]*QUEUE_LIMIT|QUEUE_LIMIT[^]*SERVICE_TIME_MS/,
  ],
  [{ KAFKA_TOPIC: 'work', PORT: 'abc' }, /PORT[^]*set both or neither/],
  [{ KAFKA_BROKERS: 'kafka:9092' }, /set both or neither/],
  [{ K_SINK: 'file:///etc/passwd' }, /K_SINK/],
])('the configuration %j is refused at start', (env, says) => {
  expect(() => loadConfig(env)).toThrow(says);
});

test('empty values of a manifest are the same as none', () => {
  expect(loadConfig({ KAFKA_BROKERS: '', KAFKA_TOPIC: '', K_SINK: '' })).toMatchObject({
    PORT: 8080,
    WORKERS: 1,
    SERVICE_TIME_MS: 20,
  });
});
