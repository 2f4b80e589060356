import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { NimbusError } from '#shared/errors.ts';
import { DecisionMade, StateObserved, type UnknownEvent } from '#shared/events/index.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { z } from 'zod';
import {
  after,
  anOperator,
  anOperatorAfter,
  delivery,
  firstBeats,
  START_MS,
} from './testing/harness.ts';
import { ChainView, DeadLetter, DecisionRecord, Series, TargetView } from './view.ts';

const BEATS = 60;
const app = await anOperatorAfter(BEATS);
const small = await anOperatorAfter(5);
const ID = 'nimbusguard/consumer-workload';

const read = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
  const answer = await app.request(path);
  expect(answer.status).toBe(200);
  return schema.parse(await answer.json());
};

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  new Request(`http://operator${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

test('decisions come in full, newest first, by limit, target and time', async () => {
  const records = await read(`/api/decisions?target=${ID}&limit=5`, z.array(DecisionRecord));
  expect(records.length).toBe(5);
  const times = records.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const older = await read(
    `/api/decisions?limit=5&before=${String(times[4])}`,
    z.array(DecisionRecord),
  );
  expect(older.every(({ atMs }) => atMs < (times[4] ?? 0))).toBe(true);
});

test('page by page every decision comes once, also where one beat decided for many targets', async () => {
  const many = await anOperatorAfter(3);
  const sent = firstBeats(3).filter(({ type }) => type === DecisionMade.type);
  for (const event of sent) {
    for (let n = 0; n < 7; n++) {
      const { data, ...envelope } = DecisionMade.parse(event);
      const id = `${data.id}-${String(n)}`;
      const policy = { ...data.policy, name: `web-${String(n)}`, uid: `uid-${String(n)}` };
      const other = { ...envelope, id, subject: `nimbusguard/web-${String(n)}` };
      await many.request(delivery(DecisionMade.build(other, { ...data, id, policy })));
    }
  }
  const ask = async (query: string): Promise<string[]> => {
    const answer = await many.request(`/api/decisions?${query}`);
    return z
      .array(DecisionRecord)
      .parse(await answer.json())
      .map(({ id }) => id);
  };
  const all = await ask('limit=1000');
  expect(all.length).toBe(8 * sent.length);
  const paged: string[] = [];
  for (let page = await ask('limit=5'); page.length > 0;) {
    paged.push(...page);
    page = await ask(`limit=5&before=${encodeURIComponent(page.at(-1) ?? '')}`);
  }
  expect(paged).toEqual(all);
  expect((await many.request('/api/decisions?before=no-such-decision')).status).toBe(400);
});

test('one decision has a permanent address and answers why this number and not its neighbours', async () => {
  const [newest] = await read('/api/decisions?limit=1', z.array(DecisionRecord));
  const record = await read(`/api/decisions/${newest?.id ?? ''}`, DecisionRecord);
  expect(record).toEqual(newest);
  expect(record.options.some(({ replicas }) => replicas === record.to)).toBe(true);
});

test('targets answer: is all well, what is it doing, why, and what would HPA have', async () => {
  const [target] = await read('/api/targets', z.array(TargetView));
  expect(target?.sentence).toMatch(
    /^consumer-workload: \d+ pods? .*req\/s, p95 \d+ ms \(SLO 500\)/,
  );
  expect(target?.why).toMatch(/\w+ing\b/);
  expect(target?.hpaSentence).toMatch(/^HPA would have/);
  expect(target?.lastDecisionId).not.toBeNull();
});

test('series and chain are what their schemas say', async () => {
  const series = await read(`/api/series?target=${ID}&range=5m`, Series);
  expect(series.atMs.length).toBe(BEATS);
  expect(series.capacityReady.length).toBe(BEATS);
  const chain = await read('/api/chain', ChainView);
  expect(chain.functions.map(({ name }) => name)).toEqual([
    'observer',
    'decider',
    'executor',
    'reward',
  ]);
});

test('a dead letter of an event that was taken before is shown all the same, with its reason', async () => {
  const [event] = firstBeats(1);
  const letter = {
    ...event,
    knativeerrordest: 'http://decider.nimbusguard',
    knativeerrorcode: 422,
    knativeerrordata: 'no use',
  };
  const answer = await app.request(delivery(letter as never, '/dead-letters'));
  expect(answer.status).toBe(204);
  const [shown] = await read('/api/deadletters?limit=1', z.array(DeadLetter));
  expect(shown).toMatchObject({
    id: event?.id,
    refusedBy: 'decider.nimbusguard',
    reason: 'no use',
    status: 422,
  });
});

test.each([
  ['text/plain', 'hello'],
  ['application/json', '{'],
])('a dead letter is shown whatever its data is: %s', async (type, body) => {
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': `of ${type}`,
    'ce-source': '/curl',
    'ce-type': 'io.nimbusguard.alert.raised.v1',
    'ce-knativeerrordest': 'http://observer.nimbusguard',
    'ce-knativeerrorcode': '415',
    'content-type': type,
  };
  const answer = await app.request('/dead-letters', { method: 'POST', headers, body });
  expect(answer.status).toBe(204);
  const [shown] = await read('/api/deadletters?limit=1', z.array(DeadLetter));
  expect(shown).toMatchObject({ id: `of ${type}`, status: 415, data: JSON.stringify(body) });
  const none = await app.request('/dead-letters', { method: 'POST', body, headers: {} });
  expect(none.status).toBe(400);
});

test('an event that fits nothing is refused for good, with the reason', async () => {
  const [event] = firstBeats(1);
  const wrong = { ...event, id: 'x', type: 'io.nimbusguard.state.observed.v1', data: { tick: 7 } };
  const answer = await app.request(delivery(wrong as never));
  expect(answer.status).toBe(422);
  expect(await answer.text()).toContain('data.tick');
});

test('KEDA gets the number of replicas, and an error instead of zero when it is stale', async () => {
  const fresh = await app.request('/api/keda/nimbusguard/consumer-workload');
  expect(((await fresh.json()) as { value: number }).value).toBeGreaterThan(0);
  const late = await anOperatorAfter(3, { nowMs: () => after(3) + 600_000 });
  expect((await late.request('/api/keda/nimbusguard/consumer-workload')).status).toBe(503);
  expect((await late.request('/api/keda/nimbusguard/other')).status).toBe(404);
});

test('KEDA gets an error where the newest decision was made without knowing the replicas', async () => {
  const blinded = await anOperatorAfter(3);
  const made = firstBeats(3).findLast(({ type }) => type === DecisionMade.type)!;
  const { data, ...envelope } = DecisionMade.parse(made);
  const unknown = { kind: 'hold', reason: 'problem', from: 0, to: 0, inputs: null } as const;
  const hold = DecisionMade.build(
    { ...envelope, id: 'blind', time: new Date(after(3)).toISOString() },
    { ...data, ...unknown, id: 'blind', sequence: data.sequence + 1, target: null },
  );
  expect((await blinded.request(delivery(hold))).status).toBe(204);

  expect((await blinded.request('/api/keda/nimbusguard/consumer-workload')).status).toBe(503);
});

test('KEDA gets an error where the target is observed and nobody decides any more', async () => {
  let nowMs = after(1);
  const undecided = createApp(anOperator({ nowMs: () => nowMs }));
  const ask = () => undecided.request('/api/keda/nimbusguard/consumer-workload');
  const first = firstBeats(1).find(({ type }) => type === DecisionMade.type);
  const observations = firstBeats(26).filter(({ type }) => type === StateObserved.type);
  expect((await undecided.request(delivery(first as UnknownEvent))).status).toBe(204);
  const statuses: number[] = [];
  for (const event of observations) {
    nowMs = Date.parse(event.time ?? '') + 100;
    await undecided.request(delivery(event));
    statuses.push((await ask()).status);
  }
  // Two minutes of beats after the decision, then no more.
  expect(statuses).toEqual(observations.map((_, beat) => (beat < 24 ? 200 : 503)));
  expect(await (await ask()).text()).toContain('the newest decision is 125 s old');
});

test('the kill switch needs its target twice, names the policy to the cluster, and says what it did', async () => {
  const asked: string[] = [];
  const policies = {
    list: () => Promise.resolve([]),
    suspend: ({ namespace, name }: { namespace: string; name: string }, how: string) => {
      asked.push(`${namespace}/${name} ${how}`);
      return Promise.resolve();
    },
  };
  const armed = await anOperatorAfter(2, { policies });
  const order = { target: ID, suspend: 'freeze' };
  expect((await armed.request(post('/api/suspend', { ...order, confirm: 'yes' }))).status).toBe(
    400,
  );
  const foreign = post(
    '/api/suspend',
    { ...order, confirm: ID },
    { 'sec-fetch-site': 'cross-site' },
  );
  expect((await armed.request(foreign)).status).toBe(422);
  const form = post(
    '/api/suspend',
    { ...order, confirm: ID },
    { 'content-type': 'application/x-www-form-urlencoded' },
  );
  const answered = await armed.request(form);
  expect(answered.status).toBe(415);
  expect(await answered.text()).toContain(
    'must be application/json (got application/x-www-form-urlencoded)',
  );
  expect(asked).toEqual([]);
  const done = await armed.request(post('/api/suspend', { ...order, confirm: ID }));
  expect(await done.json()).toEqual({ policies: [ID], suspend: 'freeze' });
  expect(asked).toEqual([`${ID} freeze`]);
});

const stop = (target: string) =>
  post('/api/suspend', { target, suspend: 'freeze', confirm: target });

/** Policies of the cluster by name; where a reason stands, the API server does not take the write. */
const policiesOf = (stored: Readonly<Record<string, Error | null>>, frozen: string[] = []) => ({
  list: () =>
    Promise.resolve(
      Object.keys(stored).map((id) => {
        const [namespace = '', name = ''] = id.split('/');
        return { namespace, name, targetName: `${name}-target` };
      }),
    ),
  suspend: ({ namespace, name }: { namespace: string; name: string }) => {
    const why = stored[`${namespace}/${name}`];
    if (why instanceof Error) return Promise.reject(why);
    frozen.push(`${namespace}/${name}`);
    return Promise.resolve();
  },
});

const gone = new NimbusError('route.unknown', 'no such policy');
const away = new NimbusError('upstream.unavailable', 'timed out');
const denied = new NimbusError('action.refused', '403 forbidden');

test('stop all asks the API server which policies there are, not what was observed so far', async () => {
  const frozen: string[] = [];
  const policies = policiesOf({ 'shop/cart': null, 'shop/checkout': gone, [ID]: null }, frozen);
  const restarted = createApp(anOperator({ policies }));
  const answer = await restarted.request(stop('*'));
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ policies: [ID, 'shop/cart'], suspend: 'freeze' });
  expect(frozen).toEqual(['shop/cart', ID]);
});

test.each([
  ['one that may take it the next time', { 'a/x': away, 'a/y': denied }, 503],
  ['refusals for good alone', { 'a/x': denied, 'a/y': denied }, 422],
])('stop all tries all, then names those that failed: %s', async (_which, failing, status) => {
  const frozen: string[] = [];
  const policies = policiesOf({ ...failing, 'a/z': gone, 'b/x': null }, frozen);
  const answer = await createApp(anOperator({ policies })).request(stop('*'));
  expect(answer.status).toBe(status);
  expect(frozen).toEqual(['b/x']);
  expect(((await answer.json()) as { detail: string }).detail).toBe(
    `freeze is set on 1 of 3 policies, not on a/x: ${failing['a/x'].message}; a/y: 403 forbidden`,
  );
});

test.each([['shop/cart'], ['shop/cart-target']])(
  'a target that nobody observed yet can be stopped: %s',
  async (name) => {
    const frozen: string[] = [];
    const restarted = createApp(
      anOperator({ policies: policiesOf({ 'shop/cart': null }, frozen) }),
    );
    const answer = await restarted.request(stop(name));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ policies: ['shop/cart'], suspend: 'freeze' });
    expect(frozen).toEqual(['shop/cart']);
  },
);

/** The first observation as that of another policy and target of namespace shop. */
const seen = (name: string, target: string): Request => {
  const first = firstBeats(1)[0] as UnknownEvent;
  const { data, ...envelope } = StateObserved.parse(first);
  const policy = { ...data.policy, namespace: 'shop', name, uid: `uid-${name}` };
  const observed = data.target && { ...data.target, namespace: 'shop', name: target, uid: name };
  return delivery(
    StateObserved.build({ ...envelope, id: name }, { ...data, policy, target: observed }),
  );
};

test.each<[what: string, observed: [policy: string, target: string][], stored: object[]]>([
  ['the younger may be read first', [], [{ name: 'cart' }, { name: 'web' }]],
  [
    'a Deployment and its HPA',
    [
      ['cart', 'x'],
      ['web', 'x'],
    ],
    [],
  ],
  ['not the policy that is called so', [['x', 'api']], [{ name: 'cart' }, { name: 'web' }]],
])('the kill switch stops every policy of a target: %s', async (_what, observed, stored) => {
  const frozen: string[] = [];
  const list = stored.map((each) => ({ namespace: 'shop', name: '', targetName: 'x', ...each }));
  const policies = {
    ...policiesOf({ 'shop/cart': null, 'shop/web': null }, frozen),
    list: () => Promise.resolve(list),
  };
  const armed = createApp(anOperator({ policies }));
  for (const [policy, target] of observed) await armed.request(seen(policy, target));
  const answer = await armed.request(stop('shop/x'));
  expect(await answer.json()).toEqual({ policies: ['shop/cart', 'shop/web'], suspend: 'freeze' });
  expect(frozen.toSorted()).toEqual(['shop/cart', 'shop/web']);
});

test.each([
  ['http://localhost:8082', 200],
  ['http://127.0.0.1:8082', 200],
  ['http://[::1]:8082', 200],
  ['http://rebound.example:8082', 422],
  ['http://localhost.example', 422],
])(
  'who listens on this machine alone takes no order sent to another name: %s',
  async (to, status) => {
    const frozen: string[] = [];
    const policies = policiesOf({ [ID]: null }, frozen);
    const local = createApp(anOperator({ policies, loopback: true }));
    const answer = await local.request(new Request(`${to}/api/suspend`, stop(ID)));
    expect(answer.status).toBe(status);
    expect(frozen).toEqual(status === 200 ? [ID] : []);
  },
);

test('each order of the kill switch stands in the log, with what came of it', async () => {
  const lines: unknown[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  const policies = policiesOf({ 'shop/cart': null, 'shop/search': denied });
  const audited = createApp(anOperator({ policies }), { log: pino({ level: 'info' }, { write }) });
  await audited.request(stop('shop/cart'));
  await audited.request(stop('shop/search'));
  expect(lines).toMatchObject([
    { msg: 'kill switch', target: 'shop/cart', suspend: 'freeze', policies: ['shop/cart'] },
    { target: 'shop/search', suspend: 'freeze', err: { message: '403 forbidden' } },
  ]);
});

test('a single target that is gone is said to be', async () => {
  const policies = policiesOf({ [ID]: gone });
  const armed = await anOperatorAfter(2, { policies });
  expect((await armed.request(stop(ID))).status).toBe(404);
  expect((await armed.request(stop('shop/none'))).status).toBe(404);
});

test('without a load generator its routes say which setting is missing', async () => {
  const answer = await app.request('/api/load/status');
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain('LOAD_GENERATOR_URL');
});

test('history is rebuilt from the log before the first event is taken', async () => {
  const nowMs = (): number => after(BEATS);
  const events = firstBeats(BEATS);
  const [last] = events.slice(-1);
  const eventLog = {
    replay: async (take: (event: never, atMs: number) => void): Promise<void> => {
      await Promise.resolve();
      for (const event of events) take(event as never, START_MS);
    },
  };
  const rebuilt = createApp(anOperator({ nowMs, eventLog }));
  expect((await rebuilt.request(delivery(last as never))).status).toBe(204);
  const answer = await rebuilt.request('/api/targets');
  expect(await answer.json()).toEqual(await (await app.request('/api/targets')).json());
});

test('a log that cannot be read leaves an empty history that says so', async () => {
  const eventLog = { replay: () => Promise.reject(new Error('it answered 404')) };
  const empty = createApp(anOperator({ eventLog }));
  await expect.poll(async () => (await empty.request('/readyz')).status).toBe(200);
  const about = await (await empty.request('/api/about')).text();
  expect(about).toContain('it answered 404');
});

const POSTS = [
  '/api/suspend',
  '/api/load/generate',
  '/api/load/preview',
  '/api/load/stop',
  '/api/workload/cpu/start',
  '/api/workload/cpu/stop',
];

/** Of a route that changes something, where nothing is connected. */
const REFUSED = [400, 404, 413, 415, 422];

type Method = 'get' | 'post';
type Responses = Record<string, { content: Record<string, { schema: object }> }>;

const describedPaths = async () =>
  (
    (await (await app.request('/openapi.json')).json()) as {
      paths: Record<string, Partial<Record<Method, { responses: Responses }>>>;
    }
  ).paths;

test('the OpenAPI document is valid JSON Schema throughout, and the answers fit it', async () => {
  const paths = await describedPaths();
  const ajv = new Ajv2020({ strict: false });
  for (const path of [
    '/api/decisions',
    '/api/targets',
    '/api/chain',
    '/api/deadletters',
    '/api/about',
    '/healthz',
  ]) {
    const schema = paths[path]?.get?.responses['200']?.content['application/json']?.schema;
    const fits = ajv.compile(schema ?? { not: {} });
    expect(
      fits(await (await app.request(path)).json()),
      `${path} ${ajv.errorsText(fits.errors)}`,
    ).toBe(true);
  }
  expect(Object.keys(paths)).toContain('/api/stream');
});

test('what a route that changes something answers is stated: its success and its refusals', async () => {
  const paths = await describedPaths();
  const statuses = (path: string) => Object.keys(paths[path]?.post?.responses ?? {}).map(Number);
  for (const path of POSTS) expect(statuses(path), path).toEqual(expect.arrayContaining(REFUSED));

  for (const status of [202, 409]) {
    const send = () => Promise.resolve(Response.json({}, { status }));
    const demo = createApp(anOperator({ loadGenerator: { send } }));
    const load = { pattern: 'spike', duration: 60, intensity: 50 };
    expect((await demo.request(post('/api/load/generate', load))).status).toBe(status);
    expect(statuses('/api/load/generate')).toContain(status);
  }
  expect(statuses('/api/load/generate')).not.toContain(200);
  expect(Object.keys(paths['/healthz']?.get?.responses ?? {})).toEqual(['200']);
});

test('the page comes with a policy that allows no inline script and no other host', async () => {
  const answer = await app.request('/');
  expect(answer.status).toBe(200);
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain('unsafe');
  const again = await app.request('/', {
    headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
  expect(await answer.text()).not.toMatch(/<script>|\son\w+=|style=/);
});

const GETS = [
  '/api/decisions',
  '/api/targets',
  '/api/series',
  '/api/chain',
  '/api/deadletters',
  '/api/about',
  '/openapi.json',
];

test('no query string makes a reading route fail', async () => {
  const name = fc.oneof(
    fc.constantFrom('limit', 'target', 'range', 'before'),
    fc.string({ maxLength: 8 }),
  );
  const value = fc.oneof(
    fc.constantFrom('0', '-1', '1e400', 'NaN', 'all', 'ü\u0000😀', '99999999d', ID),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...GETS),
      fc.array(fc.tuple(name, value), { maxLength: 4 }),
      async (path, query) => {
        const search = new URLSearchParams(query.map(([n, v]) => [n, v.toWellFormed()]));
        const answer = await small.request(`${path}?${search.toString()}`);
        expect([200, 400, 404]).toContain(answer.status);
      },
    ),
    { numRuns: 150 },
  );
});

test('no path makes a route fail', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 30 }), { maxLength: 3 }), async (parts) => {
      const path = `/api/decisions/${parts.map((part) => encodeURIComponent(part.toWellFormed())).join('/')}`;
      expect([200, 404]).toContain((await app.request(path)).status);
    }),
    { numRuns: 100 },
  );
});

test('no body makes a writing route fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...POSTS),
      fc.oneof(fc.json(), fc.string()),
      async (path, body) => {
        const headers = { 'content-type': 'application/json' };
        const answer = await app.request(path, { method: 'POST', headers, body });
        expect(REFUSED).toContain(answer.status);
      },
    ),
    { numRuns: 120 },
  );
});

test('no event makes the event route or the dead letters fail', async () => {
  const type = fc.constantFrom(
    'state.observed',
    'decision.made',
    'action.executed',
    'reward.calculated',
    'policy.learned',
    'advice.given',
    'alert.raised',
    'x',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/', '/dead-letters'),
      type,
      fc.jsonValue(),
      async (path, noun, data) => {
        const event = {
          specversion: '1.0',
          id: 'f',
          source: '/f',
          type: `io.nimbusguard.${noun}.v1`,
          data,
        };
        const answer = await app.request(delivery(event as never, path));
        expect([204, 400, 415, 422]).toContain(answer.status);
      },
    ),
    { numRuns: 120 },
  );
});
