import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { aDeployment, eventually, testCluster, type TestCluster } from '../testing.ts';
import { at, listAt, numberAt, textAt, type Dict, type NewObject } from '../types.ts';

const MERGE = { type: 'application/merge-patch+json' };
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const MAPS = '/api/v1/namespaces/default/configmaps';
const POLICIES = '/apis/nimbusguard.io/v1alpha1/namespaces/default/scalingpolicies';

const crd = parse(
  readFileSync(new URL('../../../../knative/10-crd.yaml', import.meta.url), 'utf8'),
) as NewObject;

let cluster: TestCluster;
let bugs: unknown[];

beforeAll(async () => {
  bugs = [];
  cluster = await testCluster({ manifests: [crd], onError: (error) => bugs.push(error) });
});
afterAll(async () => {
  await cluster.close();
  expect(bugs).toEqual([]);
});

const aMap = (name: string, data: Dict = { a: '1' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

const aPolicy = (name: string, spec: Dict = {}) => ({
  apiVersion: 'nimbusguard.io/v1alpha1',
  kind: 'ScalingPolicy',
  metadata: { name },
  spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, ...spec },
});

const versionOf = (body: Dict): string => textAt(body, 'metadata', 'resourceVersion');

test('discovery names what is served, custom kinds included', async () => {
  expect((await cluster.call('GET', '/version')).body).toMatchObject({ major: '1', minor: '34' });
  const groups = listAt((await cluster.call('GET', '/apis')).body, 'groups').map((g) =>
    textAt(g, 'name'),
  );
  expect(groups).toEqual(expect.arrayContaining(['apps', 'nimbusguard.io', 'serving.knative.dev']));
  const { body } = await cluster.call('GET', '/apis/nimbusguard.io/v1alpha1');
  expect(listAt(body, 'resources').map((r) => textAt(r, 'name'))).toEqual([
    'scalingpolicies',
    'scalingpolicies/status',
  ]);
  const all = await cluster.call('GET', '/apis', undefined, {
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
  });
  expect(all.body['kind']).toBe('APIGroupDiscoveryList');
});

test('what was created is there, and a second one of the name is not', async () => {
  const created = await cluster.call('POST', MAPS, aMap('one'));
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({
    metadata: { name: 'one', namespace: 'default' },
    data: { a: '1' },
  });
  expect((await cluster.call('POST', MAPS, aMap('one'))).body).toMatchObject({
    code: 409,
    reason: 'AlreadyExists',
  });
  expect((await cluster.call('GET', `${MAPS}/one`)).body).toEqual(created.body);
  expect((await cluster.call('GET', `${MAPS}/none`)).body).toMatchObject({
    code: 404,
    reason: 'NotFound',
  });
});

test('of two writers who read the same version, the second gets 409', async () => {
  const { body } = await cluster.call('POST', MAPS, aMap('cas'));
  const write = (value: string) =>
    cluster.call('PUT', `${MAPS}/cas`, {
      ...aMap('cas', { a: value }),
      metadata: { name: 'cas', resourceVersion: versionOf(body) },
    });
  expect((await write('first')).status).toBe(200);
  const second = await write('second');
  expect(second.body).toMatchObject({
    code: 409,
    reason: 'Conflict',
    message: expect.stringContaining('please apply your changes to the latest version') as string,
  });
  expect((await cluster.call('GET', `${MAPS}/cas`)).body['data']).toEqual({ a: 'first' });
});

test('a write that changes nothing takes no version', async () => {
  const { body } = await cluster.call('POST', MAPS, aMap('same'));
  const again = await cluster.call('PATCH', `${MAPS}/same`, { data: { a: '1' } }, MERGE);
  expect(versionOf(again.body)).toBe(versionOf(body));
});

test('uid and version given with a deletion must be those of the object', async () => {
  const { body } = await cluster.call('POST', MAPS, aMap('doomed'));
  const wrong = await cluster.call('DELETE', `${MAPS}/doomed`, { preconditions: { uid: 'other' } });
  expect(wrong.body).toMatchObject({ code: 409, reason: 'Conflict' });
  const uid = textAt(body, 'metadata', 'uid');
  expect(
    (await cluster.call('DELETE', `${MAPS}/doomed`, { preconditions: { uid } })).body['status'],
  ).toBe('Success');
  expect((await cluster.call('GET', `${MAPS}/doomed`)).status).toBe(404);
});

test('a dry run checks everything and stores nothing', async () => {
  expect((await cluster.call('POST', `${MAPS}?dryRun=All`, aMap('dry'))).status).toBe(201);
  expect((await cluster.call('GET', `${MAPS}/dry`)).status).toBe(404);
  expect((await cluster.call('POST', `${MAPS}?dryRun=Some`, aMap('dry'))).status).toBe(422);
});

test('/scale reads and writes one number, with its own preconditions and field manager', async () => {
  const { body } = await cluster.call('POST', DEPLOYMENTS, aDeployment({ name: 'scaled' }));
  const path = `${DEPLOYMENTS}/scaled/scale`;
  expect((await cluster.call('GET', path)).body).toMatchObject({
    kind: 'Scale',
    spec: {},
    status: { replicas: 0, selector: 'app=scaled' },
  });
  const paused = await cluster.call(
    'PATCH',
    `${DEPLOYMENTS}/scaled`,
    { metadata: { annotations: { note: '1' } } },
    MERGE,
  );
  expect(paused.status).toBe(200);
  const stale = await cluster.call(
    'PATCH',
    path,
    { metadata: { resourceVersion: versionOf(body) }, spec: { replicas: 1 } },
    MERGE,
  );
  expect(stale.status).toBe(409);
  const foreign = await cluster.call(
    'PATCH',
    path,
    { metadata: { uid: 'other' }, spec: { replicas: 1 } },
    MERGE,
  );
  expect(foreign.status).toBe(409);
  for (const replicas of [-1, 2 ** 31])
    expect((await cluster.call('PATCH', path, { spec: { replicas } }, MERGE)).status).toBe(422);
  expect((await cluster.call('PATCH', path, { spec: { replicas: 'two' } }, MERGE)).status).toBe(
    422,
  );
  const crash = { spec: { replicas: 0, paused: true } };
  await cluster.call('PATCH', `${DEPLOYMENTS}/scaled`, crash, MERGE);
  await cluster.call(
    'PATCH',
    `${path}?fieldManager=nimbusguard-executor`,
    { spec: { replicas: 2 } },
    MERGE,
  );
  const after = await cluster.call('GET', `${DEPLOYMENTS}/scaled`);
  expect(numberAt(after.body, 'spec', 'replicas')).toBe(2);
  const owner = listAt(after.body, 'metadata', 'managedFields').find(
    (f) => textAt(f, 'manager') === 'nimbusguard-executor',
  );
  expect(owner).toMatchObject({
    subresource: 'scale',
    operation: 'Update',
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  });
  await cluster.call('DELETE', `${DEPLOYMENTS}/scaled`);
});

test('generation counts wanted states; status has a path of its own', async () => {
  const created = await cluster.call('POST', POLICIES, aPolicy('counted'));
  expect(created.body).toMatchObject({
    metadata: { generation: 1 },
    spec: { mode: 'floor', maxReplicas: 50 },
  });
  const path = `${POLICIES}/counted`;
  const bySpec = await cluster.call(
    'PATCH',
    path,
    { spec: { mode: 'act' }, status: { replicas: 9 } },
    MERGE,
  );
  expect(bySpec.body).toMatchObject({ metadata: { generation: 2 } });
  expect(bySpec.body).not.toHaveProperty('status');
  const byStatus = await cluster.call(
    'PATCH',
    `${path}/status`,
    { spec: { mode: 'off' }, status: { replicas: 3 } },
    MERGE,
  );
  expect(byStatus.body).toMatchObject({
    metadata: { generation: 2 },
    spec: { mode: 'act' },
    status: { replicas: 3 },
  });
});

test('an invalid policy is refused with every field, on create and on patch', async () => {
  const created = await cluster.call(
    'POST',
    POLICIES,
    aPolicy('bad', { minReplicas: 9, maxReplicas: 3 }),
  );
  expect(created.body).toMatchObject({
    code: 422,
    reason: 'Invalid',
    details: { causes: [{ field: 'spec.minReplicas' }] },
  });
  await cluster.call('POST', POLICIES, aPolicy('good'));
  const patched = await cluster.call(
    'PATCH',
    `${POLICIES}/good`,
    { spec: { mode: 'x', minReplicas: -1 } },
    MERGE,
  );
  expect(
    listAt(patched.body, 'details', 'causes')
      .map((c) => textAt(c, 'field'))
      .sort(),
  ).toEqual(['spec.minReplicas', 'spec.mode']);
  const strict = await cluster.call(
    'POST',
    `${POLICIES}?fieldValidation=Strict`,
    aPolicy('strict', { modee: 'act' }),
  );
  expect(strict.body).toMatchObject({
    code: 400,
    message: expect.stringContaining('unknown field "spec.modee"') as string,
  });
  const warned = await cluster.call(
    'POST',
    `${POLICIES}?fieldValidation=Warn`,
    aPolicy('warned', { modee: 'act' }),
  );
  expect(warned.headers.get('warning')).toContain('unknown field');
});

test('an object with a finalizer stays until it is taken off', async () => {
  await cluster.call('POST', POLICIES, {
    ...aPolicy('kept'),
    metadata: { name: 'kept', finalizers: ['nimbusguard.io/restore'] },
  });
  const path = `${POLICIES}/kept`;
  const deleted = await cluster.call('DELETE', path);
  expect(deleted.body).toMatchObject({
    metadata: { deletionTimestamp: expect.any(String) as string },
  });
  expect((await cluster.call('GET', path)).status).toBe(200);
  await cluster.call('PATCH', path, { metadata: { finalizers: null } }, MERGE);
  expect((await cluster.call('GET', path)).status).toBe(404);
});

test('server-side apply creates, keeps to its own fields, and names who stands against it', async () => {
  const type = { type: 'application/apply-patch+yaml' };
  const apply = (manager: string, data: Dict, force = '') =>
    cluster.call(
      'PATCH',
      `${MAPS}/applied?fieldManager=${manager}${force}`,
      aMap('applied', data),
      type,
    );
  expect((await apply('one', { a: '1' })).status).toBe(201);
  expect((await apply('two', { b: '2' })).body['data']).toEqual({ a: '1', b: '2' });
  expect((await apply('two', { a: '9' })).body).toMatchObject({
    code: 409,
    message: expect.stringContaining('conflict with "one": .data.a') as string,
  });
  expect((await apply('two', { a: '9' }, '&force=true')).body['data']).toEqual({ a: '9' });
});

test('lists are selected and cut into pages', async () => {
  for (const name of ['p1', 'p2', 'p3']) {
    await cluster.call('POST', MAPS, {
      ...aMap(name),
      metadata: { name, labels: { page: 'yes' } },
    });
  }
  const names = (body: Dict): string[] =>
    listAt(body, 'items').map((item) => textAt(item, 'metadata', 'name'));
  const first = await cluster.call('GET', `${MAPS}?labelSelector=page%3Dyes&limit=2`);
  expect(names(first.body)).toEqual(['p1', 'p2']);
  expect(first.body).toMatchObject({ metadata: { remainingItemCount: 1 } });
  const rest = await cluster.call(
    'GET',
    `${MAPS}?labelSelector=page%3Dyes&limit=2&continue=${textAt(first.body, 'metadata', 'continue')}`,
  );
  expect(names(rest.body)).toEqual(['p3']);
  expect(
    (await cluster.call('GET', `${MAPS}?fieldSelector=metadata.name%3Dp2`)).body['items'],
  ).toHaveLength(1);
});

test.each([
  ['limit=abc', 'limit'],
  ['limit=1&continue=zzz', 'continue key'],
  ['resourceVersion=abc', 'resourceVersion'],
])('a list with %s is refused, not answered as if it were whole', async (query, says) => {
  const { body } = await cluster.call('GET', `${MAPS}?${query}`);
  expect(body).toMatchObject({ code: 400 });
  expect(textAt(body, 'message')).toContain(says);
});

test.each<[patch: Dict, code: number]>([
  [{ metadata: { name: 'other' } }, 422],
  [{ metadata: { namespace: 'other' } }, 422],
  [{ metadata: { managedFields: 5 } }, 422],
  [{ kind: 'Secret' }, 400],
  [{ apiVersion: 'v2' }, 400],
])('a patch of %j makes no other object', async (patch, code) => {
  await cluster.call('POST', MAPS, aMap('itself'));
  const { body } = await cluster.call('PATCH', `${MAPS}/itself`, patch, MERGE);
  expect(body['code']).toBe(code);
});

test('managed fields are stripped by the patch that the documentation gives for it', async () => {
  await cluster.call('POST', MAPS, aMap('disowned'));
  const strip = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }];
  const type = 'application/json-patch+json';
  const { status, body } = await cluster.call('PATCH', `${MAPS}/disowned`, strip, { type });
  expect(status).toBe(200);
  expect(listAt(body, 'metadata', 'managedFields')).toEqual([]);
});

