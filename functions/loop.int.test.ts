// The loop through knative/*.yaml: its Triggers route, the embedded Kubernetes API stores, real HTTP
// pods are scraped. Only the dispatcher is the test's own, so that it can be killed at every hop.
import { KubeConfig } from '@kubernetes/client-node';
import http from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { kubernetesApi, type KubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { kubernetesControl } from '#shared/adapters/kubernetes-control.ts';
import { configMapStore } from '#shared/adapters/config-map-store.ts';
import { podMetrics } from '#shared/adapters/pod-metrics.ts';
import { seededRandom } from '#shared/adapters/system.ts';
import { shippedPrior } from '#shared/domain/index.ts';
import type { Action, Decision, UnknownEvent } from '#shared/events/index.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { startCluster, type Cluster } from '#scripts/local/cluster/index.ts';
import { readManifests, routes } from '#scripts/local/manifests/index.ts';
import { decider } from './decider/handler.ts';
import { executor } from './executor/handler.ts';
import { observer } from './observer/handler.ts';
import { reward } from './reward/handler.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const manifests = readManifests(`${ROOT}knative`);
const subscribers = routes(manifests);

/** What all pods of the workload have been asked so far, shared by their /metrics. */
const load = { requests: 0, late: 0, pods: 0 };

const exposition = (): string => {
  const own = load.requests / Math.max(1, load.pods);
  const late = load.late / Math.max(1, load.pods);
  return [
    `http_requests_total{code="200"} ${own}`,
    `http_request_duration_seconds_bucket{le="0.5"} ${own - late}`,
    `http_request_duration_seconds_bucket{le="+Inf"} ${own}`,
    `http_request_duration_seconds_count ${own}`,
    `http_requests_in_flight 1`,
    `workload_busy_seconds_total ${own * 0.02}`,
    `workload_slots 1`,
    `process_resident_memory_bytes 50000000`,
  ].join('\n');
};

const logs = mkdtempSync(join(tmpdir(), 'nimbusguard-loop-')); // the kubelet removes a gone pod's log
let nextPid = 5_000_000; // beyond any real process
const launcher = {
  missing: () => undefined,
  logFile: ({ name }: { name: string }) => join(logs, `${name}.log`),
  start({ port }: { port: number }) {
    const server = http.createServer((request, response) => {
      response.end(request.url === '/metrics' ? exposition() : 'ok');
    });
    server.listen(port, '127.0.0.1');
    load.pods += 1;
    const exited = Promise.withResolvers<{ code: number; signal: null }>();
    const signal = () => {
      server.closeAllConnections();
      server.close(() => exited.resolve({ code: 0, signal: null }));
    };
    server.once('close', () => (load.pods -= 1));
    return { pid: nextPid++, exited: exited.promise, signal };
  },
};

let cluster: Cluster;
let api: KubernetesApi;
let nowMs = Date.now();
const clock = { nowMs: () => nowMs };
const queue: UnknownEvent[] = [];

/** A new process of each function: nothing is remembered but what was stored. */
const processes = () => {
  const metrics = podMetrics({ timeoutMs: 5000, concurrency: 8, clock });
  const sink = { send: (event: UnknownEvent) => Promise.resolve(void queue.push(event)) };
  const reading = kubernetesCluster(api, { watchNamespaces: ['nimbusguard'] });
  return {
    observer: createApp(
      observer({ clock, cluster: reading, metrics, sink, close: () => metrics.close() }),
    ),
    decider: createApp(
      decider({
        store: configMapStore(api, 'nimbusguard'),
        clock,
        random: seededRandom,
        prior: { prior: shippedPrior },
      }),
    ),
    executor: createApp(
      executor({ clock, control: kubernetesControl(api), manager: 'nimbusguard' }),
    ),
    reward: createApp(reward()),
  };
};
type Apps = ReturnType<typeof processes>;

const isOurs = (name: string | undefined): name is keyof Apps =>
  name !== undefined && ['observer', 'decider', 'executor', 'reward'].includes(name);

async function post(app: Apps[keyof Apps], event: UnknownEvent): Promise<UnknownEvent | undefined> {
  const response = await app.request('/', { method: 'POST', ...encodeEvent(event) });
  const body = await response.text();
  expect([200, 204], `${event.type}: ${body}`).toContain(response.status);
  return response.status === 204
    ? undefined
    : decodeEvent(Object.fromEntries(response.headers), body);
}

/** Follows an event through the Triggers until nobody answers. `again` names hops that get it twice. */
async function deliver(
  first: UnknownEvent,
  apps: Apps,
  again: 'nowhere' | 'everywhere' = 'nowhere',
) {
  const trail: UnknownEvent[] = [];
  queue.push(first);
  for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
    trail.push(event);
    for (const { service } of subscribers(event)) {
      if (!isOurs(service)) continue;
      const reply = await post(apps[service], event);
      if (again === 'everywhere' && service !== 'observer') {
        // killed between the answer and storing it: a new process gets the event again
        const second = await post(processes()[service], event);
        expect(second, `${service} answers a redelivery differently`).toEqual(reply);
      }
      if (reply !== undefined) queue.push(reply);
    }
  }
  return trail;
}

let ticks = 0;
const tick = (): UnknownEvent => ({
  specversion: '1.0',
  id: `tick-${++ticks}`,
  source: '/apis/v1/namespaces/nimbusguard/pingsources/beat',
  type: 'dev.knative.sources.ping',
  data: {},
});

