import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { identityOf } from '../processes.ts';
import {
  aDeployment,
  callApi,
  eventually,
  testCluster,
  tinyBundles,
  type TestCluster,
} from './testing.ts';
import {
  at,
  listAt,
  numberAt,
  textAt,
  type Dict,
  type KubeObject,
  type NewObject,
  type Pod,
} from './types.ts';

const MERGE = { type: 'application/merge-patch+json' };
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PODS = '/api/v1/namespaces/default/pods';

const open: TestCluster[] = [];
const start = async (...options: Parameters<typeof testCluster>): Promise<TestCluster> => {
  const cluster = await testCluster(...options);
  open.push(cluster);
  return cluster;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close(1)));
});

const pods = async (cluster: TestCluster): Promise<Pod[]> =>
  listAt((await cluster.call('GET', PODS)).body, 'items') as Pod[];

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

const readyPods = (cluster: TestCluster, count: number): Promise<Pod[]> =>
  eventually(async () => {
    const all = await pods(cluster);
    return all.length === count && all.every(isReady) ? all : undefined;
  }, `${count} ready pods`);

const portOf = (pod: Pod): number => pod.spec.containers[0]!.ports![0]!.containerPort;
const pidOf = (pod: Pod): number =>
  Number(/process:\/\/(\d+)/.exec(pod.status?.containerStatuses?.[0]?.containerID ?? '')?.[1]);

test('while nothing can be stored pods live on: what ends is started again, what was deleted goes', async () => {
  const stateFile = join(mkdtempSync(join(tmpdir(), 'nimbusguard-cluster-')), 'cluster.sqlite');
  const errors: string[] = [];
  const onError = (error: unknown) => errors.push(String(error));
  const cluster = await start({ stateFile, onError });
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ replicas: 2 }));
  const [gone, stays] = await readyPods(cluster, 2);
  await cluster.call('DELETE', `${PODS}/${gone!.metadata.name}?gracePeriodSeconds=2`);
  const other = new DatabaseSync(stateFile);
  other.exec('BEGIN IMMEDIATE'); // as on a full disk, nobody can write
  process.kill(pidOf(stays!), 'SIGKILL');
  await eventually(() => (errors.length > 2 ? true : undefined), 'writes that fail');
  other.close();

  const again = await readyPods(cluster, 2);
  const names = again.map(({ metadata }) => metadata.name);
  const restarted = again.find(({ metadata }) => metadata.name === stays!.metadata.name)!;
  expect(names).not.toContain(gone!.metadata.name);
  expect(pidOf(restarted)).not.toBe(pidOf(stays!));
  expect(restarted.status!.containerStatuses![0]!.restartCount).toBe(1);
});

