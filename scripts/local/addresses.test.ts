import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { clusterUrl, destinationUrl, functionEnv, type Addresses } from './addresses.ts';
import { readManifests } from './manifests/index.ts';

const addresses: Addresses = {
  services: new Map([
    ['operator', 8082],
    ['load-generator', 8081],
    ['consumer-workload', 8080],
    ['observer', 18080],
  ]),
  brokerPort: 8083,
  apiPort: 8001,
  moved: [],
};

test.each([
  ['a service', 'http://operator.nimbusguard.svc.cluster.local/api', 'http://127.0.0.1:8082/api'],
  [
    'a service with its port',
    'http://operator.nimbusguard.svc.cluster.local:80',
    'http://127.0.0.1:8082',
  ],
  [
    'the Broker',
    'http://kafka-broker-ingress.knative-eventing.svc.cluster.local/nimbusguard/default',
    'http://127.0.0.1:8083/nimbusguard/default',
  ],
  [
    'inside JSON',
    '{"a":"http://observer.nimbusguard.svc.cluster.local"}',
    '{"a":"http://127.0.0.1:18080"}',
  ],
  [
    'an unknown service',
    'http://shop.web.svc.cluster.local/x',
    'http://shop.web.svc.cluster.local/x',
  ],
  ['another host', 'https://api.openai.com/v1', 'https://api.openai.com/v1'],
])('clusterUrl: %s', (_what, given, expected) => {
  expect(clusterUrl(given, addresses)).toBe(expected);
});

test('a destination is a service, the Broker or a URL, with its path', () => {
  const at = { namespace: 'nimbusguard', name: 'operator', path: '/dead-letters' };
  expect(destinationUrl({ kind: 'Service', ...at }, addresses)).toBe(
    'http://127.0.0.1:8082/dead-letters',
  );
  expect(destinationUrl({ kind: 'Broker', ...at, name: 'default', path: '' }, addresses)).toBe(
    'http://127.0.0.1:8083/nimbusguard/default',
  );
  expect(destinationUrl({ kind: 'Service', ...at, name: 'nobody' }, addresses)).toBeUndefined();
});

test('the shipped observer gets the Broker from its SinkBinding, the operator the addresses of this run', () => {
  const manifests = readManifests(fileURLToPath(new URL('../../knative', import.meta.url)));
  const envOf = (name: string) => {
    const service = manifests.services.find((each) => each.name === name)!;
    return functionEnv(service, manifests, addresses);
  };

  expect(envOf('observer')).toMatchObject({
    K_SINK: 'http://127.0.0.1:8083/nimbusguard/default',
    K_SERVICE: 'observer',
  });
  expect(envOf('operator')).toMatchObject({ LOAD_GENERATOR_URL: 'http://127.0.0.1:8081' });
});
