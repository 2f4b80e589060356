import fc from 'fast-check';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Readings } from '../events/state-observed.ts';
import { NOW_MS, TARGET } from '../testing/builders.ts';
import type { Pod, ReadingsRequest } from '../ports.ts';
import { brokerSink } from './event-sink.ts';
import { podMetrics } from './pod-metrics.ts';
import { expressionsOf, prometheusMetrics } from './prometheus-metrics.ts';
import { countBelow, histogramOf, parsePrometheus, quantileOf } from './prometheus-text.ts';
import type { Json } from './kubernetes-api.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { targetMetrics } from './target-metrics.ts';

type Answer = (body: string, url: string) => { status?: number; body: string } | undefined;
let answer: Answer = () => ({ body: '' });
let seen: { url: string; body: string }[] = [];
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    seen.push({ url: request.url ?? '', body });
    const reply = answer(body, request.url ?? '');
    if (reply === undefined) return; // never answers
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' });
    response.end(reply.body);
  });
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
beforeEach(() => (seen = []));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const clock = { at: NOW_MS, nowMs: () => clock.at };
const aPod = (over: Partial<Pod> = {}): Pod => ({
  uid: 'aaaa-bbbb',
  name: 'web-1',
  namespace: 'shop',
  ip: '127.0.0.1',
  port,
  createdAtMs: NOW_MS - 60_000,
  readyAtMs: NOW_MS - 50_000,
  restarts: 0,
  ready: true,
  draining: false,
  unplaced: null,
  cpuRequestCores: 0.5,
  memoryRequestBytes: 100e6,
  ...over,
});
const request = (pods: Pod[], over: Partial<ReadingsRequest> = {}): ReadingsRequest => ({
  policy: { namespace: 'shop', name: 'web' },
  source: 'pods',
  endpoint: undefined,
  port: undefined,
  queries: undefined,
  sloLatencyMs: 500,
  state: {
    target: TARGET,
    replicas: { desired: 1, ready: 1, starting: 0, draining: 0 },
    autoscaler: null,
    unplaced: null,
    pods,
  },
  ...over,
});

const exposition = (requests: number, late: number, failed: number): string =>
  `# TYPE http_requests_total counter
http_requests_total{code="200"} ${requests - failed}
http_requests_total{code="503"} ${failed}
http_request_duration_seconds_bucket{le="0.1"} ${(requests - late) / 2}
http_request_duration_seconds_bucket{le="0.5"} ${requests - late}
http_request_duration_seconds_bucket{le="+Inf"} ${requests}
http_request_duration_seconds_count ${requests}
http_requests_in_flight 3
process_cpu_seconds_total ${requests / 100}
process_resident_memory_bytes 5e7
`;

test('counters of each pod as they are; p95, CPU and memory since the scrape before', async () => {
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 4, clock });
  answer = () => ({ body: exposition(100, 10, 5) });
  const [first] = await metrics.read([request([aPod()])]);
  clock.at += 10_000;
  answer = () => ({ body: exposition(300, 20, 5) });
  const [second] = await metrics.read([request([aPod()])]);
  metrics.close();

  expect(first).toMatchObject({
    latencyP95Ms: null,
    cpuUtilization: null,
    memoryUtilization: 0.5,
    inFlight: 3,
  });
  expect(second?.counters).toEqual([
    {
      pod: 'bbbb',
      startedAtMs: NOW_MS - 50_000,
      requests: 300,
      inFlight: 3,
      late: 25,
      failed: 5,
    },
  ]);
  expect(second?.cpuUtilization).toBeCloseTo(0.4, 5); // 2 CPU seconds in 10 s of half a core
  expect(second?.latencyP95Ms).toBeCloseTo(500, 0);
});

