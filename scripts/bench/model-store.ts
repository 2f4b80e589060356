// What the decider's model store costs: its writes and bytes per second, as the server itself counts
// them, while N targets are observed every five seconds and their rewards are learned.
// Without --store the documents are ConfigMaps on the current kubectl context; they are removed at the end.
import { KubeConfig } from '@kubernetes/client-node';
import { createClient } from '@redis/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionOf } from '#functions/executor/answers.ts';
import { decider } from '#functions/decider/handler.ts';
import { ledgerKey, modelKey } from '#functions/decider/documents.ts';
import { reward } from '#functions/reward/handler.ts';
import { inParallel } from '#shared/adapters/in-parallel.ts';
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { modelStore } from '#shared/adapters/model-store.ts';
import { seededRandom, systemClock } from '#shared/adapters/system.ts';
import { shippedPrior } from '#shared/domain/index.ts';
import { ActionExecuted, type Decision, type UnknownEvent } from '#shared/events/index.ts';
import { answerTo } from '#shared/runtime/chain.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aPolicy, aSpec, aState, aStateEvent, TARGET } from '#shared/testing/builders.ts';
import { integerOf, readCommandLine } from '../command-line.ts';
import { kubectl } from '../k8s/kubectl.ts';

const settings = readCommandLine(
  {
    command: 'node scripts/bench/model-store.ts',
    does: 'Writes and bytes a second that the model store costs, as the server itself counts them.',
    options: {
      targets: { value: 'N', help: 'targets that are observed every five seconds (500)' },
      seconds: { value: 'N', help: 'how long (130)' },
      namespace: { value: 'NAME', help: 'of the ConfigMaps (default)' },
      store: { value: 'redis://…', help: 'a Redis in place of ConfigMaps on the current context' },
    },
  },
  (given) => ({
    targets: integerOf(given, 'targets', 500, [1, 10_000]),
    seconds: integerOf(given, 'seconds', 130, [10, 86_400]),
    namespace: given.values.namespace ?? 'default',
    store: given.values.store,
  }),
);
const BEAT_MS = 5000;
const DECIDERS_AT_ONCE = 10; // as many partitions as the Broker has
const { targets } = settings;
const run = `bench-${process.pid}`;

interface Count {
  readonly writes: number;
  readonly bytes: number;
}

const sumOf = (text: string, line: RegExp): number =>
  text
    .split('\n')
    .filter((each) => line.test(each))
    .reduce((sum, each) => sum + Number(each.slice(each.lastIndexOf(' ') + 1)), 0);