test('a client that speaks protobuf is told what to do', async () => {
  const type = 'application/vnd.kubernetes.protobuf';
  const { body } = await cluster.call('POST', MAPS, 'k8s', { type });
  expect(body).toMatchObject({ code: 415 });
  expect(textAt(body, 'message')).toContain('--dry-run=client -o yaml');
});

test('a Table has the columns of the kind and of the definition', async () => {
  await cluster.call('POST', POLICIES, aPolicy('shown'));
  const { body } = await cluster.call(
    'GET',
    `${POLICIES}?fieldSelector=metadata.name%3Dshown`,
    undefined,
    TABLE,
  );
  const columns = listAt(body, 'columnDefinitions').map((c) => textAt(c, 'name'));
  expect(columns.slice(0, 3)).toEqual(['Name', 'Target', 'Mode']);
  expect(listAt(listAt(body, 'rows')[0], 'cells').slice(0, 3)).toEqual(['shown', 'web', 'floor']);
  const deployments = await cluster.call('GET', DEPLOYMENTS, undefined, TABLE);
  expect(listAt(deployments.body, 'columnDefinitions').map((c) => textAt(c, 'name')).slice(0, 5)).toEqual([
    'Name', 'Ready', 'Up-to-date', 'Available', 'Age',
  ]); // prettier-ignore
});

