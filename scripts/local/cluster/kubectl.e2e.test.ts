// The tools people know, on the embedded API. Needs kubectl; says so where it is not there.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { aDeployment, eventually, testCluster, type TestCluster } from './testing.ts';
import type { NewObject } from './types.ts';

const run = promisify(execFile);
const KUBECTL = process.env['KUBECTL'] ?? 'kubectl';

const hasKubectl = ((): boolean => {
  try {
    execFileSync(KUBECTL, ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test('kubectl is on this machine', () => {
  expect(
    hasKubectl,
    'kubectl is missing: install it, and `make e2e` looks at the embedded API with it',
  ).toBe(true);
});

const crd = parse(
  readFileSync(new URL('../../../knative/10-crd.yaml', import.meta.url), 'utf8'),
) as NewObject;

const policy: NewObject = {
  apiVersion: 'nimbusguard.io/v1alpha1',
  kind: 'ScalingPolicy',
  metadata: { name: 'web', namespace: 'default' },
  spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, mode: 'act' },
};

let cluster: TestCluster;
let flags: string[];

beforeAll(async () => {
  const web = aDeployment({ replicas: 1 });
  web.metadata.namespace = 'default';
  cluster = await testCluster({ manifests: [crd, web, policy] });
  flags = ['--server', cluster.url, '--cache-dir', join(cluster.directory, 'kube-cache')];
});
afterAll(() => cluster.close(1));

const kubectl = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run(KUBECTL, [...flags, ...args], {
    env: { ...process.env, KUBECONFIG: '/dev/null' },
  });
  return stdout + stderr;
};

const rows = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s{2,}|\s+$/));

test.runIf(hasKubectl)('get shows deployments, pods and policies with their columns', async () => {
  await kubectl('wait', '--for=condition=Ready', 'pod', '-l', 'app=web', '--timeout=60s');
  const text = await kubectl('get', 'deployments,pods,scalingpolicies');
  expect(text).toMatch(
    /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\ndeployment.apps\/web\s+1\/1\s+1\s+1\s+/,
  );
  expect(text).toMatch(
    /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\npod\/web-\S+\s+1\/1\s+Running\s+0\s+/,
  );
  expect(text).toMatch(
    /NAME\s+TARGET\s+MODE\s+REPLICAS.*\nscalingpolicy.nimbusguard.io\/web\s+web\s+act\s+/,
  );
  expect(rows(await kubectl('get', 'sp', 'web'))[1]!.slice(0, 3)).toEqual(['web', 'web', 'act']);
  expect(rows(await kubectl('get', 'pods', '-o', 'wide'))[1]!.slice(5, 7)).toEqual([
    '127.0.0.1',
    'local',
  ]);
});

test.runIf(hasKubectl)('get -o yaml gives the object as it is', async () => {
  const object = parse(await kubectl('get', 'deployment', 'web', '-o', 'yaml')) as NewObject;
  expect(object).toMatchObject({
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 1, strategy: { type: 'RollingUpdate' } },
  });
});

test.runIf(hasKubectl)('scale moves processes, and get -w shows them come', async () => {
  // A chunk may end in the middle of a line, so the lines are cut from the whole text.
  let seen = '';
  const watching = spawn(KUBECTL, [...flags, 'get', 'pods', '-w'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  watching.stdout.on('data', (data: Buffer) => (seen += data.toString()));
  await eventually(() => /^web-/m.test(seen) || undefined, 'the first pod of the watch');
  expect(await kubectl('scale', 'deployment', 'web', '--replicas=3')).toContain(
    'deployment.apps/web scaled',
  );
  expect(await kubectl('rollout', 'status', 'deployment', 'web', '--timeout=60s')).toContain(
    'successfully rolled out',
  );
  await eventually(() => {
    const ready = new Set(
      [...seen.matchAll(/^(web-\S+)\s+1\/1\s+Running\s.*$/gm)].map((line) => line[1]),
    );
    return ready.size === 3 || undefined;
  }, 'three ready pods in the watch');
  watching.kill();
});

test.runIf(hasKubectl)('describe tells the pods’ story, logs what they wrote', async () => {
  const deployment = await kubectl('describe', 'deployment', 'web');
  expect(deployment).toMatch(
    /Replicas:\s+3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable/,
  );
  expect(deployment).toContain('Scaled up replica set');
  const pod = await kubectl('describe', 'pods', '-l', 'app=web');
  expect(pod).toMatch(/Controlled By:\s+ReplicaSet\/web-/);
  expect(pod).toMatch(/Normal\s+Scheduled/);
  expect(await kubectl('describe', 'scalingpolicy', 'web')).toMatch(/Max Replicas:\s+50/);
  expect(await kubectl('logs', 'deploy/web')).toContain('listening on');
});

test.runIf(hasKubectl)('apply, patch, edit of one field, and explain', async () => {
  const file = join(cluster.directory, 'policy.yaml');
  writeFileSync(
    file,
    JSON.stringify({ ...policy, spec: { ...(policy['spec'] as object), maxReplicas: 7 } }),
  );
  expect(await kubectl('apply', '-f', file)).toContain(
    'scalingpolicy.nimbusguard.io/web configured',
  );
  expect(await kubectl('apply', '-f', file)).toContain('unchanged');
  writeFileSync(file, JSON.stringify(aDeployment({ replicas: 2, env: { A: '1' } })));
  expect(await kubectl('apply', '-f', file)).toContain('deployment.apps/web configured');
  expect(await kubectl('apply', '--server-side', '--force-conflicts', '-f', file)).toContain(
    'serverside-applied',
  );
  expect(
    await kubectl('patch', 'sp', 'web', '--type=merge', '-p', '{"spec":{"mode":"advise"}}'),
  ).toContain('patched');
  const refused = await kubectl(
    'patch',
    'sp',
    'web',
    '--type=merge',
    '-p',
    '{"spec":{"minReplicas":99}}',
  ).catch((error: unknown) => String(error));
  expect(refused).toContain('minReplicas must not be above maxReplicas');
  expect(await kubectl('explain', 'scalingpolicy.spec.slo')).toContain('latencyMilliseconds');
});

test.runIf(hasKubectl)('delete takes pods along', async () => {
  expect(await kubectl('delete', 'deployment', 'web', '--timeout=60s')).toContain('deleted');
  await eventually(
    async () => ((await kubectl('get', 'pods')).includes('No resources found') ? true : undefined),
    'no pods',
  );
});
