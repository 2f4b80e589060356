import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PolicySpec } from '#shared/events/index.ts';
import type { KubeObject } from './kubectl.ts';
import {
  clusterManifests,
  configVersions,
  functionsOf,
  podTemplate,
  readFolder,
  render,
  replaceIn,
  ROOT,
} from './manifests.ts';

const kafka = clusterManifests('kafka');
const mt = clusterManifests('mt');
const ofKind = (objects: readonly KubeObject[], kind: string) =>
  objects.filter((object) => object.kind === kind);

interface Schema {
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** The schema of a ScalingPolicy's spec as the CRD has it. */
const [crd] = ofKind(kafka, 'CustomResourceDefinition');
const { versions } = crd?.spec as {
  versions: { schema: { openAPIV3Schema: { properties: { spec: Schema } } } }[];
};
const spec = versions[0]!.schema.openAPIV3Schema.properties.spec;

const defaultsOf = (schema: Schema): unknown => {
  if (schema.properties === undefined) return schema.default;
  const entries = Object.entries(schema.properties)
    .map(([name, property]) => [name, defaultsOf(property)] as const)
    .filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
};

describe('the ScalingPolicy CRD', () => {
  test('has the defaults of the event vocabulary, field by field', () => {
    const targetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop' };

    expect({ targetRef, ...(defaultsOf(spec) as object) }).toEqual(PolicySpec.parse({ targetRef }));
  });

  test('describes every field of the spec', () => {
    const bare = (schema: Schema, path: string): string[] => [
      ...(schema.description === undefined ? [path] : []),
      ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
        bare(property, `${path}.${name}`),
      ),
    ];

    expect(bare(spec, 'spec')).toEqual([]);
  });

  test.each([
    ['minReplicas', -1, 0],
    ['maxReplicas', 0, 1],
    ['cooldownSeconds', 86_401, 86_400],
    ['targetCPUUtilizationPercentage', 101, 100],
    ['seasonSeconds', 59, 60],
  ])('%s: the limits of CRD and vocabulary are the same', (name, refused, accepted) => {
    const { minimum, maximum } = spec.properties![name]!;
    const targetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop' };
    const bounds = { minReplicas: 0, maxReplicas: 10_000, targetRef };
    const inside = (value: number): boolean =>
      value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);

    expect(PolicySpec.safeParse({ ...bounds, [name]: refused }).success).toBe(false);
    expect(inside(refused)).toBe(false);
    expect(inside(accepted)).toBe(true);
    const low = name === 'maxReplicas' ? { minReplicas: accepted } : {};
    expect(PolicySpec.safeParse({ ...bounds, ...low, [name]: accepted }).success).toBe(true);
  });
});