/** Reads a watch until it ends. */
async function watch(path: string): Promise<{ type: string; object: Dict }[]> {
  const response = await fetch(cluster.url + path);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string; object: Dict });
}

const seen = (events: { type: string; object: Dict }[]): string[] =>
  events.map(({ type, object }) => `${type} ${textAt(object, 'metadata', 'name')}`);

test('a watch goes on from the version of a list and misses nothing', async () => {
  const list = await cluster.call('GET', MAPS);
  const following = watch(
    `${MAPS}?watch=1&resourceVersion=${versionOf(list.body)}&timeoutSeconds=1&labelSelector=w%3D1`,
  );
  const labelled = (name: string, w: string) => ({
    ...aMap(name),
    metadata: { name, labels: { w } },
  });
  await cluster.call('POST', MAPS, labelled('w-a', '1'));
  await cluster.call('POST', MAPS, labelled('w-b', '2'));
  await cluster.call('PATCH', `${MAPS}/w-b`, { metadata: { labels: { w: '1' } } }, MERGE);
  await cluster.call('PATCH', `${MAPS}/w-a`, { metadata: { labels: { w: '2' } } }, MERGE);
  await cluster.call('DELETE', `${MAPS}/w-b`);
  const expected = ['ADDED w-a', 'ADDED w-b', 'DELETED w-a', 'DELETED w-b'];
  expect(seen(await following)).toEqual(expected);
  // The same again, from history alone.
  const later = await watch(
    `${MAPS}?watch=1&resourceVersion=${versionOf(list.body)}&timeoutSeconds=1&labelSelector=w%3D1`,
  );
  expect(seen(later)).toEqual(expected);
});

