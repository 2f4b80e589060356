import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { goDurationMs, isoDurationMs } from './duration.ts';
import { ManifestError, readManifests, routes, type ReadOptions } from './index.ts';

const SHIPPED = fileURLToPath(new URL('../../../knative', import.meta.url));

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'manifests-'));
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const read = (text: string, options?: ReadOptions) =>
  readManifests(folder({ '10.yaml': text }), options);

const problemsOf = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof ManifestError) return error.problems.join('\n');
    throw error;
  }
  return 'none';
};

const service = (container: string, annotations = '') => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: fn, namespace: ns }
spec:
  template:
    metadata: { annotations: { ${annotations} } }
    spec:
      containers:
        - image: registry.example/x/nimbusguard-fn:1.0@sha256:abc
          ${container}
`;

const broker = (more = '') => `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: default, namespace: ns }
spec:
  ${more || '{}'}
`;
const BROKER_DELIVERY = `delivery:
    retry: 7
    backoffPolicy: linear
    backoffDelay: PT1.5S
    timeout: PT3S
    deadLetterSink: { ref: { kind: Service, name: morgue, apiVersion: serving.knative.dev/v1 } }`;

const trigger = (more: string, annotation = '') => `
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: t, namespace: ns, annotations: { ${annotation} } }
spec:
  broker: default
  subscriber: { ref: { kind: Service, name: fn, apiVersion: serving.knative.dev/v1 }, uri: /in }
  ${more}
`;

test('the shipped manifests are read without a problem, and the chain is complete in them', () => {
  const manifests = readManifests(SHIPPED);
  const route = routes(manifests);
  const subscribers = (type: string) => route({ type }).map(({ service }) => service);

  expect(manifests.services.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['observer', 'decider', 'executor', 'reward', 'operator']),
  );
  expect(subscribers('dev.knative.sources.ping')).toEqual(['observer']);
  expect(subscribers('io.nimbusguard.alert.raised.v1')).toEqual(['observer', 'operator']);
  expect(subscribers('io.nimbusguard.state.observed.v1')).toEqual(['decider', 'operator']);
  expect(subscribers('io.nimbusguard.decision.made.v1')).toEqual([
    'advisor',
    'executor',
    'operator',
  ]);
  expect(subscribers('io.nimbusguard.action.executed.v1')).toEqual(['reward', 'operator']);
  expect(subscribers('io.nimbusguard.reward.calculated.v1')).toEqual(['decider', 'operator']);
  expect(manifests.triggers.filter(({ ordered }) => ordered).map(({ name }) => name)).toEqual([
    'decider',
    'executor',
  ]);
  expect(manifests.pingSources.map(({ schedule }) => schedule)).toEqual(['*/5 * * * * *']);
});

test('every overlay is read on top of the shipped manifests', () => {
  for (const overlay of ['cluster', 'mt-broker']) {
    const manifests = readManifests([SHIPPED, join(SHIPPED, 'overlays', overlay)]);
    expect(manifests.triggers.length).toBeGreaterThan(4);
    expect(manifests.listed.join('\n')).toContain('replaced by');
  }
});

test('a reader of some kinds passes the others over, broken ones included', () => {
  const yaml = `${broker()}---\nkind: Service\nmetadata: [\n---${trigger('')}`;
  const manifests = readManifests(folder({ '10.yaml': yaml }), { kinds: ['Broker', 'Trigger'] });
  expect(manifests.objects.map(({ kind }) => kind)).toEqual(['Broker', 'Trigger']);
});

test('an error in YAML names the line of the file', () => {
  expect(problemsOf(`${broker()}---\na: b: c\n`)).toMatch(/document 2: .* at line 8/);
});

test('a Service is read with its scale, times, probes, image name and environment', () => {
  const manifests = read(
    `${service(
      `env:
            - { name: PLAIN, value: '1' }
            - { name: JOINED, value: 'a$(PLAIN)b$$(PLAIN)$(UNKNOWN)' }
            - name: FROM_MAP
              valueFrom: { configMapKeyRef: { name: c, key: k } }
            - name: MISSING
              valueFrom: { secretKeyRef: { name: none, key: k, optional: true } }
          envFrom:
            - { prefix: S_, secretRef: { name: s } }
          readinessProbe: { httpGet: { path: /ready } }`,
      `autoscaling.knative.dev/min-scale: '1', autoscaling.knative.dev/max-scale: '3',
       autoscaling.knative.dev/window: 30s,
       autoscaling.knative.dev/scale-to-zero-pod-retention-period: 1m5s`,
    )}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: c, namespace: ns }