test.each<[what: string, body: string, known: object]>([
  ['CPU alone', 'process_cpu_seconds_total 5\n', { counters: null, silentPods: 0 }],
  ['a page', '<!doctype html><title>shop</title>\n', { measuredAtMs: null, silentPods: 1 }],
  [
    'other names',
    'http_server_requests_seconds_count{uri="/"} 7\n',
    { measuredAtMs: null, counters: null, silentPods: 1 },
  ],
  [
    'a counter without series yet',
    '# TYPE http_requests_total counter\n',
    { counters: [expect.objectContaining({ requests: 0, late: null })] },
  ],
  [
    'requests without their durations',
    'http_requests_total{code="200"} 9\nhttp_requests_total{code="500"} 2\n',
    { counters: [expect.objectContaining({ requests: 11, failed: 2, late: null })] },
  ],
  [
    'less than nothing in flight',
    'http_requests_total{code="200"} 9\nhttp_requests_in_flight -2\n',
    { counters: [expect.objectContaining({ requests: 9, inFlight: null })], inFlight: null },
  ],
  [
    'an exemplar beside each count',
    `http_requests_total{code="200"} 1027.0 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.789
http_request_duration_seconds_bucket{le="0.5"} 1000 # {trace_id="oHg5SJYRHA0"} 0.43
http_request_duration_seconds_bucket{le="+Inf"} 1027 # {} 9.8
http_request_duration_seconds_count 1027
# EOF
`,
    { counters: [expect.objectContaining({ requests: 1027, late: 27 })] },
  ],
  [
    'blanks where the format allows them, a time and the line ends of Windows',
    '  http_requests_total\t{ path="/a}b\\"{" , code = "500" , } 7 1395066363000\r\n',
    { counters: [expect.objectContaining({ requests: 7, failed: 7 })] },
  ],
  [
    'a counter of OpenMetrics without series yet',
    '# TYPE http_requests counter\n# EOF\n',
    { counters: [expect.objectContaining({ requests: 0 })] },
  ],
  [
    'durations without their count',
    'http_request_duration_seconds_bucket{le="0.5"} 90\nhttp_request_duration_seconds_bucket{le="+Inf"} 100\n',
    { counters: [expect.objectContaining({ requests: 100, late: 10 })] },
  ],
])('of a pod that shows %s nothing is known that it does not say', async (_what, body, known) => {
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 4, clock });
  answer = () => ({ body });
  await metrics.read([request([aPod()])]);
  clock.at += 10_000;
  const [readings] = await metrics.read([request([aPod()])]);
  metrics.close();

  expect(readings).toMatchObject(known);
  expect(readings?.cpuUtilization).toBe(body.startsWith('process_cpu') ? 0 : null);
});

test('a pod whose server closes its idle connection just then is asked again', async () => {
  const served = new WeakSet<object>();
  const closing = http.createServer(({ socket }, response) => {
    if (served.has(socket)) return void socket.destroy(); // as if it had closed a moment before
    served.add(socket);
    response.end(exposition(100, 0, 0));
  });
  await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 4, clock });
  const pods = [aPod({ port: (closing.address() as AddressInfo).port })];
  const silent = [];
  for (let look = 0; look < 4; look++) {
    const [readings] = await metrics.read([request(pods)]);
    silent.push(readings?.silentPods);
  }
  metrics.close();
  closing.close();

  expect(silent).toEqual([0, 0, 0, 0]);
});

test('pods that hang keep no other target waiting, and are asked again when they may have come back', async () => {
  let isHanging = true;
  answer = () => (isHanging ? undefined : { body: exposition(100, 0, 0) });
  const metrics = podMetrics({ timeoutMs: 500, concurrency: 4, clock });
  const hung = Array.from({ length: 60 }, (_, n) => aPod({ uid: `h-${n}`, name: `h-${n}` }));
  const own = http.createServer((_request, response) => response.end(exposition(7, 0, 0)));
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const well = [aPod({ uid: 'w-1', port: (own.address() as AddressInfo).port })];
  const look = async () => {
    const startedMs = performance.now();
    clock.at += 5000;
    const readings = await metrics.read([request(hung), request(well)]);
    return { tookMs: performance.now() - startedMs, silent: readings.map((r) => r.silentPods) };
  };

  for (let beat = 0; beat < 3; beat++) {
    const { tookMs, silent } = await look();
    expect(silent).toEqual([60, 0]);
    expect(tookMs).toBeLessThan(3000); // 60 pods, 4 at a time, 500 ms each, would be 7500
  }
  isHanging = false;
  expect((await look()).silent).toEqual([0, 0]);
  metrics.close();
  own.closeAllConnections();
  own.close();
});