test('what changes while a list is read by pages is told by a watch from the version of its last page', async () => {
  for (const name of ['v1', 'v2', 'v3']) {
    await cluster.call('POST', MAPS, { ...aMap(name), metadata: { name, labels: { v: '1' } } });
  }
  const query = 'labelSelector=v%3D1&limit=2';
  const first = await cluster.call('GET', `${MAPS}?${query}`);
  await cluster.call('DELETE', `${MAPS}/v1`);
  const token = textAt(first.body, 'metadata', 'continue');
  const last = await cluster.call('GET', `${MAPS}?${query}&continue=${token}`);
  expect(versionOf(last.body)).toBe(versionOf(first.body));
  const from = `resourceVersion=${versionOf(last.body)}`;
  const told = await watch(`${MAPS}?watch=1&timeoutSeconds=1&labelSelector=v%3D1&${from}`);
  expect(seen(told)).toEqual(['DELETED v1']);
});

test('a watch begins with all that is there, however much', async () => {
  const names = Array.from({ length: 18 }, (_, index) => `big-${10 + index}`);
  const data = { a: 'x'.repeat(1_000_000) };
  for (const name of names) {
    await cluster.call('POST', MAPS, {
      ...aMap(name, data),
      metadata: { name, labels: { big: '1' } },
    });
  }
  const told = await watch(`${MAPS}?watch=1&timeoutSeconds=1&labelSelector=big%3D1`);
  expect(seen(told)).toEqual(names.map((name) => `ADDED ${name}`));
  await cluster.call('DELETE', `${MAPS}?labelSelector=big%3D1`);
});

