// What a policy holds, wherever it points by now: the notes on its targets say whose they are.
import { TargetRef } from '../events/index.ts';
import type { Control, ControlledField, PolicyObject, Refusal } from '../ports.ts';
import { isOurs, withNotes } from './fields.ts';

export const isSameRef = (one: TargetRef, other: TargetRef): boolean =>
  one.name === other.name &&
  one.kind === other.kind &&
  one.apiVersion.split('/')[0] === other.apiVersion.split('/')[0];

/** The objects whose field a policy may hold: the one that it took last, and the one it points to. */
export function heldRefs({ spec, status }: PolicyObject): TargetRef[] {
  const { targetRef } = (spec ?? {}) as { targetRef?: unknown };
  const refs = [status.heldRef, targetRef].flatMap((ref) => TargetRef.safeParse(ref).data ?? []);
  return refs.filter((ref, index) => refs.findIndex((one) => isSameRef(one, ref)) === index);
}

export interface HeldFields {
  readonly fields: readonly ControlledField[];
  /** Set where an object may be there and hold something, but nobody lets us look. */
  readonly forbidden: Refusal | undefined;
}

/** The fields of these objects as they stand, whoever holds them. */
export async function heldFields(
  control: Pick<Control, 'field'>,
  { namespace }: PolicyObject,
  refs: readonly TargetRef[],
): Promise<HeldFields> {
  const located = await Promise.all(refs.map((ref) => control.field({ namespace, ref })));
  const refusals = located.flatMap((one) => ('refusal' in one ? one.refusal : []));
  return {
    fields: located.flatMap((one) => ('found' in one ? one.found : [])),
    forbidden: refusals.find(({ reason }) => reason === 'forbidden'),
  };
}

/** The field with the notes of this policy alone: released so, another policy's stay. */
export const ownField = (field: ControlledField, { uid }: PolicyObject): ControlledField =>
  withNotes(field, ({ note }) => note.policyUid === uid);

/**
 * The field as the one policy that owns its target may take it. A note of another policy was left
 * behind: where the field still holds what that one wrote, its original is inherited; else somebody
 * wrote it since, and the note says nothing any more.
 */
export const inheritedField = (field: ControlledField, { uid }: PolicyObject): ControlledField =>
  withNotes(field, (noted) => noted.note.policyUid === uid || isOurs(noted));
