// What a policy took goes back: all of it where the policy says so, that on its former target where it
// points to another one. The finalizer stays as long as something may be held.
import { heldFields, heldRefs, isSameRef, ownField } from '#shared/adapters/held-fields.ts';
import type { Action, PolicySpec, TargetRef } from '#shared/events/index.ts';
import type { Control, ControlledField, PolicyObject } from '#shared/ports.ts';
import { held, type Case } from './answers.ts';
import { FINALIZER, unreadable, type Stop } from './plan.ts';
import { statusOf } from './status.ts';

/** The policy with our finalizer, which comes before anything is held. */
export const finalized = async (control: Control, policy: PolicyObject): Promise<PolicyObject> =>
  policy.finalizers.includes(FINALIZER)
    ? policy
    : control.setFinalizers(policy, [...policy.finalizers, FINALIZER]);

/** The objects that a policy may hold: without the finalizer nothing was taken. */
export const mayHold = (policy: PolicyObject): readonly TargetRef[] =>
  policy.finalizers.includes(FINALIZER) ? heldRefs(policy) : [];

async function releaseAll(
  control: Control,
  policy: PolicyObject,
  fields: readonly ControlledField[],
): Promise<void> {
  for (const field of fields) await control.release(ownField(field, policy));
}

/** Writes the answer into the status and gives back all that the policy holds. */
export async function giveBack(control: Control, current: Case, why: Stop): Promise<Action> {
  const { decision, policy } = current;
  const { fields, forbidden } = await heldFields(control, policy, mayHold(policy));
  const stop = forbidden === undefined ? why : unreadable(forbidden);
  const action = held(current, stop.reason, stop.message, fields[0]?.value);
  const holding = forbidden === undefined ? { floor: null } : {};
  const written = await control.patchStatus(policy, statusOf(policy, decision, action, holding));
  await releaseAll(control, policy, fields);
  const others = written.finalizers.filter((name) => name !== FINALIZER);
  if (forbidden === undefined && others.length < written.finalizers.length) {
    await control.setFinalizers(written, others);
  }
  return action;
}

/**
 * A policy holds one field: what it holds where it pointed before goes back before another is taken.
 * Answers what stands against that.
 */
export async function leaveFormer(
  control: Control,
  policy: PolicyObject,
  { targetRef }: PolicySpec,
): Promise<Stop | null> {
  const former = heldRefs(policy).filter((ref) => !isSameRef(ref, targetRef));
  const { fields, forbidden } = await heldFields(control, policy, former);
  await releaseAll(control, policy, fields);
  return forbidden === undefined ? null : unreadable(forbidden);
}