/** Writes of ConfigMaps that the API server has answered, and the bytes of their bodies. */
async function apiServerCount(): Promise<Count> {
  const text = await kubectl(['get', '--raw', '/metrics']);
  const verbs = 'resource="configmaps",.*verb="(POST|PUT|PATCH)"';
  return {
    writes: sumOf(text, new RegExp(`^apiserver_request_total\\{.*${verbs}`)),
    bytes: sumOf(text, /^apiserver_request_body_size_bytes_sum\{.*resource="configmaps"/),
  };
}

async function redisCount(url: string): Promise<Count> {
  const client = await createClient({ url }).connect();
  const [stats, commands] = [await client.info('stats'), await client.info('commandstats')];
  client.destroy();
  return {
    writes: Number(/cmdstat_eval:calls=(\d+)/.exec(commands)?.[1] ?? 0),
    bytes: Number(/total_net_input_bytes:(\d+)/.exec(stats)?.[1] ?? 0),
  };
}

const count = (): Promise<Count> =>
  settings.store === undefined ? apiServerCount() : redisCount(settings.store);

/** A beat of target `index`: five pods whose demand goes up and down over ten minutes. */
function beat(index: number, startMs: number, n: number): UnknownEvent {
  const observedAtMs = startMs + n * BEAT_MS;
  const requests = Math.round(150 * n + 300 * (1 + Math.sin(n / 20 + index)));
  const state = aState({ observedAtMs, tick: `${run}-${n}`, requests });
  const counters = state.readings?.counters?.flatMap((one) => [
    one,
    { ...one, pod: `${one.pod}2` },
  ]);
  return aStateEvent({
    ...state,
    policy: { ...state.policy, uid: `${run}-${index}`, spec: aSpec({ mode: 'shadow' }) },
    target: { ...TARGET, uid: `${run}-target-${index}` },
    readings: state.readings && { ...state.readings, counters: counters ?? null },
  });
}

/** What the executor answers in mode shadow: nothing was changed. */
function executed(event: UnknownEvent): UnknownEvent {
  const decision = event.data as Decision;
  const nowMs = Date.parse(event.time ?? '');
  const spec = aSpec({ mode: 'shadow' });
  const action = actionOf(
    { decision, decidedAtMs: nowMs, nowMs, policy: aPolicy({ uid: decision.policy.uid }), spec },
    { outcome: 'held', reason: 'mode', message: '', from: 4, to: 4, field: null },
  );
  return answerTo(event, ActionExecuted, { by: 'executor', hop: 'executor', atMs: nowMs }, action);
}

type App = ReturnType<typeof createApp>;

async function post(app: App, event: UnknownEvent): Promise<UnknownEvent | undefined> {
  const response = await app.request('/', { method: 'POST', ...encodeEvent(event) });
  const body = await response.text();
  if (response.status === 204) return undefined;
  if (response.status !== 200) throw new Error(`${response.status} ${body}`);
  return decodeEvent(Object.fromEntries(response.headers), body);
}

async function observe(
  apps: { deciding: App; rewarding: App },
  event: UnknownEvent,
): Promise<void> {
  const decision = await post(apps.deciding, event);
  if (decision === undefined) return;
  const scored = await post(apps.rewarding, executed(decision));
  if (scored !== undefined) await post(apps.deciding, scored);
}

const config = new KubeConfig();
config.loadFromDefault();
const api = kubernetesApi({ timeoutMs: 10_000, config });
const redis = settings.store === undefined ? undefined : { url: settings.store, timeoutMs: 5000 };
const store = modelStore({ api, namespace: settings.namespace, redis });
const core = { clock: systemClock, random: seededRandom, prior: { prior: shippedPrior } };
const apps = { deciding: createApp(decider({ store, ...core })), rewarding: createApp(reward()) };

/** Others write ConfigMaps as well: what they do is measured first and taken off. */
const BASELINE_SECONDS = 20;
const others = await count();
await sleep(BASELINE_SECONDS * 1000);
const alone = await count();

const startMs = Date.now();
const beats = Math.floor((settings.seconds * 1000) / BEAT_MS);
const tookMs: number[] = [];
let before: Count = { writes: 0, bytes: 0 };
for (let n = 0; n < beats; n++) {
  await sleep(Math.max(0, startMs + n * BEAT_MS - Date.now()));
  if (n === 1) before = await count(); // making the documents is not what goes on
  const waiting = Array.from({ length: targets }, (_, index) => beat(index, startMs, n));
  const startedMs = performance.now();
  await inParallel(waiting, DECIDERS_AT_ONCE, (event) => observe(apps, event));
  tookMs.push(performance.now() - startedMs);
}
const after = await count();
const seconds = (Date.now() - startMs - BEAT_MS) / 1000;
const perSecond = (what: keyof Count): number =>
  (after[what] - before[what]) / seconds - (alone[what] - others[what]) / BASELINE_SECONDS;
const slowest = Math.max(...tookMs) / 1000;
console.log(
  `${targets} targets, ${settings.store === undefined ? 'ConfigMaps' : 'Redis'}, ${seconds.toFixed(0)} s: ` +
    `${perSecond('writes').toFixed(1)} writes/s, ${(perSecond('bytes') / 1024).toFixed(1)} KiB/s; ` +
    `a beat of all took ${slowest.toFixed(1)} s at most`,
);

for (let index = 0; index < targets; index++) {
  const key = `${run}-${index}`;
  await Promise.all([store.remove(ledgerKey(key)), store.remove(modelKey(key))]);
}
api.close();
process.exit(0);