test('a Deployment becomes processes that answer, and fewer of them when it is scaled down', async () => {
  const cluster = await start();
  const counts: number[] = [];
  cluster.watchReadyPods('default', { matchLabels: { app: 'web' } }, (ready) =>
    counts.push(ready.length),
  );
  await cluster.call(
    'POST',
    DEPLOYMENTS,
    aDeployment({ replicas: 2, env: { GREETING: 'hello', TWICE: '$(GREETING) $(GREETING)' } }),
  );
  const running = await readyPods(cluster, 2);
  expect(new Set(running.map(portOf)).size).toBe(2);
  for (const pod of running) {
    const reply = await callApi(`http://${pod.status!.podIP!}:${portOf(pod)}`, 'GET', '/', {});
    expect(reply.body).toMatchObject({
      GREETING: 'hello',
      TWICE: 'hello hello',
      PORT: String(portOf(pod)),
      HOSTNAME: pod.metadata.name,
    });
  }
  await cluster.call('PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 1 } }, MERGE);
  const [left] = await readyPods(cluster, 1);
  const gone = running.find(({ metadata }) => metadata.uid !== left!.metadata.uid)!;
  expect(identityOf(pidOf(gone))).toBeUndefined();
  const { body } = await cluster.call('GET', `${DEPLOYMENTS}/web`);
  expect(body['status']).toMatchObject({
    replicas: 1,
    readyReplicas: 1,
    updatedReplicas: 1,
    observedGeneration: 2,
  });
  expect(counts.at(0)).toBe(0);
  expect(Math.max(...counts)).toBe(2);
  expect(counts.at(-1)).toBe(1);
});

test('a pod is not ready before its probe says so, and its condition tells when', async () => {
  const cluster = await start();
  await cluster.call(
    'POST',
    DEPLOYMENTS,
    aDeployment({ replicas: 1, env: { READY_AFTER_MS: '1200' } }),
  );
  const early = await eventually(
    async () => (await pods(cluster)).find((pod) => pod.status?.phase === 'Running'),
    'a running pod',
  );
  expect(isReady(early)).toBe(false);
  const [pod] = await readyPods(cluster, 1);
  const readyAt = pod!.status!.conditions!.find(
    ({ type }) => type === 'Ready',
  )!.lastTransitionTime!;
  expect(Date.parse(readyAt)).toBeGreaterThan(Date.parse(pod!.metadata.creationTimestamp));
});

test('a container that ends is started again; one that keeps ending waits, and says CrashLoopBackOff', async () => {
  const cluster = await start({
    backoff: { baseMs: 60_000, maxMs: 60_000, resetAfterMs: 600_000 },
  });
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ replicas: 1 }));
  const [pod] = await readyPods(cluster, 1);
  process.kill(pidOf(pod!), 'SIGKILL');
  const again = await eventually(async () => {
    const [now] = await pods(cluster);
    return now !== undefined && isReady(now) && pidOf(now) !== pidOf(pod!) ? now : undefined;
  }, 'a second process');
  expect(again.metadata.uid).toBe(pod!.metadata.uid);
  expect(again.status!.containerStatuses![0]).toMatchObject({
    restartCount: 1,
    lastState: { terminated: { exitCode: 137, signal: 9 } },
  });
  process.kill(pidOf(again), 'SIGKILL');
  const waiting = await eventually(async () => {
    const [now] = await pods(cluster);
    return now?.status?.containerStatuses?.[0]?.state.waiting === undefined ? undefined : now;
  }, 'a waiting container');
  expect(waiting.status!.containerStatuses![0]!.state.waiting!.reason).toBe('CrashLoopBackOff');
  expect(waiting.status!.containerStatuses![0]!.restartCount).toBe(2);
  const table = await cluster.call('GET', PODS, undefined, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  expect(listAt(listAt(table.body, 'rows')[0], 'cells')[2]).toBe('CrashLoopBackOff');
});

