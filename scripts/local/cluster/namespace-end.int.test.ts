import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aDeployment, eventually, testCluster, tinyBundles } from './testing.ts';
import { at, listAt, textAt, type NewObject } from './types.ts';

const SHOP = '/api/v1/namespaces/shop';
const shop: NewObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };

test('a namespace with pods that run goes, and its processes with it', async () => {
  const cluster = await testCluster({ manifests: [shop] });
  const path = '/apis/apps/v1/namespaces/shop/deployments';
  await cluster.call('POST', path, aDeployment({ replicas: 1 }));
  await eventually(async () => {
    const { body } = await cluster.call('GET', `${path}/web`);
    return at(body, 'status', 'readyReplicas') === 1 ? true : undefined;
  }, 'a ready pod');
  await cluster.call('DELETE', SHOP);
  await eventually(
    async () => ((await cluster.call('GET', SHOP)).status === 404 ? true : undefined),
    'the namespace is gone',
  );
  const { body } = await cluster.call('GET', '/api/v1/pods');
  expect(listAt(body, 'items')).toEqual([]);
  await cluster.close(1);
});

test('a namespace whose deletion a restart cuts short begins anew', async () => {
  const directory = tinyBundles();
  const options = { stateFile: join(directory, 'state.db'), manifests: [shop] };
  const first = await testCluster(options);
  const held = { name: 'held', finalizers: ['example.com/held'] };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: held };
  await first.call('POST', `${SHOP}/configmaps`, map);
  await first.call('DELETE', SHOP);
  expect(textAt((await first.call('GET', SHOP)).body, 'status', 'phase')).toBe('Terminating');
  await first.close(1);

  const second = await testCluster(options);
  expect(textAt((await second.call('GET', SHOP)).body, 'status', 'phase')).toBe('Active');
  expect((await second.call('GET', `${SHOP}/configmaps/held`)).status).toBe(404);
  await second.close(1);
  rmSync(directory, { recursive: true, force: true });
});
