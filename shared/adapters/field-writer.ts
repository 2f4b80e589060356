import { hasCode, NimbusError } from '../errors.ts';
import type { Control, ControlledField, FieldNote, FieldPart } from '../ports.ts';
import { isOurs, partFloor } from './fields.ts';
import { HPA, objectPath, REVISION, targetKind } from './kinds.ts';
import type { Json, KubernetesApi } from './kubernetes-api.ts';
import {
  count,
  FIELD_MANAGER,
  metadata,
  NOTE_ANNOTATION,
  record,
  REVISION_NOTE_ANNOTATION,
  text,
} from './objects.ts';
import { MIN_SCALE } from './targets.ts';

export type Patch = (path: string, body: unknown) => Promise<Json>;

/** Merge patches under our field manager; an object that is gone is a conflict. */
export const mergePatch =
  (api: KubernetesApi): Patch =>
  async (path, body) => {
    const query = { fieldManager: FIELD_MANAGER };
    const answer = await api.request({ method: 'PATCH', path, patch: 'merge', query, body });
    if (answer === undefined) throw new NimbusError('target.conflict', `${path} is gone`);
    return answer;
  };

const preconditions = (field: Pick<ControlledField, 'target' | 'resourceVersion'>) => ({
  uid: field.target.uid,
  resourceVersion: field.resourceVersion,
});

const noteText = (
  note: FieldNote | null,
  name = NOTE_ANNOTATION,
): Readonly<Record<string, string | null>> => ({
  [name]: note === null ? null : JSON.stringify(note),
});

const pathOf = ({ target }: ControlledField): string =>
  objectPath(targetKind(target) ?? HPA, target.namespace, target.name);

const specName = ({ path }: ControlledField): string => path.slice('spec.'.length);

const SCALE_RETRIES = 5;

/**
 * Sets the replicas. The object has a controller of its own, which answers every change with a
 * new status: as long as only that moved, it is tried again at the version that stands there.
 */
function scaleWriter(api: KubernetesApi, patch: Patch) {
  /** The version that stands there, if the replicas are still those that were read. */
  const unmoved = async (field: ControlledField, path: string): Promise<string | undefined> => {
    const scale = (await api.request({ method: 'GET', path })) ?? {};
    const { uid, resourceVersion } = metadata(scale);
    const replicas = count(record(scale['spec'])['replicas']) ?? 0; // none are left out of the answer
    const same = uid === field.target.uid && replicas === field.value;
    return same ? text(resourceVersion) : undefined;
  };

  const write = async (
    field: ControlledField,
    replicas: number,
    resourceVersion: string,
    attemptsLeft: number,
  ): Promise<void> => {
    const path = `${pathOf(field)}/scale`;
    const identity = { uid: field.target.uid, resourceVersion };
    try {
      await patch(path, { metadata: identity, spec: { replicas } });
    } catch (error) {
      if (!hasCode(error, 'target.conflict') || attemptsLeft === 0) throw error;
      const version = await unmoved(field, path);
      if (version === undefined) throw error;
      await write(field, replicas, version, attemptsLeft - 1);
    }
  };
  return write;
}

/** Whether the note there is none of this policy's, or was taken without a write after it. */
const isFirst = (before: FieldNote | null, note: FieldNote): boolean =>
  (before?.value ?? null) === null || before?.policyUid !== note.policyUid;

/** Replicas of a workload go through /scale; the note is taken before the first write. */
function replicasWriter(api: KubernetesApi, patch: Patch) {
  const scale = scaleWriter(api, patch);
  return async (field: ControlledField, value: number | null, note: FieldNote | null) => {
    const path = pathOf(field);
    const first = note !== null && isFirst(field.note, note);
    const noted = first
      ? await patch(path, {
          metadata: { ...preconditions(field), annotations: noteText({ ...note, value: null }) },
        })
      : undefined;
    const resourceVersion = text(metadata(noted ?? {})['resourceVersion']) ?? field.resourceVersion;
    if (value !== null) await scale(field, value, resourceVersion, SCALE_RETRIES);
    const { uid } = field.target;
    if (first || note === null)
      await patch(path, { metadata: { uid, annotations: noteText(note) } });
  };
}

/** Min-scale of the Revisions that serve traffic, each its share rounded up, never above its maximum. */
function partsWriter(patch: Patch) {
  const writePart = (
    namespace: string,
    part: FieldPart,
    value: number | null,
    note: FieldNote | null,
  ) =>
    patch(objectPath(REVISION, namespace, part.name), {
      metadata: {
        resourceVersion: part.resourceVersion,
        annotations: {
          [MIN_SCALE]: value === null ? null : String(value),
          ...noteText(note, REVISION_NOTE_ANNOTATION),
        },
      },
    });

  const releasePart = async (field: ControlledField, part: FieldPart): Promise<void> => {
    if (part.note === null) return;
    const ours = part.value === part.note.value;
    await writePart(field.target.namespace, part, ours ? part.note.original : part.value, null);
  };

  const writeParts = async (field: ControlledField, value: number, note: FieldNote) => {
    for (const part of field.parts ?? []) {
      if (part.share === 0) await releasePart(field, part);
      else {
        const original = part.note === null ? part.stored : part.note.original;
        const own = partFloor(part, value);
        const noted = { ...note, original, value: own, total: value };
        await writePart(field.target.namespace, part, own, noted);
      }
    }
  };

  return { write: writeParts, release: releasePart };
}

/** Writes the value with its note, or puts the original back where the field still holds our value. */
export function fieldWriter(api: KubernetesApi): Pick<Control, 'write' | 'release'> {
  const patch = mergePatch(api);
  const replicas = replicasWriter(api, patch);
  const parts = partsWriter(patch);
  return {
    async write(field, value, note) {
      if (field.parts !== undefined) return parts.write(field, value, note);
      if (field.kind === 'replicas') return replicas(field, value, note);
      await patch(pathOf(field), {
        metadata: { ...preconditions(field), annotations: noteText(note) },
        spec: { [specName(field)]: value },
      });
    },
    async release(field) {
      if (field.note === null) return;
      for (const part of field.parts ?? []) await parts.release(field, part);
      if (field.parts !== undefined) return;
      const { original } = field.note;
      const ours = isOurs({ ...field, note: field.note });
      if (field.kind === 'replicas') {
        // an autoscaler that came in front of the workload goes on from where it stands
        const back = ours && field.rival === null ? (original ?? 1) : null;
        return replicas(field, back, null);
      }
      await patch(pathOf(field), {
        metadata: { ...preconditions(field), annotations: noteText(null) },
        ...(ours ? { spec: { [specName(field)]: original } } : {}),
      });
    },
  };
}