test('a process that does not heed SIGTERM is killed after its grace', async () => {
  const cluster = await start();
  await cluster.call(
    'POST',
    DEPLOYMENTS,
    aDeployment({ replicas: 1, env: { DEAF: '1' }, graceSeconds: 1 }),
  );
  const [pod] = await readyPods(cluster, 1);
  const beganAt = performance.now();
  await cluster.call('PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 0 } }, MERGE);
  const marked = await pods(cluster);
  expect(marked[0]!.metadata).toMatchObject({
    deletionGracePeriodSeconds: 1,
    deletionTimestamp: expect.any(String) as string,
  });
  await eventually(
    async () => ((await pods(cluster)).length === 0 ? true : undefined),
    'the pod is gone',
  );
  expect(performance.now() - beganAt).toBeGreaterThan(900);
  expect(identityOf(pidOf(pod!))).toBeUndefined();
});

test('what cannot run says why: no image, no ConfigMap, no room', async () => {
  const cluster = await start({ maxPods: 2 });
  const broken = aDeployment({ name: 'broken', replicas: 1 });
  const spec = at(broken, 'spec', 'template', 'spec') as { containers: Dict[] };
  spec.containers[0]!['image'] = 'example.com/nginx:1';
  await cluster.call('POST', DEPLOYMENTS, broken);
  const wanting = aDeployment({ name: 'wanting', replicas: 1 });
  const other = at(wanting, 'spec', 'template', 'spec') as { containers: Dict[] };
  other.containers[0]!['env'] = [
    { name: 'X', valueFrom: { configMapKeyRef: { name: 'absent', key: 'x' } } },
  ];
  await cluster.call('POST', DEPLOYMENTS, wanting);
  const reasons = () =>
    eventually(async () => {
      const found = (await pods(cluster)).map(
        (pod) => pod.status?.containerStatuses?.[0]?.state.waiting?.reason,
      );
      return found.includes('ErrImageNeverPull') && found.includes('CreateContainerConfigError')
        ? true
        : undefined;
    }, 'both reasons');
  await reasons();
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ name: 'late', replicas: 1 }));
  await eventually(async () => {
    const late = (await pods(cluster)).find(({ metadata }) => metadata.labels?.['app'] === 'late');
    const why =
      late?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';
    return why.includes('Too many pods') ? true : undefined;
  }, 'the third pod is told that there is no room');
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ name: 'absurd', replicas: 1_000_000 }));
  await eventually(
    async () => ((await pods(cluster)).length === 12 ? true : undefined),
    'ten wait',
  );
  await cluster.call('DELETE', `${DEPLOYMENTS}/absurd`);
  await cluster.call('DELETE', `${DEPLOYMENTS}/broken`);
  await eventually(
    async () => ((await pods(cluster)).some(isReady) ? true : undefined),
    'the third pod has the room',
  );
  const events = listAt(
    (await cluster.call('GET', '/api/v1/namespaces/default/events')).body,
    'items',
  );
  expect(events.map((event) => textAt(event, 'reason'))).toEqual(
    expect.arrayContaining(['FailedScheduling', 'ErrImageNeverPull', 'Started']),
  );
});

test('a new template rolls over: new pods are ready before the last old one goes', async () => {
  const cluster = await start();
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ replicas: 2 }));
  const old = await readyPods(cluster, 2);
  const counts: number[] = [];
  cluster.watchReadyPods('default', { matchLabels: { app: 'web' } }, (ready) =>
    counts.push(ready.length),
  );
  const env = [{ name: 'VERSION', value: '2' }];
  const patch = { spec: { template: { spec: { containers: [{ name: 'main', env }] } } } };
  await cluster.call('PATCH', `${DEPLOYMENTS}/web`, patch, {
    type: 'application/strategic-merge-patch+json',
  });
  const uids = new Set(old.map(({ metadata }) => metadata.uid));
  await eventually(async () => {
    const now = await pods(cluster);
    return now.length === 2 && now.every((pod) => isReady(pod) && !uids.has(pod.metadata.uid))
      ? true
      : undefined;
  }, 'two new pods');
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
});

test('a rollback is a revision of its own, and a rollout that hangs is not called complete', async () => {
  const cluster = await start();
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ replicas: 1 }));
  const setImage = (image: string) =>
    cluster.call(
      'PATCH',
      `${DEPLOYMENTS}/web`,
      { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
      { type: 'application/strategic-merge-patch+json' },
    );
  const settled = (revision: string, reason: string) =>
    eventually(async () => {
      const { body } = await cluster.call('GET', `${DEPLOYMENTS}/web`);
      const progress = listAt(body, 'status', 'conditions').find(
        (each) => textAt(each, 'type') === 'Progressing',
      );
      const isCounted = numberAt(body, 'status', 'updatedReplicas') === 1;
      const now = at(body, 'metadata', 'annotations') as Record<string, string> | undefined;
      return isCounted &&
        now?.['deployment.kubernetes.io/revision'] === revision &&
        textAt(progress, 'reason') === reason
        ? true
        : undefined;
    }, `revision ${revision}, ${reason}`);
  await settled('1', 'NewReplicaSetAvailable');
  await setImage('dev.local/absent:1');
  await settled('2', 'ReplicaSetUpdated');
  await setImage('dev.local/tiny:1');
  await settled('3', 'NewReplicaSetAvailable');
});