data: { k: mapped }
---
apiVersion: v1
kind: Secret
metadata: { name: s, namespace: ns }
data: { A: ${Buffer.from('decoded').toString('base64')} }
stringData: { B: plain }
`,
    { secrets: { 'ns/s': { C: 'given' } } },
  );

  expect(manifests.services[0]).toMatchObject({
    name: 'fn',
    bundle: 'fn',
    env: {
      PLAIN: '1',
      JOINED: 'a1b$(PLAIN)$(UNKNOWN)',
      FROM_MAP: 'mapped',
      S_A: 'decoded',
      S_B: 'plain',
      S_C: 'given',
    },
    scale: { min: 1, max: 3, idleMs: 95_000 },
    containerConcurrency: 0,
    timeoutMs: 300_000,
    readinessPath: '/ready',
    clusterLocal: false,
  });
  expect(manifests.services[0]?.env).not.toHaveProperty('MISSING');
});

test("a Trigger's delivery replaces the Broker's as a whole", () => {
  const inherited = read(`${broker(BROKER_DELIVERY)}---${trigger('')}`).triggers[0];
  const own = read(`${broker(BROKER_DELIVERY)}---${trigger('delivery: { retry: 1 }')}`).triggers[0];

  expect(inherited?.delivery).toEqual({
    retry: 7,
    backoffPolicy: 'linear',
    backoffDelayMs: 1500,
    timeoutMs: 3000,
    deadLetterSink: { kind: 'Service', namespace: 'ns', name: 'morgue', path: '' },
  });
  expect(own?.delivery).toMatchObject({ retry: 1, deadLetterSink: null, timeoutMs: 600_000 });
  expect(own?.subscriber).toEqual({ kind: 'Service', namespace: 'ns', name: 'fn', path: '/in' });
});

test('partitions come from the ConfigMap that the Broker names, and are ten where it is not there', () => {
  const config = 'config: { kind: ConfigMap, name: kb, namespace: ns, apiVersion: v1 }';
  const map = `
apiVersion: v1
kind: ConfigMap
metadata: { name: kb, namespace: ns }
data: { default.topic.partitions: '3' }`;

  expect(read(`${broker(config)}---${map}`).brokers[0]?.partitions).toBe(3);
  const without = read(broker(config));
  expect(without.brokers[0]?.partitions).toBe(10);
  expect(without.listed.join()).toContain('ConfigMap ns/kb is not among these files');
});

const eventing = (more: string) => `${broker()}---${trigger(more)}`;
const ping = (spec: string) => `
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: { name: p, namespace: ns }
spec: { sink: { ref: { kind: Broker, name: default } }, ${spec} }`;

test.each<[what: string, yaml: string, says: string]>([
  ['CESQL', eventing(`filters: [{ cesql: "type = 'x'" }]`), 'dialect cesql is not supported'],
  ['CESQL inside', eventing('filters: [{ not: { cesql: x } }]'), 'dialect cesql'],
  ['two dialects', eventing('filters: [{ exact: { a: x }, prefix: { a: x } }]'), 'one dialect'],
  ['an empty any', eventing('filters: [{ any: [] }]'), 'filters'],
  ['an unknown delivery field', eventing('delivery: { retryAfterMax: PT1S }'), 'retryAfterMax'],
  ['an unknown field that is empty', eventing('subscribers: {}'), 'field spec.subscribers'],
  ['a Go duration', eventing('delivery: { timeout: 10s }'), 'ISO 8601'],
  ['an unknown Broker', trigger(''), 'no Broker ns/default'],
  [
    'a subscriber by TLS',
    `${broker()}---${trigger('').replace(/subscriber: .*/, 'subscriber: { uri: https://example.com/in }')}`,
    'https://example.com/in',
  ],
  [
    'a sink by TLS',
    ping(`schedule: '* * * * *'`).replace(/ref: [^}]*}/, 'uri: https://a/'),
    'http:',
  ],
  [
    'an unknown order',
    `${broker()}---${trigger('', 'kafka.eventing.knative.dev/delivery.order: sorted')}`,
    'order',
  ],
  ['@every', ping(`schedule: '@every 5s'`), '@every'],
  [
    'JSON that is no object',
    ping(`schedule: '* * * * *', contentType: application/json, data: '[]'`),
    'JSON object',
  ],
  ['two containers', service('name: a\n        - image: b'), 'exactly one container'],
  ['a number as env', service('env: [{ name: A, value: 5 }]'), 'must be a string'],
  [
    'a fieldRef',
    service('env: [{ name: A, valueFrom: { fieldRef: { fieldPath: x } } }]'),
    'configMapKeyRef',
  ],
  [
    'a missing key',
    service('env: [{ name: A, valueFrom: { secretKeyRef: { name: s, key: k } } }]'),
    'Secret s has no key k',
  ],
  [
    'min above max',
    service('', `autoscaling.knative.dev/min-scale: '3', autoscaling.knative.dev/max-scale: '2'`),
    'min-scale 3 is above',
  ],
  ['broken YAML', 'a: [', '10.yaml, document 1'],
  ['no object', 'hello: world', '10.yaml, document 1'],
  ['the same object twice', `${broker()}---${broker()}`, 'twice'],
])('%s is refused with its place and reason', (_what, yaml, says) => {
  expect(problemsOf(yaml)).toContain(says);
  expect(problemsOf(yaml)).toContain('10.yaml');
});

test('all problems of all files are in one error', () => {
  const problems = problemsOf(`${ping(`schedule: '@every 5s'`)}---${trigger('')}`);
  expect(problems.split('\n').length).toBeGreaterThanOrEqual(2);
});

test('a known field may be empty', () => {
  expect(problemsOf(`${broker()}---${trigger('filters: []\n  filter: {}')}`)).toBe('none');
});

test('what a cluster does and this runtime does not is listed by kind and field', () => {
  const { listed } = read(`${service('resources: { limits: { memory: 1Gi } }')}---