describe('the manifests for a cluster', () => {
  test('every policy, shipped or example, is one that the vocabulary accepts', () => {
    const policies = [
      ...kafka,
      ...readFolder(`${ROOT}knative`),
      ...readFolder(`${ROOT}knative/examples`),
    ];

    for (const policy of ofKind(policies, 'ScalingPolicy')) {
      expect(PolicySpec.safeParse(policy.spec).error, policy.metadata.name).toBeUndefined();
    }
  });

  test('overlays replace the policy, the settings and, without Kafka, the Broker; nothing else', () => {
    const key = 'eventing.knative.dev/broker.class';
    const classes = [kafka, mt].map((all) =>
      ofKind(all, 'Broker').map((b) => b.metadata.annotations?.[key]),
    );

    expect(classes).toEqual([['Kafka'], ['MTChannelBasedBroker']]);
    expect(ofKind(kafka, 'ScalingPolicy')[0]?.spec?.['mode']).toBe('floor');
    expect(ofKind(mt, 'Broker')[0]?.metadata.annotations).toMatchObject({
      'messaging.knative.dev/async-handler': 'true', // else a sender waits for the whole chain
    });
    expect(kafka.length).toBe(readFolder(`${ROOT}knative`).length);
  });

  test('every Trigger repeats a delivery with a dead letter sink, as Knative does not merge them', () => {
    const triggers = ofKind(kafka, 'Trigger');
    const deliveries = triggers.map(
      ({ spec: own }) =>
        (own as { delivery: { retry: number; deadLetterSink: { uri: string } } }).delivery,
    );
    const sinks = deliveries.map(({ deadLetterSink }) => deadLetterSink.uri);
    for (const { retry } of deliveries) expect(retry).toBeGreaterThan(0); // connections get lost

    expect(triggers.length).toBeGreaterThanOrEqual(6);
    expect(new Set(sinks)).toEqual(new Set(['/dead-letters']));
  });

  test('only decider and executor are ordered: they alone block a partition', () => {
    const ordered = ofKind(kafka, 'Trigger')
      .filter(({ metadata }) => Object.values(metadata.annotations ?? {}).includes('ordered'))
      .map(({ metadata }) => metadata.name);

    expect(ordered.sort()).toEqual(['decider', 'executor']);
  });

  test('every container of ours runs without rights on a read-only root', () => {
    for (const object of kafka) {
      for (const container of podTemplate(object)?.spec.containers ?? []) {
        expect(container, object.metadata.name).toMatchObject({
          securityContext: {
            runAsNonRoot: true,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
          image: `dev.local/nimbusguard/${container.name}:dev`,
        });
      }
    }
  });

  test('every setting of a function is one that it reads', () => {
    const source = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');
    const common = source('shared/runtime/config.ts');
    const containers = kafka.flatMap((object) => podTemplate(object)?.spec.containers ?? []);
    const unread = containers.flatMap(({ name, env = [] }) => {
      const read = common + source(`functions/${name}/config.ts`);
      const keys = env.map((each) => each.name);
      return keys.filter((key) => !read.includes(`${key}:`)).map((key) => `${name} ${key}`);
    });

    expect(containers.length).toBeGreaterThan(8);
    expect(unread).toEqual([]);
  });

  test('no Role has a wildcard or reads Secrets', () => {
    const roles = kafka.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
    const rules = roles.flatMap((role) => role['rules'] as Record<string, string[]>[]);
    const words = rules.flatMap((rule) => Object.values(rule).flat());

    expect(roles.length).toBeGreaterThan(4);
    expect(words).not.toContain('*');
    expect(words).not.toContain('secrets');
  });

  test('the kill switch may see and patch the policies of all namespaces', () => {
    const mine = ofKind(kafka, 'ClusterRoleBinding').filter((binding) =>
      (binding['subjects'] as { name: string }[]).some(({ name }) => name === 'operator'),
    );
    const roles = new Set(mine.map((binding) => (binding['roleRef'] as { name: string }).name));
    const rules = ofKind(kafka, 'ClusterRole')
      .filter(({ metadata }) => roles.has(metadata.name))
      .flatMap((role) => role['rules'] as { resources: string[]; verbs: string[] }[])
      .filter(({ resources }) => resources.includes('scalingpolicies'));

    expect(rules.flatMap(({ verbs }) => verbs)).toEqual(expect.arrayContaining(['list', 'patch']));
  });

  test('Services of a cluster-local chain are not visible outside', () => {
    for (const { metadata } of ofKind(kafka, 'Service')) {
      expect(metadata.labels?.['networking.knative.dev/visibility']).toBe('cluster-local');
    }
  });
});

describe('render', () => {
  const images = new Map(functionsOf(kafka).map((name) => [name, `dev.local/n/${name}:abc`]));

  test('gives every function the image of this build', () => {
    const rendered = render(kafka, images, new Map());
    const used = rendered.flatMap((o) => podTemplate(o)?.spec.containers.map((c) => c.image) ?? []);

    expect(new Set(used)).toEqual(new Set(images.values()));
    expect(used.some((image) => image.endsWith(':latest'))).toBe(false);
  });

  test('a changed setting changes the templates that refer to it, and no others', () => {
    const hashes = (versions: ReadonlyMap<string, string>) =>
      render(kafka, images, versions).flatMap((object) => {
        const annotations = podTemplate(object)?.metadata?.annotations;
        return annotations === undefined
          ? []
          : [[object.metadata.name, annotations['nimbusguard.io/config-hash']] as const];
      });
    const before = new Map(hashes(configVersions(kafka).set('Secret openai', 'none')));
    const after = hashes(configVersions(kafka).set('Secret openai', 'a1b2c3'));

    expect(after.filter(([name, hash]) => before.get(name) !== hash).map(([name]) => name)).toEqual(
      ['advisor'],
    );
  });

  test('leaves the documents it was given as they are', () => {
    const before = JSON.stringify(kafka);
    render(kafka, images, new Map());

    expect(JSON.stringify(kafka)).toBe(before);
  });
});

test('replaceIn keeps the place of what it replaces and appends what is new', () => {
  const object = (name: string, value: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { value },
  });
  const result = replaceIn(
    [object('a', '1'), object('b', '1')],
    [object('c', '2'), object('a', '2')],
  );

  expect(result.map(({ metadata, data }) => `${metadata.name}${data?.['value']}`)).toEqual([
    'a2',
    'b1',
    'c2',
  ]);
});
