// The contract of the ports against memory and the embedded Kubernetes API; against the API server of
// NIMBUSGUARD_TEST_KUBECONFIG as well where that is set; each adapter with the rights of its function.
import { KubeConfig } from '@kubernetes/client-node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#scripts/local/cluster/index.ts';
import { startBareApi } from '#scripts/local/cluster/testing.ts';
import type { ModelStore } from '../ports.ts';
import { aField, aPolicy } from '../testing/builders.ts';
import { memoryControl } from '../testing/memory-control.ts';
import { memoryStore } from '../testing/memory-store.ts';
import { withRights } from '../testing/rights.ts';
import { clusterContract, controlContract, modelStoreContract, type Check } from './contract.ts';
import { kubernetesApi, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { kubernetesCluster } from './kubernetes-cluster.ts';
import { kubernetesControl } from './kubernetes-control.ts';
import { configMapStore, storedConfigMaps } from './config-map-store.ts';

const NAMESPACE = `contract-${process.pid}`;
const KUBECONFIG = process.env['NIMBUSGUARD_TEST_KUBECONFIG'];

const runAll = (checks: readonly Check[]): void => {
  for (const { name, run } of checks) {
    test(name, async () => {
      await run();
      expect.assertions(0); // the contract asserts by itself, without a test library
    });
  }
};

describe('in memory', () => {
  const store = memoryStore();
  let keys = 0;
  runAll(modelStoreContract(() => ({ store, key: `key-${++keys}` })));
  runAll(
    controlContract(() => {
      const { control } = memoryControl(aPolicy(), aField());
      const { namespace, name } = aPolicy();
      const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
      return { control, policy: { namespace, name }, locator: { namespace, ref } };
    }),
  );
});

const container = { name: 'c', image: 'dev.local/nimbusguard/none:dev', imagePullPolicy: 'Never' };
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } },
  },
};
const HPA = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'other', namespace: NAMESPACE },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other' },
    minReplicas: 1,
    maxReplicas: 20,
  },
};
const policyFor = (name: string, ref: object) => ({
  apiVersion: 'nimbusguard.io/v1alpha1',
  kind: 'ScalingPolicy',
  metadata: { name, namespace: NAMESPACE },
  spec: { targetRef: { ...ref, name }, mode: 'shadow' },
});

async function populate(api: KubernetesApi): Promise<void> {
  const make = (path: string, body: Json) => api.request({ method: 'POST', path, body });
  await make('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  });
  const apps = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
  await make(apps, DEPLOYMENT);
  const { spec } = DEPLOYMENT;
  const labels = { app: 'other' };
  const template = { ...spec.template, metadata: { labels } };
  await make(apps, {
    ...DEPLOYMENT,
    metadata: { ...DEPLOYMENT.metadata, name: 'other' },
    spec: { ...spec, selector: { matchLabels: labels }, template },
  });
  await make(`/apis/autoscaling/v2/namespaces/${NAMESPACE}/horizontalpodautoscalers`, HPA);
  const policies = `/apis/nimbusguard.io/v1alpha1/namespaces/${NAMESPACE}/scalingpolicies`;
  await make(policies, policyFor('web', { apiVersion: 'apps/v1', kind: 'Deployment' }));
  await make(policies, policyFor('other', { apiVersion: HPA.apiVersion, kind: HPA.kind }));
}

function kubernetesContract(connect: () => KubernetesApi): void {
  let keys = 0;
  const stored = () => storedConfigMaps(withRights(connect(), 'release'), NAMESPACE);
  const store = (): ModelStore => ({
    ...configMapStore(withRights(connect(), 'decider'), NAMESPACE),
    remove: (key) => stored().remove(key),
  });
  runAll(modelStoreContract(() => ({ store: store(), key: `contract-${++keys}` })));

  test('what lies in the model store is listed with the time of the last write', async () => {
    const version = await store().save('contract-listed', '1', null);
    const [first] = await stored().list();
    await sleep(1100); // times are kept in whole seconds
    await store().save('contract-listed', '2', version);
    const [second] = await stored().list();
    await stored().remove('contract-listed');

    expect(first?.key).toBe('contract-listed');
    expect(second?.savedAtMs).toBeGreaterThan(first?.savedAtMs ?? Infinity);
    expect(await stored().list()).toEqual([]);
  });

  for (const [name, ref] of [
    ['web', { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }],
    ['other', { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'other' }],
  ] as const) {
    describe(ref.kind, () => {
      const world = {
        policy: { namespace: NAMESPACE, name },
        locator: { namespace: NAMESPACE, ref },
      };
      runAll(
        controlContract(() => ({
          ...world,
          control: kubernetesControl(withRights(connect(), 'executor')),
        })),
      );
      runAll(
        clusterContract(() => ({
          ...world,
          cluster: kubernetesCluster(withRights(connect(), 'observer'), {
            watchNamespaces: [NAMESPACE],
          }),
        })),
      );
    });
  }
}

describe('the embedded API', () => {
  let cluster: Cluster;
  let api: KubernetesApi;
  const logs = mkdtempSync(join(tmpdir(), 'nimbusguard-contract-'));
  beforeAll(async () => {
    cluster = await startBareApi(logs);
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'embedded', server: cluster.url, skipTLSVerify: true },
      { name: 'u' },
    );
    api = kubernetesApi({ timeoutMs: 5000, config });
    await populate(api);
  });
  afterAll(async () => {
    api.close();
    await cluster.close(0);
    rmSync(logs, { recursive: true, force: true });
  });
  kubernetesContract(() => api);
});

const realApiServer = (kubeconfig: string): void => {
  let api: KubernetesApi;
  beforeAll(async () => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    api = kubernetesApi({ timeoutMs: 5000, config });
    await populate(api);
  });
  afterAll(async () => {
    await api.request({ method: 'DELETE', path: `/api/v1/namespaces/${NAMESPACE}` });
    api.close();
  });
  kubernetesContract(() => api);
};
if (KUBECONFIG !== undefined) describe('a real API server', () => realApiServer(KUBECONFIG));
