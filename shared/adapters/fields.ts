// The one field of each kind of target, read from the object. What is written, and how, is in
// field-writer.ts.
import { z } from 'zod';
import type { ControlledField, FieldNote, FieldPart } from '../ports.ts';
import {
  DEPLOYMENT,
  HPA,
  KNATIVE_SERVICE,
  SCALED_OBJECT,
  STATEFUL_SET,
  type Kind,
} from './kinds.ts';
import type { Json } from './kubernetes-api.ts';
import {
  annotation,
  count,
  FIELD_MANAGER,
  list,
  metadata,
  NOTE_ANNOTATION,
  ownerOf,
  record,
  REVISION_NOTE_ANNOTATION,
  text,
} from './objects.ts';
import { MAX_SCALE, MIN_SCALE, scaleOf, servingRevisions, targetOf, UNBOUNDED } from './targets.ts';

const Note = z.object({
  path: z.string(),
  original: z.int().nullable(),
  owner: z.string().nullable(),
  value: z.int().nullable(),
  policyUid: z.string(),
  total: z.int().optional(),
  expiresAt: z.string().nullable(),
});

/** Our note on an object, or null: somebody may have written nonsense there. */
function noteOf(object: Json, name = NOTE_ANNOTATION): FieldNote | null {
  const stored = annotation(object, name);
  if (stored === undefined) return null;
  try {
    return Note.parse(JSON.parse(stored));
  } catch {
    return null;
  }
}

const revisionNote = (revision: Json): FieldNote | null =>
  noteOf(revision, REVISION_NOTE_ANNOTATION);

interface Field {
  readonly kind: ControlledField['kind'];
  readonly name: string;
  /** What the field means where it is not set. */
  readonly unset: number;
  readonly maximum: { readonly name: string; readonly unset: number } | null;
}

const REPLICAS: Field = { kind: 'replicas', name: 'replicas', unset: 1, maximum: null };
const FIELDS = new Map<Kind, Field>([
  [DEPLOYMENT, REPLICAS],
  [STATEFUL_SET, REPLICAS],
  [
    HPA,
    { kind: 'floor', name: 'minReplicas', unset: 1, maximum: { name: 'maxReplicas', unset: 1 } },
  ],
  [
    SCALED_OBJECT,
    {
      kind: 'floor',
      name: 'minReplicaCount',
      unset: 0,
      maximum: { name: 'maxReplicaCount', unset: 100 },
    },
  ],
]);

/** The field of a kind that holds one number in its spec. */
export function plainField(kind: Kind, object: Json, rival: string | null): ControlledField {
  const field = FIELDS.get(kind) ?? REPLICAS;
  const spec = record(object['spec']);
  const stored = count(spec[field.name]) ?? null;
  const { maximum } = field;
  return {
    target: targetOf(kind, object),
    resourceVersion: text(metadata(object)['resourceVersion']) ?? '',
    kind: field.kind,
    path: `spec.${field.name}`,
    stored,
    value: stored ?? field.unset,
    high: maximum === null ? UNBOUNDED : (count(spec[maximum.name]) ?? maximum.unset),
    owner: ownerOf(object, ['f:spec', `f:${field.name}`]),
    note: noteOf(object),
    rival,
  };
}

const OWNER_PATH = ['f:metadata', 'f:annotations', `f:${MIN_SCALE}`];

function partOf(revision: Json, share: number): FieldPart {
  const highest = scaleOf(revision, MAX_SCALE) ?? 0;
  return {
    name: text(metadata(revision)['name']) ?? '',
    resourceVersion: text(metadata(revision)['resourceVersion']) ?? '',
    stored: scaleOf(revision, MIN_SCALE),
    value: scaleOf(revision, MIN_SCALE) ?? 0,
    share,
    high: highest === 0 ? UNBOUNDED : highest, // Knative's 0 is no limit
    owner: ownerOf(revision, OWNER_PATH),
    note: revisionNote(revision),
  };
}

