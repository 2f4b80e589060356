// Latency of the chain from a tick to the executed action, and how long many targets take in one tick.
// The four functions over their HTTP route in this process, the embedded Kubernetes API over sockets in
// front of them, the Triggers of knative/*.yaml between them. Without the broker's log and processes of
// their own: what is measured is the functions and the API, a lower bound of the live loop's figures.
import { KubeConfig } from '@kubernetes/client-node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inParallel } from '#shared/adapters/in-parallel.ts';
import { kubernetesApi, type KubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { kubernetesControl } from '#shared/adapters/kubernetes-control.ts';
import { configMapStore } from '#shared/adapters/config-map-store.ts';
import { seededRandom, systemClock } from '#shared/adapters/system.ts';
import { shippedPrior } from '#shared/domain/index.ts';
import type { UnknownEvent } from '#shared/events/index.ts';
import type { Metrics } from '#shared/ports.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { decider } from '#functions/decider/handler.ts';
import { executor } from '#functions/executor/handler.ts';
import { observer } from '#functions/observer/handler.ts';
import { reward } from '#functions/reward/handler.ts';
import { integerOf, readCommandLine } from '../command-line.ts';
import { startCluster } from '../local/cluster/index.ts';
import { readManifests, routes } from '../local/manifests/index.ts';

const { ticks, targets } = readCommandLine(
  {
    command: 'node scripts/bench/chain.ts',
    does: 'Latency of the four functions of the chain in one process, from a tick to the executed action, and how long many targets take in one tick.',
    options: {
      ticks: { value: 'N', help: 'ticks with one target (200)' },
      targets: { value: 'N', help: 'targets in one tick (500)' },
    },
  },
  (given) => ({
    ticks: integerOf(given, 'ticks', 200, [1, 100_000]),
    targets: integerOf(given, 'targets', 500, [1, 10_000]),
  }),
);
const NAMESPACE = 'bench';
const DECIDERS_AT_ONCE = 10; // as many partitions as the broker has
const manifests = readManifests(fileURLToPath(new URL('../../knative', import.meta.url)));
const subscribers = routes(manifests);

/** Demand that changes at every tick, so that every tick is an action. */
const load = { perSecond: 100 };
const metrics: Metrics = {
  read: (requests) =>
    Promise.resolve(
      requests.map(() => ({
        source: 'prometheus',
        measuredAtMs: systemClock.nowMs(),
        counters: null,
        rates: { windowMs: 5000, requestsPerSecond: load.perSecond, lateRatio: 0, failedRatio: 0 },
        latencyP95Ms: 40,
        cpuUtilization: 0.5,
        memoryUtilization: 0.3,
        inFlight: 1,
        lagMessages: null,
        silentPods: 0,
      })),
    ),
};

/** StatefulSets, which the embedded cluster stores without making pods: pods are not what is measured. */
async function populate(api: KubernetesApi, count: number): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await api.request({ method: 'POST', path: '/api/v1/namespaces', body: namespace });
  const containers = [{ name: 'c', image: 'dev.local/nimbusguard/none:dev' }];
  for (let index = 0; index < count; index++) {
    const name = `web-${index}`;
    const labels = { app: name };
    const metadata = { name, namespace: NAMESPACE };
    const template = { metadata: { labels }, spec: { containers } };
    await api.request({
      method: 'POST',
      path: `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets`,
      body: {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata,
        spec: { serviceName: name, replicas: 1, selector: { matchLabels: labels }, template },
      },
    });
    await api.request({
      method: 'POST',
      path: `/apis/nimbusguard.io/v1alpha1/namespaces/${NAMESPACE}/scalingpolicies`,
      body: {
        apiVersion: 'nimbusguard.io/v1alpha1',
        kind: 'ScalingPolicy',
        metadata,
        spec: {
          targetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', name },
          mode: 'act',
          cooldownSeconds: 0,
        },
      },
    });
  }
}

