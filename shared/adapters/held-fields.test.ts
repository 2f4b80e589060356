import { expect, test } from 'vitest';
import { aField, aPolicy } from '../testing/builders.ts';
import type { FieldNote, FieldPart } from '../ports.ts';
import { heldRefs, inheritedField, ownField } from './held-fields.ts';
import { FIELD_MANAGER } from './objects.ts';

const hpa = (name: string, apiVersion = 'autoscaling/v2') => ({
  apiVersion,
  kind: 'HorizontalPodAutoscaler',
  name,
});

test.each([
  ['nothing was held yet', null, hpa('web'), [hpa('web')]],
  ['it points where it holds', hpa('web'), hpa('web', 'autoscaling/v1'), [hpa('web')]],
  ['it points elsewhere', hpa('web'), hpa('web2'), [hpa('web'), hpa('web2')]],
  ['it points to nothing', hpa('web'), 'nonsense', [hpa('web')]],
])('the objects that a policy may hold when %s', (_when, heldRef, targetRef, refs) => {
  expect(heldRefs(aPolicy({ spec: { targetRef }, status: { heldRef } }))).toEqual(refs);
});

test('of a Knative Service each Revision is judged by its own note', () => {
  const noteOf = (policyUid: string, value: number): FieldNote => ({
    path: 'min-scale',
    original: 1,
    owner: null,
    value,
    policyUid,
    expiresAt: '2026-11-25T08:00:00Z',
  });
  const part = (name: string, note: FieldNote, owner: string): FieldPart => ({
    name,
    note,
    owner,
    resourceVersion: '1',
    stored: 4,
    value: 4,
    share: 1 / 3,
    high: 20,
  });
  const parts = [
    part('own', noteOf('policy-1', 4), FIELD_MANAGER),
    part('inherited', noteOf('policy-0', 4), FIELD_MANAGER),
    part('outdated', noteOf('policy-0', 9), 'kubectl'),
  ];
  const field = aField({ kind: 'floor', note: parts[0]!.note, parts });
  const named = (of: typeof field) => of.parts?.filter(({ note }) => note).map(({ name }) => name);

  expect(named(ownField(field, aPolicy()))).toEqual(['own']);
  expect(named(inheritedField(field, aPolicy()))).toEqual(['own', 'inherited']);
  expect(inheritedField(field, aPolicy())).toMatchObject({ note: { original: 2, value: 8 } });
  expect(ownField(field, aPolicy({ uid: 'policy-2' })).note).toBeNull();
});
