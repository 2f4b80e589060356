import { expect, test } from 'vitest';
import type { Dict, KubeObject, ManagedFields, NewObject } from '../types.ts';
import { afterUpdate, apply, type Writer } from './ownership.ts';

const object = (spec: Dict, managedFields: ManagedFields[] = []): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: '', managedFields },
  spec,
});

const writer = (manager: string, operation: Writer['operation'] = 'Update'): Writer => ({
  manager,
  operation,
  subresource: '',
  time: '2026-01-01T00:00:00Z',
});

const owners = (entries: ManagedFields[]): Record<string, Dict> =>
  Object.fromEntries(entries.map(({ manager, fieldsV1 }) => [manager, fieldsV1]));

const applyAs = (manager: string, live: KubeObject, spec: Dict, force = false) => {
  const config: NewObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec,
  };
  const { object: result, managedFields } = apply(live, config, {
    writer: writer(manager, 'Apply'),
    force,
  });
  return object(result['spec'] as Dict, managedFields);
};

test('an update moves what it changed to its manager and nothing else', () => {
  const first = object({ replicas: 1, paused: false });
  first.metadata.managedFields = afterUpdate(undefined, first, writer('kubectl'));
  const second = object({ replicas: 3, paused: false });
  const after = afterUpdate(first, second, writer('nimbusguard-executor'));
  expect(owners(after)).toEqual({
    kubectl: { 'f:spec': { 'f:paused': {} } },
    'nimbusguard-executor': { 'f:spec': { 'f:replicas': {} } },
  });
});

test('a field that is gone is nobody’s', () => {
  const first = object({ replicas: 1, paused: true });
  first.metadata.managedFields = afterUpdate(undefined, first, writer('kubectl'));
  expect(owners(afterUpdate(first, object({ replicas: 1 }), writer('other')))).toEqual({
    kubectl: { 'f:spec': { 'f:replicas': {} } },
  });
});

test('items of keyed lists are owned one by one', () => {
  const containers = (image: string): Dict => ({ containers: [{ name: 'c', image }] });
  const first = object(containers('c:1'));
  first.metadata.managedFields = afterUpdate(undefined, first, writer('kubectl'));
  const after = afterUpdate(first, object(containers('c:2')), writer('ci'));
  expect(owners(after)).toEqual({
    kubectl: { 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:name': {} } } } },
    ci: { 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:image': {} } } } },
  });
});

test('apply refuses another value of a field that someone owns, and names both', () => {
  const live = applyAs('gitops', object({}), { replicas: 2 });
  expect(() => applyAs('nimbusguard', live, { replicas: 5 })).toThrow(
    'Apply failed with 1 conflict: conflict with "gitops": .spec.replicas',
  );
  const forced = applyAs('nimbusguard', live, { replicas: 5 }, true);
  expect(forced['spec']).toEqual({ replicas: 5 });
  expect(owners(forced.metadata.managedFields!)).toEqual({
    nimbusguard: { 'f:spec': { 'f:replicas': {} } },
  });
});

test('the same value may have two owners and stays until both let go', () => {
  const one = applyAs('a', object({}), { replicas: 2, paused: true });
  const both = applyAs('b', one, { replicas: 2 });
  const left = applyAs('a', both, { paused: true });
  expect(left['spec']).toEqual({ replicas: 2, paused: true });
  expect(applyAs('b', left, { minReadySeconds: 1 })['spec']).toEqual({
    paused: true,
    minReadySeconds: 1,
  });
});

test('an item of a keyed list that is no longer applied goes as a whole', () => {
  const env = (...names: string[]): Dict => ({ env: names.map((name) => ({ name, value: '1' })) });
  const live = applyAs('a', object({}), env('X', 'Y'));
  expect(applyAs('a', live, env('Y'))['spec']).toEqual(env('Y'));
});
