// What is said about a cluster: tables of objects as the API gives them, and the verdict.
import { describe, expect, test, vi } from 'vitest';
import { chooseBroker, looksLocal, refuseForeignContext } from './choices.ts';
import { judge, judgeIngress, type Cluster, type Installed } from './cluster.ts';
import { Failure } from './command.ts';
import { findLoader } from './images.ts';
import { changedObjects, isReady, remedyFor, type KubeObject } from './kubectl.ts';
import { freeRoom, refuseOn, storeVerdict } from './preflight.ts';
import { holders } from './policies.ts';
import { missingParts } from './prerequisites.ts';
import { createProgress, explain } from './progress.ts';
import { usersOf } from './removal.ts';
import { table } from './status.ts';
import { knativeFor } from './versions.ts';
import { hopeless, lookAt, notReady } from './wait.ts';

const object = (kind: string, name: string, more: Partial<KubeObject> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'n' },
  ...more,
});
const condition = (type: string, status: string, message = '') => ({
  conditions: [{ type, status, message }],
});

describe('an installed part', () => {
  const part = { name: 'P', namespace: 'n', crd: 'p.example', deployments: ['one', 'two'] };
  const up = (name: string) =>
    object('Deployment', name, { status: condition('Available', 'True') });
  const down = (name: string) =>
    object('Deployment', name, { status: condition('Available', 'False', 'no pods') });

  test.each<[string, KubeObject[], string[], string, string[]]>([
    ['all there and running', [up('one'), up('two')], ['p.example'], 'whole', []],
    [
      'nothing there',
      [],
      [],
      'absent',
      ['the CRD p.example', 'Deployment n/one', 'Deployment n/two'],
    ],
    ['only its CRD', [], ['p.example'], 'partial', ['Deployment n/one', 'Deployment n/two']],
    [
      'one part does not run',
      [up('one'), down('two')],
      ['p.example'],
      'partial',
      ['Deployment n/two does not run: no pods'],
    ],
  ])('%s', (_when, deployments, crds, state, missing) => {
    expect(judge(part, deployments, new Set(crds))).toMatchObject({ state, missing });
  });
});

const installed = (state: Installed['state'], version: string | null = null): Installed => ({
  name: 'P',
  state,
  version,
  missing: [],
});

describe('the ingress of Knative Serving', () => {
  const kourier = 'kourier.ingress.networking.knative.dev';
  const istio = 'istio.ingress.networking.knative.dev';

  test.each<
    [what: string, settings: Record<string, string>, runs: string[], version: string | null]
  >([
    ['nothing is named and nothing runs', {}, [], null],
    ['nothing is named: Istio’s is the default', {}, ['net-istio-controller'], istio],
    [
      'Kourier is named and runs',
      { 'ingress-class': kourier },
      ['3scale-kourier-gateway'],
      kourier,
    ],
    ['Kourier is named and does not run', { 'ingress-class': kourier }, [], null],
    ['another one is named', { 'ingress-class': 'contour.example' }, [], 'contour.example'],
  ])('%s', (_what, settings, runs, version) => {
    const deployments = runs.map((name) => object('Deployment', name));
    const state = version === null ? 'absent' : 'whole';

    expect(judgeIngress(installed('whole'), settings, deployments)).toMatchObject({
      state,
      version,
    });
    expect(judgeIngress(installed('absent'), settings, deployments).state).toBe('absent');
  });
});