const service: NewObject = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name: 'hello', namespace: 'default' },
  spec: {
    template: {
      metadata: { annotations: { 'autoscaling.knative.dev/min-scale': '1' } },
      spec: {
        timeoutSeconds: 3,
        containers: [
          {
            image: 'dev.local/tiny:1',
            ports: [{ containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/readyz' } },
          },
        ],
      },
    },
  },
};

test('a Knative Service with pods has a Deployment and a Revision, and keeps replicas that others set', async () => {
  const cluster = await start({
    manifests: [service],
    isPodBacked: ({ name }) => name === 'hello',
    urlOf: () => 'http://127.0.0.1:8080',
    podEnv: (env) => ({ ...env, K_SINK: 'http://127.0.0.1:8083/default/default' }),
  });
  const [pod] = await readyPods(cluster, 1);
  const reply = await callApi(`http://127.0.0.1:${portOf(pod!)}`, 'GET', '/', {});
  expect(reply.body).toMatchObject({
    K_SERVICE: 'hello',
    K_REVISION: 'hello-00001',
    K_SINK: 'http://127.0.0.1:8083/default/default',
  });
  expect(pod!.spec.terminationGracePeriodSeconds).toBe(3);
  const SERVICES = '/apis/serving.knative.dev/v1/namespaces/default/services/hello';
  const ready = await eventually(async () => {
    const { body } = await cluster.call('GET', SERVICES);
    return listAt(body, 'status', 'conditions').some(
      (c) => textAt(c, 'type') === 'Ready' && textAt(c, 'status') === 'True',
    )
      ? body
      : undefined;
  }, 'the service is ready');
  expect(ready['status']).toMatchObject({
    url: 'http://127.0.0.1:8080',
    latestReadyRevisionName: 'hello-00001',
  });
  await cluster.call('PATCH', `${DEPLOYMENTS}/hello/scale`, { spec: { replicas: 2 } }, MERGE);
  const env = [{ name: 'NEW', value: '1' }];
  await cluster.call(
    'PATCH',
    SERVICES,
    [{ op: 'add', path: '/spec/template/spec/containers/0/env', value: env }],
    { type: 'application/json-patch+json' },
  );
  const deployment = await eventually(async () => {
    const { body } = await cluster.call('GET', `${DEPLOYMENTS}/hello`);
    return textAt(
      body,
      'spec',
      'template',
      'metadata',
      'labels',
      'serving.knative.dev/revision',
    ) === 'hello-00002'
      ? body
      : undefined;
  }, 'the second revision');
  expect(numberAt(deployment, 'spec', 'replicas')).toBe(2);
});

test('a Knative Service that others run shows what they report', async () => {
  const cluster = await start({ manifests: [service] });
  const ready = async (status: string): Promise<unknown> =>
    eventually(async () => {
      const { body } = await cluster.call(
        'GET',
        '/apis/serving.knative.dev/v1/namespaces/default/services/hello',
      );
      return listAt(body, 'status', 'conditions').find(
        (c) => textAt(c, 'type') === 'Ready' && textAt(c, 'status') === status,
      );
    }, `Ready is ${status}`);
  await ready('Unknown');
  const ref = { namespace: 'default', name: 'hello' };
  cluster.reportService(ref, {
    isReady: false,
    url: 'http://x',
    reason: 'Exited',
    message: 'exit code 1',
  });
  expect(await ready('False')).toMatchObject({ reason: 'Exited', message: 'exit code 1' });
  cluster.reportService(ref, { isReady: true, url: 'http://x' });
  await ready('True');
  expect((await cluster.call('GET', DEPLOYMENTS)).body['items']).toEqual([]);
});

test('manifests are applied where they changed, and not over what others set since', async () => {
  const directory = tinyBundles();
  const stateFile = join(directory, 'state.db');
  const withData = (data: Dict): NewObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data,
  });
  const run = async (
    manifests: NewObject[],
    then?: (cluster: TestCluster) => Promise<unknown>,
  ): Promise<KubeObject | undefined> => {
    const cluster = await testCluster({ stateFile, manifests });
    await then?.(cluster);
    const kind = cluster.api.kind('v1', 'ConfigMap');
    const found = cluster.api.find(kind, { namespace: 'default', name: 'settings' });
    await cluster.close();
    return found;
  };
  const byHand = (cluster: TestCluster) =>
    cluster.call(
      'PATCH',
      '/api/v1/namespaces/default/configmaps/settings',
      { data: { a: 'by hand' } },
      MERGE,
    );
  expect((await run([withData({ a: '1' })], byHand))!['data']).toEqual({ a: 'by hand' });
  expect((await run([withData({ a: '1' })]))!['data']).toEqual({ a: 'by hand' });
  expect((await run([withData({ a: '2' })]))!['data']).toEqual({ a: '2' });
  expect(await run([])).toBeUndefined();
  rmSync(directory, { recursive: true });
});

