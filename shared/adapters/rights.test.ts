// The shipped roles are what the adapters need, no less and no more: each runs with the rights of its
// function against an API that has one object of every kind.
import { expect, test } from 'vitest';
import { NimbusError } from '../errors.ts';
import { aPolicy } from '../testing/builders.ts';
import { grants, withRights } from '../testing/rights.ts';
import { configMapStore, storedConfigMaps } from './config-map-store.ts';
import { DEPLOYMENT, TARGETS, type Kind } from './kinds.ts';
import { ApiError, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { kubernetesCluster } from './kubernetes-cluster.ts';
import { kubernetesControl } from './kubernetes-control.ts';
import { resourceMetrics } from './resource-metrics.ts';

const locatorOf = ({ apiVersion, kind }: Kind) => ({
  namespace: 'shop',
  ref: { apiVersion, kind, name: 'web' },
});

/** Whatever is asked for is there, and passes for any of the kinds. */
const OBJECT: Json = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1' },
  spec: {
    replicas: 1,
    minReplicas: 1,
    scaleTargetRef: { kind: 'Deployment', name: 'web' },
    selector: { matchLabels: { app: 'web' } },
    targetRef: locatorOf(DEPLOYMENT).ref,
  },
  status: { traffic: [{ revisionName: 'web', percent: 100 }] },
};
const API: KubernetesApi = {
  request: () => Promise.resolve({ ...OBJECT, items: [OBJECT] }),
  close: () => undefined,
};

/** Every scale conflicts once, so that the writer of replicas reads the version that stands there. */
function contested(): KubernetesApi {
  const refused = new Set<string>();
  return {
    ...API,
    request(request) {
      if (!request.path.endsWith('/scale') || refused.has(request.path)) {
        return API.request(request);
      }
      refused.add(request.path);
      return Promise.reject(new NimbusError('target.conflict', 'moved'));
    },
  };
}

const REQUEST = {
  source: 'auto',
  endpoint: undefined,
  port: undefined,
  queries: undefined,
  sloLatencyMs: 500,
} as const;

async function observe(api: KubernetesApi): Promise<void> {
  const cluster = kubernetesCluster(api, { watchNamespaces: ['*'] });
  const [policy = aPolicy()] = await cluster.policies();
  const states = await cluster.targets(TARGETS.map(locatorOf));
  const found = states.flatMap((state) => ('found' in state ? [state.found] : []));
  expect(found).toHaveLength(TARGETS.length);
  await resourceMetrics({ api }).read(found.map((state) => ({ ...REQUEST, policy, state })));
}

/** Writes the field of every kind of target, and releases it. */
async function giveBack(api: KubernetesApi): Promise<void> {
  const control = kubernetesControl(api);
  const policy = (await control.policy('shop', 'web')) ?? aPolicy();
  await control.setFinalizers(policy, []);
  await control.record(policy, {
    type: 'Normal',
    reason: 'Scaled',
    message: '',
    atMs: 0,
  });
  for (const kind of TARGETS) {
    const located = await control.field(locatorOf(kind));
    if (!('found' in located)) throw new Error(`${kind.kind}: ${JSON.stringify(located)}`);
    const field = { ...located.found, rival: null };
    const expiresAt = field.kind === 'floor' ? '2099-01-01T00:00:00Z' : null;
    const { path, stored: original, owner } = field;
    const note = {
      path,
      original,
      owner,
      value: 3,
      policyUid: policy.uid,
      expiresAt,
    };
    await control.write(field, 3, note);
    await control.release({ ...field, note });
  }
}

/** Where the RoleBinding of a namespace is gone it is asked whether the namespace is being deleted. */
async function locateWithoutBinding(api: KubernetesApi): Promise<void> {
  const denied = new ApiError(403, 'Forbidden', 'no');
  const located = await kubernetesControl({
    ...api,
    request: (request) =>
      request.path.includes('/apps/') ? Promise.reject(denied) : api.request(request),
  }).field(locatorOf(DEPLOYMENT));
  expect(located).toMatchObject({ refusal: { reason: 'forbidden' } });
}

async function remember(api: KubernetesApi): Promise<void> {
  const store = configMapStore(api, 'nimbusguard');
  await store.load('web');
  const version = await store.save('web', '{}', null);
  await store.save('web', '{}', version);
}

async function tidyUp(api: KubernetesApi): Promise<void> {
  const documents = storedConfigMaps(api, 'nimbusguard');
  expect(await documents.list()).toHaveLength(1);
  await documents.remove('web');
}

test('every verb that a role grants is used by a function that has it, and every other is refused', async () => {
  const used = new Set<string>();
  const as = (account: string, api = API): KubernetesApi => withRights(api, account, used);

  await observe(as('observer'));
  await giveBack(as('executor', contested()));
  await kubernetesControl(as('executor')).patchStatus(aPolicy(), {
    replicas: 1,
  });
  await locateWithoutBinding(as('executor'));
  await remember(as('decider'));
  await tidyUp(as('release'));

  expect([...used].sort()).toEqual(grants());
});

test('the release CronJob may do all that giving a field back takes', async () => {
  const api = withRights(API, 'release');
  await kubernetesCluster(api, { watchNamespaces: ['*'] }).policies();
  await giveBack(api);
});

test('a function without the right is refused', async () => {
  await expect(giveBack(withRights(API, 'observer'))).rejects.toThrow('observer may not patch');
});