describe('what is installed', () => {
  const whole = installed('whole');
  const cluster = (over: Partial<Cluster>): Cluster => ({
    ...{ context: 'c', server: 's', user: 'u', minor: 34, version: 'v1.34.4', nodes: [] },
    ...{ serving: whole, ingress: whole, eventing: whole, channel: whole, mtBroker: whole },
    ...{ kafkaBroker: whole, keda: whole },
    ...over,
  });
  const absent = installed('absent');
  const bare = { serving: absent, ingress: absent, eventing: absent, kafkaBroker: absent };

  test.each<[what: string, broker: 'kafka' | 'mt', over: Partial<Cluster>, names: string[]]>([
    ['nothing where all is there', 'kafka', {}, []],
    ['nothing where all is there', 'mt', {}, []],
    [
      'what class Kafka does not need stays away',
      'kafka',
      { channel: absent, mtBroker: absent },
      [],
    ],
    [
      'the multi-tenant broker beside an Eventing without it',
      'mt',
      { channel: absent, mtBroker: absent },
      ['In-memory channel', 'Multi-tenant broker'],
    ],
    ['no channel for a broker that is there', 'mt', { channel: absent }, []],
    ['not the channel that is there', 'mt', { mtBroker: absent }, ['Multi-tenant broker']],
    [
      'all of it on an empty cluster',
      'mt',
      { ...bare, channel: absent, mtBroker: absent },
      [
        ...['Knative Serving', 'Kourier (ingress)', 'Knative Eventing'],
        ...['In-memory channel', 'Multi-tenant broker'],
      ],
    ],
  ])('%s (BROKER=%s)', (_what, broker, over, names) => {
    expect(missingParts(cluster(over), broker).map(({ name }) => name)).toEqual(names);
  });

  test('a part of Eventing has the version of the Eventing that is there', () => {
    const older = { eventing: installed('whole', '1.21.0'), mtBroker: absent };
    const [broker] = missingParts(cluster(older), 'mt');

    expect(broker?.urls).toEqual([expect.stringContaining('/knative-v1.21.0/mt-channel-broker')]);
  });
});

test.each<[what: string, part: string, serving: string[], eventing: string[], users?: string]>([
  ['nobody', 'Knative Serving', [], ['orders']],
  ['a Service', 'Knative Serving', ['web'], [], 'Service n/web'],
  [
    'Services need their ingress',
    'Kourier (ingress)',
    ['web', 'api'],
    [],
    'Service n/web and 1 more',
  ],
  ['a Broker', 'Knative Eventing', ['web'], ['orders'], 'Broker n/orders'],
  ['a Broker needs its Kafka', 'Kafka (one node, for development)', [], ['a'], 'Broker n/a'],
  ['nobody', 'Knative’s Kafka broker', ['web'], []],
])('a prerequisite that is used by somebody else stays: %s of %s', (_what, part, ...rest) => {
  const [services, brokers, users] = rest;
  const serving = services.map((name) => object('Service', name));
  const eventing = brokers.map((name) => object('Broker', name));

  expect(usersOf(part, { serving, eventing })).toBe(users);
});

test('rights are not taken back while a floor is held, or replicas are owned', () => {
  const policy = (name: string, finalizers?: string[]) =>
    object('ScalingPolicy', name, {
      metadata: { name, namespace: 'n', ...(finalizers === undefined ? {} : { finalizers }) },
    });

  expect(
    holders([
      policy('held', ['example.com/other', 'nimbusguard.io/release']),
      policy('not-held', ['example.com/other']),
      policy('new'),
    ]),
  ).toEqual(['held']);
});

test.each([
  [1, false, 'ok', 'model store: ConfigMaps, 1 target: 0.2 writes/s'],
  [100, false, 'ok', 'model store: ConfigMaps, 100 targets: 23.0 writes/s, 90 KiB/s'],
  [101, false, 'warn', 'above 100 use Redis: MODEL_STORE_URL=redis://'],
  [5000, true, 'ok', 'model store: Redis, 5000 targets'],
])('%i targets, Redis %s: %s', (targets, redis, mark, said) => {
  const verdict = storeVerdict(targets, redis);

  expect(verdict.mark).toBe(mark);
  expect(verdict.text).toContain(said);
});

test.each([
  [36, '1.23.0'],
  [34, '1.23.0'],
  [33, '1.21.0'],
  [30, '1.17.0'],
  [29, undefined],
])('Kubernetes 1.%i gets Knative %s', (minor, version) => {
  expect(knativeFor(minor)).toBe(version);
});

