import { expect, test } from 'vitest';
import type { Delivery, Destination, Trigger } from '../manifests/index.ts';
import { loadConfig } from './config.ts';
import { resolveTriggers } from './resolve.ts';

const service = (name: string, path = ''): Destination => ({
  kind: 'Service',
  namespace: 'ns',
  name,
  path,
});
const delivery = (deadLetterSink: Destination | null): Delivery => ({
  retry: 0,
  backoffPolicy: 'linear',
  backoffDelayMs: 0,
  timeoutMs: 1000,
  deadLetterSink,
});
const trigger = (subscriber: Destination, sink: Destination | null = null): Trigger => ({
  name: 't',
  namespace: 'ns',
  where: '50.yaml, document 1, Trigger ns/t',
  broker: 'default',
  filter: { all: [] },
  subscriber,
  delivery: delivery(sink),
  ordered: false,
});
const SELF = 'http://127.0.0.1:8083';
const SUBSCRIBERS = { fn: 'http://127.0.0.1:1/', 'ns/own': 'http://127.0.0.1:2' };
const resolve = (...args: Parameters<typeof trigger>) =>
  resolveTriggers({ triggers: [trigger(...args)] }, SUBSCRIBERS, SELF)[0];

test.each<[what: string, to: Destination, url: string, destination: string]>([
  ['by name', service('fn'), 'http://127.0.0.1:1/', 'http://fn.ns.svc.cluster.local'],
  [
    'by namespace and name',
    service('own'),
    'http://127.0.0.1:2',
    'http://own.ns.svc.cluster.local',
  ],
  [
    'with a path',
    service('fn', '/in'),
    'http://127.0.0.1:1/in',
    'http://fn.ns.svc.cluster.local/in',
  ],
  [
    'as a name of the cluster',
    { kind: 'uri', uri: 'http://fn.ns.svc.cluster.local/x' },
    'http://127.0.0.1:1/x',
    'http://fn.ns.svc.cluster.local/x',
  ],
  [
    'as any other URL',
    { kind: 'uri', uri: 'http://example.test/x' },
    'http://example.test/x',
    'http://example.test/x',
  ],
  [
    'the broker itself',
    { kind: 'Broker', namespace: 'ns', name: 'default', path: '' },
    `${SELF}/ns/default`,
    'http://kafka-broker-ingress.knative-eventing.svc.cluster.local/ns/default',
  ],
])('a subscriber %s', (_what, to, url, destination) => {
  expect(resolve(to)).toMatchObject({
    broker: 'ns/default',
    url,
    destination,
    deadLetterUrl: null,
  });
});

test('the dead letter sink is resolved in the same way', () => {
  expect(resolve(service('fn'), service('own', '/dead'))?.deadLetterUrl).toBe(
    'http://127.0.0.1:2/dead',
  );
});

test('a subscriber or sink that does not run is refused with the Trigger and the name', () => {
  expect(() => resolve(service('gone'))).toThrow(/50\.yaml.*subscriber http:\/\/gone\.ns/);
  expect(() => resolve(service('fn'), service('gone'))).toThrow(
    /dead letter sink http:\/\/gone\.ns/,
  );
});

test('every wrong setting is named in one error', () => {
  const settings = {
    MANIFESTS: 'a,b',
    STATE_FILE: 's',
    SUBSCRIBERS: '{"fn":"http://127.0.0.1:1"}',
  };
  expect(loadConfig(settings)).toMatchObject({ manifests: ['a', 'b'], port: 8083 });
  for (const key of ['PORT', 'MANIFESTS', 'STATE_FILE', 'SUBSCRIBERS']) {
    expect(() => loadConfig({ PORT: '-1', SUBSCRIBERS: '{' })).toThrow(key);
  }
});