apiVersion: v1
kind: ServiceAccount
metadata: { name: a, namespace: ns }
`);
  expect(listed).toEqual([
    'Service fn: not applied locally: resources',
    'ServiceAccount a: not applied locally: the whole object',
  ]);
});

const deployment = (more: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: ns }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: a, image: b }], ${more} }`;
const policy = (kind: string) => `
apiVersion: nimbusguard.io/v1alpha1
kind: ScalingPolicy
metadata: { name: p, namespace: ns }
spec: { targetRef: { apiVersion: x, kind: ${kind}, name: fn } }`;

test.each<[what: string, yaml: string, says: string[]]>([
  ['a Deployment that is honoured', deployment(''), []],
  [
    'fields of a Deployment',
    deployment('initContainers: [{ name: i, image: x }], hostNetwork: true'),
    ['Deployment web: not applied locally: initContainers, hostNetwork'],
  ],
  [
    'a second container',
    deployment('').replace('image: b }', 'image: b }, { name: c, image: d }'),
    ['Deployment web: not applied locally: every container but the first'],
  ],
  [
    'an autoscaler',
    `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web, namespace: ns }
spec: { maxReplicas: 3 }`,
    ['HorizontalPodAutoscaler web: not applied locally: spec'],
  ],
  [
    'another class of Broker',
    broker().replace(
      'metadata: {',
      'metadata: { annotations: { eventing.knative.dev/broker.class: X },',
    ),
    ['Broker default: class X is not applied locally: it behaves as class Kafka'],
  ],
  [
    'the bounds of a service that a policy scales',
    `${service('', `autoscaling.knative.dev/max-scale: '3'`)}---${policy('Deployment')}`,
    ['Service fn: not applied locally: max-scale, as its ScalingPolicy has the bounds'],
  ],
  [
    'how long such a service rests before it scales down',
    `${service('', `autoscaling.knative.dev/window: 30s, autoscaling.knative.dev/scale-down-delay: 1m`)}---${policy('Deployment')}`,
    [
      'Service fn: not applied locally: window, scale-down-delay, as its ScalingPolicy has the bounds',
    ],
  ],
  [
    'how often a function is asked whether it is ready',
    service('readinessProbe: { httpGet: { path: /ready }, periodSeconds: 3, failureThreshold: 2 }'),
    [
      'Service fn: not applied locally: readinessProbe.periodSeconds, readinessProbe.failureThreshold',
    ],
  ],
  [
    'how often a pod of the cluster is asked that, which is honoured',
    `${service('readinessProbe: { periodSeconds: 3 }')}---${policy('Deployment')}`,
    [],
  ],
  [
    'the bounds of a service that it does not',
    `${service('', `autoscaling.knative.dev/max-scale: '3'`)}---${policy('Service')}`,
    [],
  ],
])('%s: what has no effect is listed', (_what, yaml, says) => {
  expect(read(yaml).listed).toEqual(says);
});

test('another version of a kind is refused, as a cluster would', () => {
  const problems = problemsOf(
    service('').replace('serving.knative.dev/v1', 'serving.knative.dev/v2'),
  );
  expect(problems).toContain('apiVersion serving.knative.dev/v2 (instead of v1)');
});

test.each<[string, number | undefined]>([
  ['0', 0],
  ['90s', 90_000],
  ['1h15m', 4_500_000],
  ['250ms', 250],
  ['1.5s', 1500],
  ['', undefined],
  ['10', undefined],
  ['10 s', undefined],
])('Go duration %s', (text, ms) => expect(goDurationMs(text)).toBe(ms));

test.each<[string, number | undefined]>([
  ['PT0.2S', 200],
  ['PT1M30S', 90_000],
  ['P1DT1H', 90_000_000],
  ['P', undefined],
  ['PT', undefined],
  ['10s', undefined],
])('ISO duration %s', (text, ms) => expect(isoDurationMs(text)).toBe(ms));