test('an empty IMAGE_REGISTRY is as good as none', () => {
  vi.stubEnv('IMAGE_LOAD_CMD', '');
  vi.stubEnv('IMAGE_REGISTRY', ' ');
  expect(() => findLoader('somewhere', new Set())).toThrow(
    'no way to bring images into the cluster of context somewhere',
  );
  vi.stubEnv('IMAGE_REGISTRY', 'registry.example/team/');
  expect(findLoader('somewhere', new Set()).how).toBe('pushing to IMAGE_REGISTRY');
  vi.unstubAllEnvs();
});

test('room is what the nodes offer without the requests of running pods, ours not counted', () => {
  const pod = (namespace: string, phase: string) => ({
    ...object('Pod', 'p', {
      status: { phase },
      spec: { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }] },
    }),
    metadata: { name: 'p', namespace },
  });
  const node = object('Node', 'a', { status: { allocatable: { cpu: '4', memory: '8Gi' } } });
  const pods = [pod('a', 'Running'), pod('a', 'Succeeded'), pod('nimbusguard', 'Running')];

  expect(freeRoom([node], pods)).toEqual({ cores: 3.5, bytes: 7 * 2 ** 30 });
});

describe('which cluster is meant', () => {
  test.each([
    ['kind-kind', 'https://34.1.2.3', true],
    ['anything', 'https://10.250.0.1:6443', true],
    ['anything', 'https://127.0.0.1:33221', true],
    ['anything', 'https://[::1]:6443', true],
    ['anything', 'https://172.20.0.2:6443', true],
    ['anything', 'https://172.32.0.2:6443', false],
    ['prod', 'https://api.example.com', false],
  ])('%s at %s looks local: %s', (context, server, local) => {
    expect(looksLocal({ context, server })).toBe(local);
  });

  test('a public cluster is refused until it is named', async () => {
    const prod = { context: 'prod', server: 'https://api.example.com' };
    const intent = { what: 'Remove NimbusGuard from', command: 'make k8s-clean' };

    await expect(refuseForeignContext(prod, intent, undefined)).rejects.toMatchObject({
      message: 'prod is a cluster at a public address',
      remedy: 'If it is the right one: CONTEXT=prod make k8s-clean',
    });
    await expect(refuseForeignContext(prod, intent, 'staging')).rejects.toThrow(
      'prod, not staging',
    );
    await expect(refuseForeignContext(prod, intent, 'prod')).resolves.toBeUndefined();
  });

  test.each([
    [undefined, 'kafka'],
    ['', 'kafka'],
    ['mt', 'mt'],
  ])('BROKER=%s means %s', (wish, broker) => {
    expect(chooseBroker(wish)).toBe(broker);
  });

  test('an unknown BROKER is refused with what is allowed', () => {
    expect(() => chooseBroker('rabbit')).toThrow('BROKER=rabbit is not known');
  });
});

describe('readiness', () => {
  test('a status that is older than the spec does not count', () => {
    const service = object('Service', 's', {
      status: { observedGeneration: 1, ...condition('Ready', 'True') },
    });
    const edited = { ...service, metadata: { ...service.metadata, generation: 2 } };

    expect(isReady(service)).toBe(true);
    expect(isReady(edited)).toBe(false);
  });

  test('what is not ready is named with its controller’s reason', () => {
    const found = [
      object('Service', 'good', { status: condition('Ready', 'True') }),
      object('Service', 'bad', { status: condition('Ready', 'False', 'no image') }),
    ];
    const wanted = { resource: 'x', namespace: 'n', names: ['good', 'bad', 'none'] };

    expect(notReady(wanted, found)).toEqual([
      { name: 'bad', why: 'no image' },
      { name: 'none', why: 'does not exist' },
    ]);
  });

  test.each([
    ['no subscriber', 'kubectl describe triggers -n n decider'],
    [
      'failed to schedule consumers: insufficient running pods replicas for StatefulSet knative-eventing/kafka-broker-dispatcher to schedule (left: 1)',
      'kubectl describe statefulset -n knative-eventing kafka-broker-dispatcher',
    ],
  ])('where it says “%.20s…” one is to look with %s', (why, command) => {
    const wanted = { resource: 'triggers', namespace: 'n', names: ['decider'] };

    expect(lookAt(wanted, [{ name: 'decider', why }])).toBe(command);
  });

  const pod = (reason: string, restartCount: number) =>
    object('Pod', 'p', {
      status: {
        containerStatuses: [
          { name: 'c', restartCount, state: { waiting: { reason, message: 'm' } } },
        ],
      },
    });

  test.each<[string, number, string | undefined]>([
    ['ContainerCreating', 0, undefined],
    ['CrashLoopBackOff', 1, undefined],
    ['CrashLoopBackOff', 2, 'kubectl logs -n n p -c c --previous'],
    ['ErrImageNeverPull', 0, 'IMAGE_LOAD_CMD'],
  ])('a pod that waits with %s after %i restarts: remedy %s', (reason, restarts, remedy) => {
    const trouble = hopeless([pod(reason, restarts)]);

    if (remedy === undefined) expect(trouble).toBeUndefined();
    else expect(trouble?.remedy).toContain(remedy);
  });
});

