import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { PolicySpec } from '#shared/events/index.ts';
import type { Dict, KubeObject, NewObject } from '../types.ts';
import { checkDefinition, resourcesOf } from './custom.ts';
import { compileSchema } from './schema.ts';

// The definition that is shipped is the one that is tested.
const shipped = parse(
  readFileSync(new URL('../../../../knative/10-crd.yaml', import.meta.url), 'utf8'),
) as KubeObject;
const schema = resourcesOf(shipped)[0]!.schema!;
const targetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

const policy = (spec: Dict): NewObject => ({
  apiVersion: 'nimbusguard.io/v1alpha1',
  kind: 'ScalingPolicy',
  metadata: { name: 'web' },
  spec: { targetRef, ...spec },
});

const problems = (spec: Dict): string[] => {
  const object = policy(spec);
  schema.prepare(object);
  return schema.check(object, undefined).map(({ field, message }) => `${field}: ${message}`);
};

test('the shipped definition is one that can be served', () => {
  expect(checkDefinition(shipped)).toEqual([]);
});

test('a default that breaks a rule of its own is refused with the definition, not with an object', () => {
  const count = { type: 'integer', default: 1 };
  const broken = {
    type: 'object',
    default: {},
    properties: { low: count, high: count },
    'x-kubernetes-validations': [{ rule: 'self.low <= self.high' }],
  };
  const compiled = (inner: Dict) => compileSchema({ type: 'object', properties: { inner } }, 'T');
  expect(() => compiled(broken)).toThrow(/T.inner: default: .*self.low <= self.high/);
  expect(() => compiled({ ...broken, default: { low: 1, high: 1 } })).not.toThrow();
  expect(() => compiled({ ...broken, default: undefined })).not.toThrow();
});

test('a policy with nothing but its target gets the shipped defaults', () => {
  const object = policy({});
  expect(schema.prepare(object)).toEqual([]);
  expect(object['spec']).toMatchObject({
    mode: 'floor',
    minReplicas: 1,
    maxReplicas: 50,
    cooldownSeconds: 300,
    targetCPUUtilizationPercentage: 70,
    learning: { learningRate: 0.1, discountFactor: 0.95, explorationDecay: 0.995 },
    slo: { latencyMilliseconds: 500 },
    metrics: { source: 'auto' },
  });
  expect(schema.check(object, undefined)).toEqual([]);
});

test('unknown fields are dropped and named', () => {
  const object = policy({ minReplica: 3, slo: { latency: 1 } });
  expect(schema.prepare(object)).toEqual(['spec.minReplica', 'spec.slo.latency']);
  expect(object['spec']).not.toHaveProperty('minReplica');
});

test('null for a field that is not nullable means its default', () => {
  const object = policy({ minReplicas: null });
  schema.prepare(object);
  expect(object['spec']).toMatchObject({ minReplicas: 1 });
});

test.each<[name: string, spec: Dict, problem: RegExp]>([
  [
    'a target by a name that no object can have',
    { targetRef: { ...targetRef, name: '../web' } },
    /^spec.targetRef.name: .*must match pattern/,
  ],
  [
    'a negative minimum',
    { minReplicas: -1 },
    /^spec.minReplicas: .*should be greater than or equal to 0/,
  ],
  [
    'an unknown mode',
    { mode: 'fly' },
    /^spec.mode: Unsupported value: "fly": supported values: "off", "shadow", "advise", "floor", "act"/,
  ],
  [
    'text for a number',
    { maxReplicas: 'ten' },
    /^spec.maxReplicas: .*must be of type integer: "string"/,
  ],
  [
    'a fraction for a whole number',
    { maxReplicas: 1.5 },
    /^spec.maxReplicas: .*must be of type integer/,
  ],
  [
    'a rate of exactly zero',
    { learning: { learningRate: 0 } },
    /^spec.learning.learningRate: .*should be greater than 0/,
  ],
  [
    'a discount of exactly one',
    { learning: { discountFactor: 1 } },
    /^spec.learning.discountFactor: .*should be less than 1/,
  ],
  [
    'a target of an unsupported kind',
    { targetRef: { apiVersion: 'v1', kind: 'Pod', name: 'x' } },
    /^spec.targetRef: .*unsupported target/,
  ],
  [
    'a missing name',
    { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment' } },
    /^spec.targetRef.name: Required value/,
  ],
])('%s is refused, with field and reason', (_name, spec, problem) => {
  expect(problems(spec)).toEqual([expect.stringMatching(problem)]);
});

test.each<[name: string, spec: Dict, field: string, reason: string]>([
  [
    'replicas',
    { minReplicas: 5, maxReplicas: 2 },
    'minReplicas',
    'minReplicas must not be above maxReplicas',
  ],
  [
    'exploration',
    { learning: { explorationStart: 0.2, explorationEnd: 0.5 } },
    'learning',
    'explorationEnd must not be above explorationStart',
  ],
  [
    'exploration, one of it a default',
    { learning: { explorationStart: 0 } },
    'learning',
    'explorationEnd must not be above explorationStart',
  ],
  [
    'where the numbers come from',
    { metrics: { source: 'prometheus' } },
    'metrics.source',
    'source prometheus needs the name of an endpoint',
  ],
])(
  'a contradiction in %s: definition and vocabulary refuse it alike',
  (_n, spec, field, reason) => {
    expect(problems(spec)).toEqual([expect.stringMatching(`^spec.${field}: .*${reason}`)]);
    const { error } = PolicySpec.safeParse({ targetRef, ...spec });
    expect(error?.issues).toMatchObject([{ path: field.split('.'), message: reason }]);
  },
);

test('a value out of its own bounds is not held against others as well', () => {
  for (const spec of [{ maxReplicas: -1 }, { learning: { explorationStart: -1 } }]) {
    expect(PolicySpec.safeParse({ targetRef, ...spec }).error?.issues).toHaveLength(1);
  }
});

test('equal bounds are no contradiction, to neither of the two', () => {
  const spec = {
    minReplicas: 3,
    maxReplicas: 3,
    learning: { explorationStart: 0, explorationEnd: 0 },
    metrics: { source: 'prometheus', endpoint: 'main' },
  };
  expect(problems(spec)).toEqual([]);
  expect(PolicySpec.safeParse({ targetRef, ...spec }).error).toBeUndefined();
});

test('every wrong field is named at once', () => {
  expect(problems({ minReplicas: -1, mode: 'fly', cooldownSeconds: -5 })).toHaveLength(3);
});

test('a transition rule sees the object before and is not asked on creation', () => {
  const once = compileSchema(
    {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { size: { type: 'integer' } },
          'x-kubernetes-validations': [
            {
              rule: 'self.size >= oldSelf.size',
              messageExpression: '"was " + string(oldSelf.size)',
            },
          ],
        },
      },
    },
    'Thing',
  );
  const thing = (size: number): KubeObject => ({ ...policy({}), spec: { size } }) as KubeObject;
  expect(once.check(thing(1), undefined)).toEqual([]);
  expect(once.check(thing(3), thing(2))).toEqual([]);
  expect(once.check(thing(1), thing(2))[0]!.message).toMatch(/: was 2$/);
});

test('a rule that is no CEL is refused with the definition, not with an object', () => {
  const broken = structuredClone(shipped) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: Dict } }[] };
  };
  broken.spec.versions[0]!.schema.openAPIV3Schema['x-kubernetes-validations'] = [
    { rule: 'self.(' },
  ];
  expect(checkDefinition(broken as unknown as NewObject)[0]!.message).toContain('self.(');
});
