// The replicas of a Deployment as they change hands, against an API in memory.
import { expect, test } from 'vitest';
import { aField } from '../testing/builders.ts';
import type { ControlledField, FieldNote } from '../ports.ts';
import { fieldWriter } from './field-writer.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { FIELD_MANAGER, metadata, NOTE_ANNOTATION, record } from './objects.ts';

const NOTE: FieldNote = {
  path: 'spec.replicas',
  original: 2,
  owner: 'kubectl',
  value: 5,
  policyUid: 'before',
  expiresAt: null,
};

/** What was written: replicas as numbers, notes as they were read back, null where one was taken away. */
function recorder(found: Partial<ControlledField>) {
  const written: unknown[] = [];
  const api: KubernetesApi = {
    request({ body }) {
      const { replicas } = record(record(body)['spec']);
      const annotations = record(metadata(record(body))['annotations']);
      const note = annotations[NOTE_ANNOTATION];
      if (replicas !== undefined) written.push(replicas);
      if (note !== undefined) written.push(typeof note === 'string' ? JSON.parse(note) : note);
      return Promise.resolve({});
    },
    close: () => undefined,
  };
  const field = aField({ value: 8, stored: 8, owner: FIELD_MANAGER, note: NOTE, ...found });
  return { written, field, writer: fieldWriter(api) };
}

test('replicas that another policy held get the note of the one that holds them now', async () => {
  const { written, field, writer } = recorder({});
  const note = { ...NOTE, value: 9, policyUid: 'now' };
  await writer.write(field, 9, note);

  expect(written).toEqual([{ ...note, value: null }, 9, note]);
});

test.each<[string, Partial<ControlledField>, unknown[]]>([
  ['are put back', {}, [2, null]],
  ['stay where somebody else wrote them', { owner: 'kubectl' }, [null]],
  ['stay where an autoscaler came in front', { rival: 'HorizontalPodAutoscaler web' }, [null]],
])('released replicas %s', async (_what, found, then) => {
  const { written, field, writer } = recorder(found);
  await writer.release(field);

  expect(written).toEqual(then);
});