function chain(api: KubernetesApi) {
  const states: UnknownEvent[] = [];
  const sink = { send: (event: UnknownEvent) => Promise.resolve(void states.push(event)) };
  const cluster = kubernetesCluster(api, { watchNamespaces: [NAMESPACE] });
  const core = { clock: systemClock, random: seededRandom, prior: { prior: shippedPrior } };
  const apps = new Map([
    [
      'observer',
      createApp(observer({ clock: systemClock, cluster, metrics, sink, close: () => undefined })),
    ],
    ['decider', createApp(decider({ store: configMapStore(api, NAMESPACE), ...core }))],
    [
      'executor',
      createApp(
        executor({ clock: systemClock, control: kubernetesControl(api), manager: 'nimbusguard' }),
      ),
    ],
    ['reward', createApp(reward())],
  ]);
  const seen = { decisions: 0, actions: 0, failures: 0 };

  const deliver = async (event: UnknownEvent): Promise<void> => {
    if (event.type.includes('.decision.')) seen.decisions++;
    if (event.type.includes('.action.')) seen.actions++;
    for (const { service } of subscribers(event)) {
      const app = apps.get(service ?? '');
      if (app === undefined) continue;
      const response = await app.request('/', { method: 'POST', ...encodeEvent(event) });
      const body = await response.text();
      if (response.status === 200)
        await deliver(decodeEvent(Object.fromEntries(response.headers), body));
      else if (response.status !== 204) seen.failures++;
    }
  };

  /** One look: the observer reads, then as many targets at once as there are partitions. */
  const look = async (cause: UnknownEvent): Promise<typeof seen> => {
    Object.assign(seen, { decisions: 0, actions: 0, failures: 0 });
    states.length = 0;
    await deliver(cause);
    await inParallel([...states], DECIDERS_AT_ONCE, deliver);
    return { ...seen };
  };
  return look;
}

const tick = (id: string): UnknownEvent => ({
  specversion: '1.0',
  id,
  source: '/bench',
  type: 'dev.knative.sources.ping',
  data: {},
});

/** An alert is a look whose decision always travels, so that each one ends in an answered action. */
const alert = (id: string): UnknownEvent => ({
  ...tick(id),
  type: 'io.nimbusguard.alert.raised.v1',
  data: { eventType: 'high_cpu_usage', service: 'web-0', namespace: NAMESPACE },
});

async function withCluster(
  count: number,
  run: (api: KubernetesApi) => Promise<void>,
): Promise<void> {
  const logs = mkdtempSync(join(tmpdir(), 'nimbusguard-bench-'));
  const cluster = await startCluster({
    port: 0,
    stateFile: ':memory:',
    manifests: manifests.objects.filter(({ kind }) => kind === 'CustomResourceDefinition'),
    launcher: {
      missing: (image) => `${image} is not run in this bench`,
      logFile: ({ name }) => join(logs, name),
      start: () => {
        throw new Error('no pod is started in this bench');
      },
    },
  });
  const config = new KubeConfig();
  const server = { name: 'bench', server: cluster.url, skipTLSVerify: true };
  config.loadFromClusterAndUser(server, { name: 'bench' });
  const api = kubernetesApi({ timeoutMs: 10_000, config });
  try {
    await populate(api, count);
    await run(api);
  } finally {
    api.close();
    await cluster.close(0);
    rmSync(logs, { recursive: true, force: true });
  }
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;

await withCluster(1, async (api) => {
  const look = chain(api);
  const tookMs: number[] = [];
  let actions = 0;
  for (let index = 0; index < ticks; index++) {
    load.perSecond = index % 2 === 0 ? 400 : 100;
    const startedMs = performance.now();
    const seen = await look(alert(`t${index}`));
    if (seen.actions === 0) continue;
    actions += seen.actions;
    tookMs.push(performance.now() - startedMs);
  }
  const sorted = tookMs.sort((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(sorted, share).toFixed(1));
  console.log(
    `tick to executed action, 1 target, ${actions} actions: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms (bar 150 ms)`,
  );
});

await withCluster(targets, async (api) => {
  const look = chain(api);
  for (const name of ['cold', 'warm']) {
    load.perSecond *= 3;
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    const { decisions, actions, failures } = await look(tick(name));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    const { user, system } = process.cpuUsage(startedCpu);
    const cpu = ((user + system) / 1e6).toFixed(1);
    console.log(
      `${targets} targets in one tick, ${name}: ${decisions} decisions, ${actions} actions, ${failures} failures in ${seconds} s (bar 15 s), ${cpu} s of CPU, the API's included`,
    );
  }
});