describe('what the user reads', () => {
  test('a failure says what, why and what is next', () => {
    const failure = new Failure('cannot go on', { why: 'one\ntwo', remedy: 'make it' });

    expect(explain(failure)).toBe('what:  cannot go on\nwhy:   one\n       two\nnext:  make it');
  });

  test('pre-flight refuses with every reason and every remedy at once', () => {
    const verdicts = [
      { mark: 'ok', text: 'fine' },
      { mark: 'fail', text: 'too old', remedy: 'upgrade' },
      { mark: 'fail', text: 'no room', remedy: 'grow' },
    ] as const;

    expect(() => refuseOn(verdicts)).toThrow(
      expect.objectContaining({ why: 'too old\nno room', remedy: 'upgrade\ngrow' }) as Error,
    );
    expect(() => refuseOn(verdicts.slice(0, 1))).not.toThrow();
  });

  test.each([
    ['error: current-context is not set', 'kubectl config get-contexts'],
    ['dial tcp 10.0.0.1:6443: connect: connection refused', 'kubectl cluster-info'],
    ['deployments is forbidden: User "x" cannot list', 'administrator'],
    ['x509: certificate signed by unknown authority', 'kubeconfig'],
    ['something else', 'it continues'],
  ])('%s has its remedy', (text, remedy) => {
    expect(remedyFor(text)).toContain(remedy);
  });

  test('changed is what is new, has a new generation, or a new version where it has none', () => {
    const at = (name: string, state: object) =>
      object('Thing', name, { metadata: { name, namespace: 'n', uid: name, ...state } });
    const before = [
      at('same', { generation: 3, resourceVersion: '10' }),
      at('other', { generation: 3, resourceVersion: '11' }),
      at('data', { resourceVersion: '12' }),
    ];
    const after = [
      at('same', { generation: 3, resourceVersion: '20' }), // its status moved
      at('other', { generation: 4, resourceVersion: '21' }),
      at('data', { resourceVersion: '22' }),
      at('new', { generation: 1, resourceVersion: '23' }),
    ];
    expect(changedObjects(before, after)).toEqual(['Thing n/other', 'Thing n/data', 'Thing n/new']);
    expect(changedObjects(after, after)).toEqual([]);
  });

  test('steps are shown with their times; a failed one is marked and passed on', async () => {
    let nowMs = 0;
    const written: string[] = [];
    const progress = createProgress({
      write: (text) => written.push(text),
      isTTY: false,
      nowMs: () => (nowMs += 1500),
    });
    await progress.step('one', () => Promise.resolve('3 changed'));
    const failing = progress.step('two', () => Promise.reject(new Error('no')));

    await expect(failing).rejects.toThrow('no');
    expect(written).toEqual(['✓ one: 3 changed (1.5 s)\n', '✗ two (1.5 s)\n']);
  });

  test('columns are as wide as their widest cell', () => {
    expect(
      table(
        ['NAME', 'READY'],
        [
          ['observer', 'True'],
          ['x', 'False'],
        ],
      ),
    ).toBe('NAME       READY\nobserver   True\nx          False');
  });
});