/** One beat: five seconds pass in which `perSecond` requests come. */
async function beat(apps: Apps, perSecond: number, again?: 'everywhere') {
  nowMs += 5000;
  load.requests += perSecond * 5;
  return deliver(tick(), apps, again);
}

const replicas = async (): Promise<number> => {
  const path = '/apis/apps/v1/namespaces/nimbusguard/deployments/consumer-workload';
  const object = await api.request({ method: 'GET', path });
  return (object?.['spec'] as { replicas: number }).replicas;
};

const decisionOf = (trail: readonly UnknownEvent[]): Decision | undefined =>
  trail.find(({ type }) => type.includes('decision'))?.data as Decision | undefined;
const actionsOf = (trail: readonly UnknownEvent[]): Action[] =>
  trail.filter(({ type }) => type.includes('action')).map(({ data }) => data as Action);

beforeAll(async () => {
  cluster = await startCluster({
    port: 0,
    stateFile: ':memory:',
    manifests: manifests.objects,
    launcher,
    isPodBacked: ({ name }) => name === 'consumer-workload',
  });
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'local', server: cluster.url, skipTLSVerify: true },
    { name: 'nobody' },
  );
  api = kubernetesApi({ timeoutMs: 5000, config });
  const path = '/apis/apps/v1/namespaces/nimbusguard/deployments/consumer-workload';
  await vi.waitFor(
    async () => {
      const object = await api.request({ method: 'GET', path });
      expect((object?.['status'] as { readyReplicas?: number }).readyReplicas).toBeGreaterThan(0);
    },
    { timeout: 25_000, interval: 200 },
  );
}, 40_000);

afterAll(async () => {
  api.close();
  await cluster.close(0);
  rmSync(logs, { recursive: true, force: true });
});

test('a tick travels the route the manifests declare, once per hop, in one trace', async () => {
  const apps = processes();
  const trail = await beat(apps, 20);

  const [, state] = trail;
  const uid = state?.partitionkey ?? '';
  expect(trail.slice(0, 4).map(({ id }) => id)).toEqual([
    'tick-1',
    `tick-1.${uid}.observer`,
    `tick-1.${uid}.decider`,
    `tick-1.${uid}.executor`,
  ]);
  expect(trail.slice(1).map(({ subject }) => subject)).toEqual(
    trail.slice(1).map(() => 'nimbusguard/consumer-workload'),
  );
  expect(new Set(trail.slice(1).map(({ traceparent }) => traceparent)).size).toBe(1);
});

test('rising load is answered with more replicas, once each, though every hop is delivered twice to a new process', async () => {
  const apps = processes();
  const before = await replicas();
  const trails: UnknownEvent[][] = [];
  for (const perSecond of [20, 20, 200, 300, 400, 400]) {
    trails.push(await beat(apps, perSecond, 'everywhere'));
  }

  const actions = trails.flatMap(actionsOf);
  const applied = actions.filter(({ outcome }) => outcome === 'applied');
  expect(await replicas()).toBeGreaterThan(before);
  expect(applied.at(-1)?.to).toBe(await replicas());
  expect(new Set(actions.map(({ sequence }) => sequence)).size).toBe(actions.length);
  const events = await api.request({
    method: 'GET',
    path: '/api/v1/namespaces/nimbusguard/events',
  });
  const scaled = (events?.['items'] as { reason: string }[]).filter(({ reason }) =>
    reason.startsWith('Scaled'),
  );
  expect(scaled.length).toBeGreaterThanOrEqual(applied.length);
}, 60_000);

test('routine holds do not travel, but at least one decision a minute does', async () => {
  const apps = processes();
  for (let index = 0; index < 3; index++) await beat(apps, 400);
  const sent: boolean[] = [];
  for (let index = 0; index < 14; index++) {
    const trail = await beat(apps, 400);
    sent.push(decisionOf(trail) !== undefined);
    for (const event of trail.filter(({ type }) => type.includes('decision'))) {
      const isRead = subscribers(event).some(({ service }) => service === 'advisor');
      expect(isRead, 'what is no news wakes no advisor').toBe(event.routine === undefined);
    }
  }

  expect(sent).toContain(true);
  expect(sent).toContain(false);
}, 60_000);

test('the policy tells what was done, and an older decision is superseded', async () => {
  const path =
    '/apis/nimbusguard.io/v1alpha1/namespaces/nimbusguard/scalingpolicies/consumer-workload';
  const status = (await api.request({ method: 'GET', path }))?.['status'] as {
    lastAppliedSequence: number;
    conditions: { type: string; status: string }[];
  };
  expect(status.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');

  const apps = processes();
  const trail = await deliver({ ...alert(), id: 'alert-1' }, apps);
  const decision = trail.find(({ type }) => type.includes('decision'));
  expect(decision).toBeDefined();
  const old = {
    ...decision!,
    id: 'old',
    data: { ...(decision!.data as Decision), id: 'old', sequence: status.lastAppliedSequence - 1 },
  };
  const answer = await post(apps.executor, old);
  expect((answer?.data as Action).reason).toBe('superseded');
});

const alert = (): UnknownEvent => {
  nowMs += 1000;
  return {
    specversion: '1.0',
    id: 'alert',
    source: '/test',
    type: 'io.nimbusguard.alert.raised.v1',
    data: {
      eventType: 'high_cpu_usage',
      service: 'consumer-workload',
      namespace: 'nimbusguard',
      value: 90,
    },
  };
};
