// What the API server refuses for good, or says in no words of Kubernetes, reaches whoever reads a dead letter.
import { KubeConfig } from '@kubernetes/client-node';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aField, aPolicy } from '../testing/builders.ts';
import { configMapStore } from './config-map-store.ts';
import { kubernetesApi, type KubernetesApi } from './kubernetes-api.ts';
import { kubernetesCluster } from './kubernetes-cluster.ts';
import { kubernetesControl } from './kubernetes-control.ts';

const QUOTA = 'configmaps "m" is forbidden: exceeded quota: objects, limited: count/configmaps=10';
let answer = { status: 403, body: '' };
const server = http.createServer((request, response) => {
  request.resume();
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
});
let api: KubernetesApi;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  config.loadFromClusterAndUser(
    { name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'test' },
  );
  api = kubernetesApi({ timeoutMs: 1000, config });
});
afterAll(() => {
  api.close();
  server.closeAllConnections();
  server.close();
});

const calls: [string, () => Promise<unknown>][] = [
  ['loading a document', () => configMapStore(api, 'ng').load('m')],
  ['saving a new document', () => configMapStore(api, 'ng').save('m', '{}', null)],
  ['saving a document', () => configMapStore(api, 'ng').save('m', '{}', '7')],
  ['listing policies', () => kubernetesCluster(api, { watchNamespaces: ['*'] }).policies()],
  ['reading a policy', () => kubernetesControl(api).policy('shop', 'web')],
  ['writing a status', () => kubernetesControl(api).patchStatus(aPolicy(), {})],
  ['writing finalizers', () => kubernetesControl(api).setFinalizers(aPolicy(), [])],
  [
    'giving a field back',
    () => {
      const note = { path: 'spec.replicas', original: 2, owner: null, expiresAt: null };
      const held = { ...note, value: 3, policyUid: 'policy-1' };
      return kubernetesControl(api).release(aField({ value: 3, note: held }));
    },
  ],
];

test.each(calls)('%s that is forbidden is told in the API server’s words', async (_what, call) => {
  answer = { status: 403, body: JSON.stringify({ reason: 'Forbidden', message: QUOTA }) };

  await expect(call()).rejects.toMatchObject({
    code: 'upstream.unavailable',
    message: expect.stringContaining(QUOTA) as string,
  });
});

test.each(calls.slice(0, 5))(
  '%s that is answered with a page is no empty answer',
  async (_what, call) => {
    answer = { status: 200, body: '<html>Please log in</html>' };

    await expect(call()).rejects.toMatchObject({ code: 'upstream.unavailable' });
  },
);