/**
 * The floor of a Knative Service: min-scale on the Revisions that serve traffic. On the Service it would
 * make a new Revision, and on the PodAutoscaler Knative takes it away again.
 */
export function knativeField(service: Json, revisions: readonly Json[]): ControlledField {
  const routes = list(record(service['status'])['traffic']);
  const shareOf = (name: unknown): number =>
    routes
      .filter((route) => route['revisionName'] === name)
      .reduce((sum, route) => sum + Number(route['percent'] ?? 0) / 100, 0);
  const serving = servingRevisions(service, revisions);
  const own = revisions.filter((r) => serving.includes(r) || revisionNote(r) !== null);
  const parts = own.map((revision) =>
    partOf(revision, serving.includes(revision) ? shareOf(metadata(revision)['name']) : 0),
  );
  return {
    target: targetOf(KNATIVE_SERVICE, service),
    resourceVersion: text(metadata(service)['resourceVersion']) ?? '',
    kind: 'floor',
    path: `metadata.annotations[${MIN_SCALE}]`,
    rival: null,
    ...wholeOf(parts),
  };
}

/** What the parts hold together. */
function wholeOf(parts: readonly FieldPart[]) {
  const stands = parts.reduce((sum, part) => sum + (part.share > 0 ? part.value : 0), 0);
  const note = wholeNote(parts.filter((part) => part.note !== null));
  const total = note?.value ?? null;
  const settled = total !== null && parts.every((part) => isSettled(part, total));
  const value = settled ? total : stands;
  return {
    stored: value,
    value,
    high: parts.reduce((sum, part) => sum + (part.share > 0 ? part.high : 0), 0),
    owner: parts.find(({ owner }) => owner !== null)?.owner ?? null,
    note,
    parts,
    settled: note === null || settled,
  };
}

/** A field or a part of one that has a note of ours. */
export interface Noted {
  readonly note: FieldNote;
  readonly value: number;
  readonly owner: string | null;
}

/** Whether the value that stands there is ours to take back. */
export const isOurs = ({ owner, note, value }: Noted): boolean =>
  owner === FIELD_MANAGER || (owner === null && value === note.value);

/** The same field with those notes alone that `keep` lets stand. */
export function withNotes(
  field: ControlledField,
  keep: (noted: Noted) => boolean,
): ControlledField {
  const sifted = <T extends Omit<Noted, 'note'> & { note: FieldNote | null }>(at: T): T =>
    at.note === null || keep({ ...at, note: at.note }) ? at : { ...at, note: null };
  return field.parts === undefined
    ? sifted(field)
    : { ...field, ...wholeOf(field.parts.map(sifted)) };
}

/** What a part holds of a floor: its share rounded up, never below its original nor above its maximum. */
export function partFloor(part: FieldPart, total: number): number {
  const original = part.note === null ? part.stored : part.note.original;
  const share = Math.ceil(total * part.share - 1e-9);
  return Math.min(part.high, Math.max(original ?? 0, share));
}

/** A part without traffic has nothing of ours any more, every other one has its share. */
const isSettled = (part: FieldPart, total: number): boolean =>
  part.share === 0
    ? part.note === null
    : part.note !== null && part.value === partFloor(part, total);

/** The notes of all parts as one: what we hold in sum, and what stood there before. */
function wholeNote(written: readonly FieldPart[]): FieldNote | null {
  const first = written[0]?.note ?? null;
  if (first === null) return null;
  const sum = (pick: (note: FieldNote) => number | null): number =>
    written.reduce((total, { note }) => total + (note === null ? 0 : (pick(note) ?? 0)), 0);
  const total = Math.max(...written.map(({ note }) => note?.total ?? 0));
  const value = total > 0 ? total : sum((note) => note.value);
  return { ...first, original: sum(({ original }) => original), value };
}