test('every series of a pod counts, however many there are', async () => {
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 4, clock });
  const series = Array.from({ length: 9000 }, (_, n) => `http_requests_total{path="/${n}"} 2`);
  answer = () => ({ body: series.join('\n') });
  const [readings] = await metrics.read([request([aPod()])]);
  metrics.close();

  expect(readings?.counters).toEqual([expect.objectContaining({ requests: 18_000 })]);
});

const anySeries = fc.record({
  name: fc.constantFrom(
    'http_requests_total',
    'http_request_duration_seconds_bucket',
    'http_request_duration_seconds_count',
    'http_requests_in_flight',
    'http_queue_length',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'workload_busy_seconds_total',
    'workload_slots',
  ),
  code: fc.constantFrom('200', '500'),
  le: fc.constantFrom('-1', '0', '0.1', '0.5', '5', '+Inf', 'NaN'),
  value: fc.constantFrom('-7', '-0.5', '0', '1', '12', '3e9', '1e308', 'NaN', '-Inf'),
});
const anyExposition = fc
  .array(anySeries, { maxLength: 12 })
  .map((all) =>
    all
      .map(({ name, code, le, value }) => `${name}{code="${code}",le="${le}"} ${value}\n`)
      .join(''),
  );

test('whatever a pod shows, what is read of it fits into an observation', async () => {
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 4, clock });
  const pods = [aPod({ cpuRequestCores: 0 }), aPod({ uid: 'b-2', memoryRequestBytes: 0 })];
  await fc.assert(
    fc.asyncProperty(anyExposition, async (body) => {
      answer = () => ({ body });
      clock.at += 5000;
      const [readings] = await metrics.read([request(pods)]);
      expect(Readings.safeParse(readings).error?.message).toBeUndefined();
    }),
    { numRuns: 150 },
  );
  metrics.close();
});

test('of few pods that answer no use is taken for that of all', async () => {
  const metrics = podMetrics({ timeoutMs: 200, concurrency: 4, clock });
  const silent = ['b-2', 'c-3'].map((uid) => aPod({ uid, port: 1 }));
  const uses = [];
  for (const pods of [[aPod()], [aPod(), ...silent.slice(1)], [aPod(), ...silent]]) {
    clock.at += 10_000;
    answer = () => ({ body: exposition(clock.at / 1000 - NOW_MS / 1000, 0, 0) });
    const [readings] = await metrics.read([request(pods)]);
    uses.push(readings?.cpuUtilization ?? null);
  }
  metrics.close();

  expect(uses).toEqual([null, expect.closeTo(0.02, 5), null]);
});

test.each<[string, Answer, Partial<Pod>]>([
  ['answers 500', () => ({ status: 500, body: '' }), {}],
  ['never answers', () => undefined, {}],
  ['is not there', () => ({ body: '' }), { port: 1 }],
  ['has no address', () => ({ body: '' }), { ip: null }],
])('a pod that %s is silent, and nothing is known of it', async (_what, reply, over) => {
  const metrics = podMetrics({ timeoutMs: 200, concurrency: 4, clock });
  answer = reply;
  const [readings] = await metrics.read([request([aPod(over)])]);
  metrics.close();

  expect(readings).toMatchObject({ measuredAtMs: null, counters: null, silentPods: 1 });
});

test('any text is read without an error, and gives finite numbers only', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      const series = parsePrometheus(`${text}\nok{a="b"} 1\nbad NaN\nbad +Inf`, () => true);
      expect(series.every(({ value }) => Number.isFinite(value))).toBe(true);
      expect(series).toContainEqual({ name: 'ok', labels: { a: 'b' }, value: 1 });
    }),
  );
});

test.each([
  [0.25, 61.875],
  [0.5, 90],
  [2, 90],
])('%d s: at or below it were %d of 100, linear within a bucket', (seconds, below) => {
  const histogram = histogramOf(
    parsePrometheus(exposition(100, 10, 0), () => true),
    'http_request_duration_seconds',
  )!;

  expect(countBelow(histogram, seconds)).toBeCloseTo(below, 0);
  expect(quantileOf(histogram, 0.9)).toBeCloseTo(0.5, 5);
});

