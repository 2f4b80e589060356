// The floor of a Knative Service while its traffic moves between Revisions, against an API in memory.
import { expect, test } from 'vitest';
import type { FieldNote } from '../ports.ts';
import { knativeField, plainField } from './fields.ts';
import { fieldWriter } from './field-writer.ts';
import { DEPLOYMENT, HPA, SCALED_OBJECT, STATEFUL_SET, type Kind } from './kinds.ts';
import type { Json, KubernetesApi } from './kubernetes-api.ts';
import { FIELD_MANAGER, metadata, record } from './objects.ts';

const MIN_SCALE = 'autoscaling.knative.dev/min-scale';
const NOTE: FieldNote = {
  path: `metadata.annotations[${MIN_SCALE}]`,
  original: null,
  owner: null,
  value: 0,
  policyUid: 'p',
  expiresAt: '2026-11-25T08:00:00Z',
};

/** A Service whose Revisions have the given shares of its traffic; each began with a minimum of one. */
function aService(shares: Record<string, number>) {
  const revisions: Json[] = Object.keys(shares).map((name) => ({
    metadata: { name, namespace: 'shop', resourceVersion: '1', annotations: { [MIN_SCALE]: '1' } },
  }));
  const route = (next: Record<string, number>): Json[] =>
    Object.entries(next).map(([revisionName, percent]) => ({ revisionName, percent }));
  const service: Json = {
    metadata: { name: 'web', namespace: 'shop', uid: 's' },
    status: { traffic: route(shares) },
  };
  let writes = 0;
  const api: KubernetesApi = {
    request({ path, body }) {
      const found = revisions.find((one) => path.endsWith(`/${String(metadata(one)['name'])}`));
      const meta = metadata(found ?? {});
      const changes = Object.entries(record(record(record(body)['metadata'])['annotations']));
      const annotations = { ...record(meta['annotations']), ...Object.fromEntries(changes) };
      const left = Object.entries(annotations).filter(([, value]) => value !== null);
      const fields = { 'f:metadata': { 'f:annotations': { [`f:${MIN_SCALE}`]: {} } } };
      Object.assign(meta, {
        annotations: Object.fromEntries(left),
        resourceVersion: String(++writes),
        managedFields: [{ manager: FIELD_MANAGER, fieldsV1: fields }],
      });
      return Promise.resolve(found);
    },
    close: () => undefined,
  };
  return {
    field: () => knativeField(service, revisions),
    writer: fieldWriter(api),
    shift: (next: Record<string, number>) =>
      Object.assign(service, { status: { traffic: route(next) } }),
    annotations: () =>
      revisions.flatMap((one) => Object.keys(record(metadata(one)['annotations']))),
    floors: () => revisions.map((one) => Number(record(metadata(one)['annotations'])[MIN_SCALE])),
  };
}

test('each Revision holds its share rounded up; written again, the sum does not grow', async () => {
  const { field, writer, floors } = aService({ a: 34, b: 33, c: 33 });
  for (let round = 0; round < 3; round++) {
    const held = round === 0 ? 4 : field().value;
    await writer.write(field(), held, NOTE);
  }

  expect(floors()).toEqual([2, 2, 2]);
  expect(field()).toMatchObject({ value: 4, settled: true, note: { value: 4, original: 3 } });
});

test('where traffic moves the floor moves after it, and the old Revision gets its own back', async () => {
  const { field, writer, floors, shift } = aService({ a: 100, b: 0 });
  await writer.write(field(), 5, NOTE);
  expect(floors()).toEqual([5, 1]);

  shift({ a: 50, b: 50 });
  expect(field()).toMatchObject({ settled: false, note: { value: 5 } });
  await writer.write(field(), 5, NOTE);
  expect(floors()).toEqual([3, 3]);

  shift({ b: 100 });
  expect(field()).toMatchObject({ value: 3, settled: false });
  await writer.write(field(), 5, NOTE);
  expect(floors()).toEqual([1, 5]);
  expect(field()).toMatchObject({ value: 5, settled: true });

  await writer.release(field());
  expect(floors()).toEqual([1, 1]);
  expect(field().note).toBeNull();
});

test('a Revision that lost its traffic is given back though the others hold enough', async () => {
  const { field, writer, floors, shift } = aService({ a: 50, b: 50 });
  await writer.write(field(), 1, NOTE);
  expect(field()).toMatchObject({ value: 1, settled: true });

  shift({ b: 100 });
  expect(field()).toMatchObject({ value: 1, settled: false });
  await writer.write(field(), 1, NOTE);
  expect(floors()).toEqual([1, 1]);
  expect(field().parts?.map(({ name }) => name)).toEqual(['b']); // nothing of ours is left on a
});

test.each<[string, string | undefined, number]>([
  ['its own', '7', 7],
  ['none', undefined, 10_000],
  ['none, said as 0', '0', 10_000],
  ['nonsense for one', 'many', 10_000],
])('a floor is as high as its Revision may be, with %s', (_what, highest, high) => {
  const annotations = highest === undefined ? {} : { 'autoscaling.knative.dev/max-scale': highest };
  const idle = {
    metadata: { name: 'idle', annotations: { 'autoscaling.knative.dev/max-scale': '3' } },
  };
  const traffic = [
    { revisionName: 'a', percent: 100 },
    { revisionName: 'idle', percent: 0 },
  ];
  const service = { metadata: { name: 'web' }, status: { traffic } };

  expect(knativeField(service, [{ metadata: { name: 'a', annotations } }, idle]).high).toBe(high);
});

test.each<[string, Kind, Json, number | null, number, number]>([
  ['an HPA that says nothing of it', HPA, {}, null, 1, 1],
  ['an HPA', HPA, { minReplicas: 3, maxReplicas: 9 }, 3, 3, 9],
  ['a ScaledObject that says nothing of it', SCALED_OBJECT, {}, null, 0, 100],
  ['a ScaledObject', SCALED_OBJECT, { minReplicaCount: 2, maxReplicaCount: 8 }, 2, 2, 8],
  ['a Deployment that says nothing of it', DEPLOYMENT, {}, null, 1, 10_000],
  ['a StatefulSet', STATEFUL_SET, { replicas: 5 }, 5, 5, 10_000],
  ['nonsense', DEPLOYMENT, { replicas: 'many' }, null, 1, 10_000],
])('the field of %s', (_what, kind, spec, stored, value, high) => {
  expect(plainField(kind, { metadata: { name: 'web' }, spec }, null)).toMatchObject({
    stored,
    value,
    high,
    note: null,
  });
});

test('a Revision gets annotations of autoscaling alone: Knative would put others into its pods', async () => {
  const { field, writer, annotations } = aService({ a: 50, b: 50 });
  await writer.write(field(), 4, NOTE);

  expect(field().note).not.toBeNull();
  for (const name of annotations()) expect(name).toMatch(/^autoscaling\.knative\.dev\//);
});