test('a watch from a version that is no longer known says 410 and ends', async () => {
  const events = await watch(`${MAPS}?watch=1&resourceVersion=1`);
  expect(events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
});

test('a watch without a version begins with what is there, and a bookmark when asked', async () => {
  await cluster.call('POST', MAPS, aMap('present'));
  const query = 'watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dpresent';
  expect(seen(await watch(`${MAPS}?${query}`))).toEqual(['ADDED present']);
  const streamed = await watch(
    `${MAPS}?${query}&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
  );
  expect(streamed.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
  expect(at(streamed[1]!.object, 'metadata', 'annotations')).toEqual({
    'k8s.io/initial-events-end': 'true',
  });
});

test('a definition makes a kind, and takes its objects along when it goes', async () => {
  const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'toys.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Toy', plural: 'toys', singular: 'toy' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
    },
  };
  const TOYS = '/apis/example.com/v1/namespaces/default/toys';
  const aToy = { apiVersion: 'example.com/v1', kind: 'Toy', metadata: { name: 't' } };
  expect((await cluster.call('POST', TOYS, aToy)).status).toBe(404);
  expect((await cluster.call('POST', CRDS, definition)).status).toBe(201);
  expect((await cluster.call('POST', TOYS, aToy)).status).toBe(201);
  await cluster.call('DELETE', `${CRDS}/toys.example.com`);
  expect((await cluster.call('GET', TOYS)).status).toBe(404);
  await cluster.call('POST', CRDS, definition);
  await eventually(async () => {
    const { body } = await cluster.call('GET', TOYS);
    return listAt(body, 'items').length === 0 ? true : undefined;
  }, 'the toys of the first definition are gone');
});

test('what is owned goes with its owner, unless it is orphaned', async () => {
  const owner = await cluster.call('POST', MAPS, aMap('owner'));
  const ownerReferences = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'owner',
      uid: textAt(owner.body, 'metadata', 'uid'),
    },
  ];
  await cluster.call('POST', MAPS, {
    ...aMap('owned'),
    metadata: { name: 'owned', ownerReferences },
  });
  await cluster.call('DELETE', `${MAPS}/owner?propagationPolicy=Orphan`);
  expect((await cluster.call('GET', `${MAPS}/owned`)).body).toMatchObject({
    metadata: { ownerReferences: [] },
  });
  const second = await cluster.call('POST', MAPS, aMap('owner'));
  const uid = textAt(second.body, 'metadata', 'uid');
  await cluster.call(
    'PATCH',
    `${MAPS}/owned`,
    { metadata: { ownerReferences: [{ ...ownerReferences[0], uid }] } },
    MERGE,
  );
  await cluster.call('DELETE', `${MAPS}/owner`);
  await eventually(
    async () => ((await cluster.call('GET', `${MAPS}/owned`)).status === 404 ? true : undefined),
    'the owned map is gone',
  );
});

test('a namespace goes with all that is in it', async () => {
  await cluster.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
  await cluster.call('POST', '/api/v1/namespaces/shop/configmaps', aMap('stock'));
  const deleted = await cluster.call('DELETE', '/api/v1/namespaces/shop');
  expect(deleted.body).toMatchObject({ status: { phase: 'Terminating' } });
  await eventually(
    async () =>
      (await cluster.call('GET', '/api/v1/namespaces/shop')).status === 404 ? true : undefined,
    'the namespace is gone',
  );
  expect(
    (await cluster.call('POST', '/api/v1/namespaces/shop/configmaps', aMap('stock'))).status,
  ).toBe(404);
});

const deep = (levels: number): string =>
  `{"apiVersion":"v1","kind":"ConfigMap","data":${'['.repeat(levels)}${']'.repeat(levels)}}`;

test.each<
  [name: string, method: string, path: string, body: unknown, type: string, status: number]
>([
  ['malformed JSON', 'POST', MAPS, '{"a":', 'application/json', 400],
  ['JSON without a floor', 'POST', MAPS, deep(200_000), 'application/json', 400],
  ['YAML without a floor', 'POST', MAPS, deep(500), 'application/yaml', 400],
  ['an unknown media type', 'POST', MAPS, 'x', 'text/plain', 415],
  [
    'a strategic patch of a custom kind',
    'PATCH',
    `${POLICIES}/x`,
    {},
    'application/strategic-merge-patch+json',
    415,
  ],
  ['another kind than the path', 'POST', MAPS, aDeployment(), 'application/json', 400],
  ['a name that is no DNS name', 'POST', MAPS, aMap('Web_1'), 'application/json', 422],
  [
    'another namespace than the path',
    'POST',
    MAPS,
    { ...aMap('x'), metadata: { name: 'x', namespace: 'other' } },
    'application/json',
    400,
  ],
  [
    'a namespace that is not there',
    'POST',
    '/api/v1/namespaces/nowhere/configmaps',
    aMap('x'),
    'application/json',
    404,
  ],
  ['a kind that is not served', 'GET', '/apis/apps/v1/daemonsets', undefined, '', 404],
  ['a path that cannot be decoded', 'GET', '/api/v1/namespaces/%ZZ/pods', undefined, '', 404],
  ['a method that is not offered', 'POST', `${MAPS}/x`, aMap('x'), 'application/json', 405],
  [
    'owners that are no list',
    'POST',
    MAPS,
    { ...aMap('x'), metadata: { name: 'x', ownerReferences: 5 } },
    'application/json',
    422,
  ],
  [
    'finalizers that are no names',
    'PATCH',
    `${MAPS}/one`,
    { metadata: { finalizers: [{}] } },
    'application/merge-patch+json',
    422,
  ],
  ['a subresource that is not there', 'GET', `${MAPS}/x/scale`, undefined, '', 404],
  [
    'a body over 3 MiB',
    'POST',
    MAPS,
    aMap('big', { a: 'x'.repeat(3_200_000) }),
    'application/json',
    413,
  ],
])('refuses %s', async (_name, method, path, body, type, status) => {
  const reply = await cluster.call(method, path, body, { type });
  expect(reply.status).toBe(status);
  expect(reply.body).toMatchObject({
    kind: 'Status',
    code: status,
    message: expect.any(String) as string,
  });
});

test('whatever is sent, the answer is no 500 and the API goes on', async () => {
  const types = [
    'application/json',
    'application/merge-patch+json',
    'application/json-patch+json',
    'application/apply-patch+yaml',
    'application/strategic-merge-patch+json',
  ];
  // An image that is not there: whatever number of replicas is made up, no process starts.
  const fuzzed = JSON.stringify(aDeployment({ name: 'fuzzed' })).replace('tiny:1', 'absent:1');
  await cluster.call('POST', DEPLOYMENTS, fuzzed);
  await cluster.call('POST', POLICIES, aPolicy('fuzzed'));
  const paths = [
    MAPS,
    `${DEPLOYMENTS}/fuzzed`,
    `${DEPLOYMENTS}/fuzzed/scale`,
    `${POLICIES}/fuzzed`,
    `${POLICIES}/fuzzed/status`,
  ];
  const part = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom(
        'metadata',
        'spec',
        'status',
        'replicas',
        'selector',
        'template',
        'conditions',
        'labels',
        'name',
        'finalizers',
        'ownerReferences',
      ),
      fc.jsonValue(),
    ),
  );
  const body = fc.oneof(
    part,
    fc.dictionary(
      fc.constantFrom('apiVersion', 'kind', 'metadata', 'spec', 'status', 'data'),
      part,
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('POST', 'PUT', 'PATCH'),
      fc.constantFrom(...paths),
      fc.constantFrom(...types),
      body,
      async (method, path, type, given) => {
        const reply = await cluster.call(
          method,
          `${path}?fieldManager=fuzz`,
          JSON.stringify(given),
          { type },
        );
        expect(reply.status).toBeLessThan(500);
      },
    ),
    { numRuns: 150 },
  );
  expect(bugs).toEqual([]);
  for (const path of [MAPS, DEPLOYMENTS, POLICIES]) {
    expect((await cluster.call('GET', path, undefined, TABLE)).body['kind']).toBe('Table');
  }
}, 60_000);