test('a template cannot be broken out of by a name', () => {
  const evil = request([aPod({ name: 'b.*"\n-0' })]);
  const state = { ...evil.state, target: { ...TARGET, namespace: 'a"} or x{', name: 'b.*"\n' } };
  const expression = expressionsOf({ ...evil, state });

  expect(expression('sum(m{namespace=$namespace,pod=~$pods,n=$name})')).toBe(
    String.raw`sum(m{namespace="a\"} or x{",pod=~"b\\.\\*\"\n-[0-9]+",n="b.*\"\n"})`,
  );
});

test('requests in time are those of the bucket of the SLO, under either name of a whole second', async () => {
  answer = () => result({});
  const asked = request([], { source: 'prometheus', endpoint: 'main' });
  await prometheus().read([{ ...asked, sloLatencyMs: 1000 }]);
  const query = new URLSearchParams(seen[0]?.body).get('query') ?? '';

  expect([...query.matchAll(/le="([^"]+)"/g)].map((match) => match[1])).toEqual(['1', '1.0']);
});

test('an autoscaler as the target is asked for by the pods of what it scales', async () => {
  answer = () => result({ '0.requestsPerSecond': '7' });
  const pods = [aPod({ name: 'web-5d9c7b4f8x-x2k4z' })];
  const asked = request(pods, { source: 'prometheus', endpoint: 'main' });
  const target = { ...TARGET, kind: 'HorizontalPodAutoscaler', name: 'web-hpa' };
  await prometheus().read([{ ...asked, state: { ...asked.state, target } }]);
  const query = new URLSearchParams(seen[0]?.body).get('query') ?? '';

  expect(query).toContain('namespace="shop",pod=~"web-[bcdf');
  expect(query).not.toContain('pod=~"web-hpa');
});

const prometheus = () =>
  prometheusMetrics({ endpoints: { main: `http://127.0.0.1:${port}` }, clock, timeoutMs: 2000 });
const result = (values: Record<string, string>) => ({
  body: JSON.stringify({
    status: 'success',
    data: {
      result: Object.entries(values).map(([key, value]) => ({
        metric: { nimbusguard_key: key },
        value: [0, value],
      })),
    },
  }),
});

test('one query for many policies; NaN, infinite and negative values are no data', async () => {
  answer = () =>
    result({
      '0.requestsPerSecond': '120.5',
      '0.lateRatio': 'NaN',
      '0.cpuUtilization': '+Inf',
      '0.measuredAtSeconds': String(NOW_MS / 1000 - 8),
      '1.requestsPerSecond': '-3',
    });
  const asked = request([], { source: 'prometheus', endpoint: 'main' });
  const [first, second] = await prometheus().read([asked, asked]);

  expect(seen).toHaveLength(1);
  expect(first).toMatchObject({
    measuredAtMs: NOW_MS - 8000,
    rates: { requestsPerSecond: 120.5, lateRatio: null },
    cpuUtilization: null,
  });
  expect(second).toMatchObject({ measuredAtMs: null, rates: null });
});

test('a query that gives several values, or one that is none, is no data', async () => {
  const series = (key: string, pod: string, value: unknown) => ({
    metric: { nimbusguard_key: key, pod },
    value: [0, value],
  });
  const asked = request([], { source: 'prometheus', endpoint: 'main' });
  answer = () => ({
    body: JSON.stringify({
      status: 'success',
      data: {
        result: [
          series('0.requestsPerSecond', 'a', '40'),
          series('0.requestsPerSecond', 'b', '2'),
          series('0.requestsPerSecond', 'c', 'NaN'),
          series('0.cpuUtilization', 'a', ''),
          series('0.inFlight', 'a', null),
          series('0.lagMessages', 'a', '0'),
        ],
      },
    }),
  });
  const [readings] = await prometheus().read([asked]);

  expect(readings).toMatchObject({
    rates: { requestsPerSecond: null },
    cpuUtilization: null,
    inFlight: null,
    lagMessages: 0,
  });
});

const saying = (said: object) => ({
  body: JSON.stringify({
    status: 'success',
    ...said,
    data: {
      result: [{ metric: { nimbusguard_key: '0.requestsPerSecond' }, value: [0, '7'] }],
    },
  }),
});

test.each<[string, Answer, number | null]>([
  ['that could not reach a part of its stores', () => saying({ warnings: ['receive: EOF'] }), null],
  ['that says that it is a part', () => saying({ isPartial: true }), null],
  ['with a note on the query', () => saying({ warnings: ['PromQL warning: bounds'] }), 7],
  ['that is overloaded', () => ({ status: 503, body: '{"status":"error"}' }), null],
  ['behind a proxy that is alone', () => ({ status: 502, body: '<html>' }), null],
])('a server %s is asked once, and a part is not taken for the whole', async (_what, reply, at) => {
  answer = reply;
  const asked = request([], { source: 'prometheus', endpoint: 'main' });
  const [readings] = await prometheus().read([asked, asked, asked]);

  expect(readings?.rates?.requestsPerSecond ?? null).toBe(at);
  expect(seen).toHaveLength(1);
  expect(new URLSearchParams(seen[0]?.body).get('partial_response')).toBe('false');
});

test('a time of no clock is no time of the samples', async () => {
  answer = () => result({ '0.requestsPerSecond': '7', '0.measuredAtSeconds': `${NOW_MS * 1000}` });
  const asked = request([], { source: 'prometheus', endpoint: 'main' });
  const [readings] = await prometheus().read([asked]);

  expect(Readings.safeParse(readings).error?.message).toBeUndefined();
});

test('one bad template spoils neither its policy nor its neighbours', async () => {
  answer = (body) => {
    const query = new URLSearchParams(body).get('query') ?? '';
    if (query.includes('broken(')) return { status: 400, body: 'bad' };
    const keys = [...query.matchAll(/"nimbusguard_key", "([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    return result(Object.fromEntries(keys.map((key) => [key, '7'])));
  };
  const good = request([], { source: 'prometheus', endpoint: 'main' });
  const [first, second] = await prometheus().read([
    { ...good, queries: { inFlight: 'broken(' } },
    good,
  ]);

  expect(seen.length).toBeLessThan(14);
  expect(first).toMatchObject({ inFlight: null, rates: { requestsPerSecond: 7 } });
  expect(second).toMatchObject({ inFlight: 7, rates: { requestsPerSecond: 7 } });
});

test('an endpoint that nobody configured is never called', async () => {
  const [readings] = await prometheus().read([
    request([], { source: 'prometheus', endpoint: `http://127.0.0.1:${port}` }),
  ]);

  expect(seen).toEqual([]);
  expect(readings?.measuredAtMs).toBeNull();
});

test('resource metrics: used over requested, the rate of requests unknown', async () => {
  const items = [
    {
      metadata: { name: 'web-1' },
      timestamp: new Date(NOW_MS - 12_000).toISOString(),
      window: '20s',
      containers: [
        { usage: { cpu: '250m', memory: '50000000' } },
        { usage: { cpu: '50000000n', memory: '0' } },
      ],
    },
  ];
  const api = { request: () => Promise.resolve({ items }), close: () => undefined };
  const [readings] = await resourceMetrics({ api }).read([
    request([aPod(), aPod({ uid: 'x', name: 'web-2' })], { source: 'resource' }),
  ]);

  expect(readings).toMatchObject({
    measuredAtMs: NOW_MS - 12_000,
    rates: { windowMs: 20_000, requestsPerSecond: null },
    cpuUtilization: 0.6,
    memoryUtilization: 0.5,
    silentPods: 1,
  });
});

test('resource metrics: a container that does not say is not one that uses nothing', async () => {
  const pod = (name: string, containers: object[]) => ({
    metadata: { name },
    timestamp: new Date(NOW_MS).toISOString(),
    window: '1m2.5s',
    containers: containers.map((usage) => ({ usage })),
  });
  const items = [
    pod('web-1', [{ cpu: '400m', memory: '50M' }]),
    pod('web-2', [{ cpu: '1m', memory: '50M' }, { memory: '1M' }]),
  ];
  const api = { request: () => Promise.resolve({ items }), close: () => undefined };
  const pods = [aPod(), aPod({ uid: 'x', name: 'web-2' })];
  const [readings] = await resourceMetrics({ api }).read([request(pods, { source: 'resource' })]);

  expect(readings).toMatchObject({ cpuUtilization: 0.8, rates: { windowMs: 62_500 } });
});

test('of resource metrics only pods that are ready and stay count, and only what has a time', async () => {
  const timestamp = new Date(NOW_MS - 12_000).toISOString();
  const containers = [{ usage: { cpu: '500m', memory: '50000000' } }];
  const items = ['web-1', 'starts', 'drains'].map((name) => ({
    ...{ metadata: { name }, timestamp, window: '20s', containers },
  }));
  const untimed = { metadata: { name: 'untimed' }, containers };
  const api = {
    request: () => Promise.resolve({ items: [...items, untimed] }),
    close: () => undefined,
  };
  const [readings] = await resourceMetrics({ api }).read([
    request([
      aPod({ cpuRequestCores: 1 }),
      aPod({ uid: 's', name: 'starts', ready: false }),
      aPod({ uid: 'd', name: 'drains', draining: true }),
      aPod({ uid: 'u', name: 'untimed' }),
    ]),
  ]);

  expect(readings).toMatchObject({ cpuUtilization: 0.5, silentPods: 1 });
});

const items = [
  {
    metadata: { name: 'web-1' },
    timestamp: new Date(NOW_MS - 12_000).toISOString(),
    window: '20s',
    containers: [{ usage: { cpu: '250m', memory: '50000000' } }],
  },
];
const nobody: Answer = () => ({ status: 500, body: '' });

/** What every source says at once: pods 100 requests so far, Prometheus 7 requests/s, the cluster CPU. */
const everySource: Answer = (_body, url) => {
  if (url.startsWith('/api/v1/query')) return result({ '0.requestsPerSecond': '7' });
  return { body: exposition(100, 0, 0) };
};

test.each<[what: string, over: Partial<ReadingsRequest>, answers: Answer, source: string]>([
  ['pods', { source: 'pods' }, everySource, 'pods'],
  ['resource', { source: 'resource' }, everySource, 'resource'],
  ['prometheus', { source: 'prometheus', endpoint: 'main' }, everySource, 'prometheus'],
  ['auto with an endpoint', { source: 'auto', endpoint: 'main' }, everySource, 'prometheus'],
  ['auto without one', { source: 'auto' }, everySource, 'pods'],
  ['auto where no pod answers', { source: 'auto' }, nobody, 'resource'],
  ['pods where none answers', { source: 'pods' }, nobody, 'pods'],
])('telemetry by source %s', async (_what, over, answers, source) => {
  answer = answers;
  let asked = 0;
  const api = {
    request: (): Promise<Json> => {
      asked += 1;
      return Promise.resolve({ items });
    },
    close: () => undefined,
  };
  const endpoints = { main: `http://127.0.0.1:${port}` };
  const metrics = targetMetrics({ api, clock, timeoutMs: 2000, endpoints });
  const other = request([aPod({ uid: 'o', ready: false })], { source: 'auto' });
  other.state.replicas.ready = 0; // nobody to ask, and nobody else is asked in its place
  const [idle, readings] = await metrics.read([other, request([aPod()], over)]);
  metrics.close();

  expect(readings?.source).toBe(source);
  expect(readings?.measuredAtMs === null).toBe(source === 'pods' && answers !== everySource);
  expect(idle).toMatchObject({ source: 'pods', measuredAtMs: null });
  expect(asked).toBe(source === 'resource' ? 1 : 0);
});

const event = { specversion: '1.0', id: 'e', source: '/s', type: 't', data: {} } as const;
const sink = () =>
  brokerSink({
    url: `http://127.0.0.1:${port}/shop/default`,
    timeoutMs: 500,
    encode: ({ id }) => ({ headers: { 'ce-id': id }, body: '{}' }),
  });

test.each([
  ['stored at once', [202], 1, 'resolves'],
  ['away for a moment', [503, 429, 202], 3, 'resolves'],
  ['not there yet', [404, 404, 202], 3, 'resolves'],
  ['slow and in a conflict', [408, 409, 202], 3, 'resolves'],
  ['refusing it', [400], 1, 'broker refused'],
  ['away', [503, 503, 503, 503], 4, 'did not store'],
])('sending to a broker that is %s', async (_what, statuses, attempts, outcome) => {
  const left = [...statuses];
  answer = () => ({ status: left.shift() ?? 202, body: '' });
  const sending = sink().send(event);

  if (outcome === 'resolves') await sending;
  else await expect(sending).rejects.toThrow(outcome);
  expect(seen).toHaveLength(attempts);
});