const CHILD = `
import { startCluster, bundleLauncher } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
const [directory, deployment] = JSON.parse(process.argv[2]);
const cluster = await startCluster({
  port: 0, stateFile: directory + '/state.db', manifests: [deployment],
  launcher: bundleLauncher({ directory, logDirectory: directory + '/logs' }),
});
console.log(cluster.url);
`;

test('after kill -9 everything is there again, and nothing of the earlier run is left', async () => {
  const directory = tinyBundles();
  const script = join(directory, 'child.mjs');
  writeFileSync(script, CHILD);
  const deployment = aDeployment({ replicas: 2 });
  deployment.metadata.namespace = 'default';
  // DEAF: such a process outlives its supervisor until somebody ends it.
  const spec = at(deployment, 'spec', 'template', 'spec') as { containers: Dict[] };
  spec.containers[0]!['env'] = [{ name: 'DEAF', value: '1' }];
  const child = spawn(process.execPath, [script, JSON.stringify([directory, deployment])], {
    cwd: new URL('../../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
  );
  const running = await eventually(async () => {
    const all = listAt((await callApi(url, 'GET', PODS, {})).body, 'items') as Pod[];
    return all.length === 2 && all.every(isReady) ? all : undefined;
  }, 'two pods of the first run');
  await callApi(url, 'PATCH', `${DEPLOYMENTS}/web/scale`, {
    ...MERGE,
    body: { spec: { replicas: 1 } },
  });
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const warnings: string[] = [];
  const cluster = await start({
    stateFile: join(directory, 'state.db'),
    manifests: [deployment],
    warn: (message) => warnings.push(message),
  });
  expect(warnings).toEqual([expect.stringMatching(/^ended [12] pod process/)]);
  for (const pod of running) {
    // The kernel takes a moment to clear away what was killed.
    const pid = pidOf(pod);
    await eventually(() => (identityOf(pid) === undefined ? true : undefined), `the end of ${pid}`);
  }
  expect(
    cluster.api.get(cluster.api.kind('apps/v1', 'Deployment'), {
      namespace: 'default',
      name: 'web',
    }),
  ).toMatchObject({ spec: { replicas: 1 } });
  const list = await cluster.call('GET', PODS);
  expect(Number(textAt(list.body, 'metadata', 'resourceVersion'))).toBeGreaterThan(
    Number(running[0]!.metadata.resourceVersion),
  );
  await cluster.close(1);
  open.splice(0);
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

test('a corrupt state file is said, set aside, and a fresh one begun', async () => {
  const directory = tinyBundles();
  const stateFile = join(directory, 'state.db');
  writeFileSync(
    stateFile,
    'this is no database, but it is long enough to be looked at as one'.repeat(200),
  );
  const warnings: string[] = [];
  const cluster = await start({ stateFile, warn: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringMatching(/cannot be read .* set aside as .*corrupt-/)]);
  const aside = readdirSync(directory).find((name) => name.includes('.corrupt-'))!;
  expect(readFileSync(join(directory, aside), 'utf8')).toContain('this is no database');
  expect((await cluster.call('GET', '/api/v1/namespaces/default')).status).toBe(200);
  rmSync(directory, { recursive: true, force: true });
});
