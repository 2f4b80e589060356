import { heldFields, heldRefs, ownField } from '#shared/adapters/held-fields.ts';
import { isOurFinalizer } from '#shared/adapters/objects.ts';
import { messageOf } from '#shared/errors.ts';
import type { Clock, Cluster, Control, ControlledField, PolicyObject } from '#shared/ports.ts';

export interface Swept {
  readonly policy: string;
  readonly failed: boolean;
  readonly message: string;
}

interface Ports {
  readonly cluster: Pick<Cluster, 'policies'>;
  readonly control: Pick<Control, 'policy' | 'field' | 'release' | 'setFinalizers' | 'record'>;
  readonly clock: Clock;
}

/** When the floors of a field end: the earliest of its notes; Infinity where none is held. */
function expiryMs(field: ControlledField): number {
  const notes = [field.note, ...(field.parts ?? []).map(({ note }) => note)];
  const ends = notes.map((note) => note?.expiresAt ?? null).filter((end) => end !== null);
  return Math.min(...ends.map((end) => Date.parse(end)));
}

const isHeld = (field: ControlledField): boolean =>
  field.note !== null || (field.parts ?? []).some(({ note }) => note !== null);

interface Due {
  readonly field: ControlledField;
  readonly why: string;
}

/** What of a field has to go back to its original now, and why; undefined while all of it may stay. */
function dueOf(
  field: ControlledField,
  policy: PolicyObject,
  everything: boolean,
  nowMs: number,
): Due | undefined {
  if (everything) return { field, why: 'NimbusGuard is being removed' };
  const own = ownField(field, policy);
  if (policy.deleting && isHeld(own)) return { field: own, why: 'its policy is being deleted' };
  // whose it is does not matter: who held it renews it no more
  return expiryMs(field) <= nowMs
    ? { field, why: 'its floor expired without being renewed' }
    : undefined;
}

async function restore({ control, clock }: Ports, policy: PolicyObject, due: Due): Promise<string> {
  const { target, path } = due.field;
  await control.release(due.field);
  const message = `${path} of ${target.kind} ${target.name} is back at its original: ${due.why}`;
  const atMs = clock.nowMs();
  await control.record(policy, { type: 'Normal', reason: 'Released', message, atMs });
  return message;
}

/** Lets a policy go; answers whether it was kept by us. */
async function letGo({ control }: Ports, policy: PolicyObject): Promise<boolean> {
  const others = policy.finalizers.filter((name) => !isOurFinalizer(name));
  if (others.length === policy.finalizers.length) return false;
  const now = await control.policy(policy.namespace, policy.name);
  if (now?.uid === policy.uid) await control.setFinalizers(now, others);
  return true;
}

async function sweepOne(ports: Ports, policy: PolicyObject, everything: boolean): Promise<string> {
  const { fields, forbidden } = await heldFields(ports.control, policy, heldRefs(policy));
  const messages: string[] = [];
  for (const field of fields) {
    const due = dueOf(field, policy, everything, ports.clock.nowMs());
    if (due !== undefined && isHeld(due.field)) messages.push(await restore(ports, policy, due));
  }
  if (everything || policy.deleting) {
    const keeps = policy.finalizers.some(isOurFinalizer);
    if (keeps && forbidden !== undefined) {
      throw new Error(`the policy stays, as what it holds cannot be read: ${forbidden.message}`);
    }
    const freed = await letGo(ports, policy);
    if (freed && messages.length === 0) return 'nothing was held; the policy may go';
  }
  return messages.join('; ');
}

/**
 * Puts the recorded originals back, where the field still holds our value: of floors whose time is
 * over, of policies that are being deleted, or of `everything`. One line for each thing done; a
 * policy that fails does not keep the others from being swept.
 */
export async function sweep(ports: Ports, options: { everything: boolean }): Promise<Swept[]> {
  const swept: Swept[] = [];
  for (const policy of await ports.cluster.policies()) {
    const name = `${policy.namespace}/${policy.name}`;
    try {
      const message = await sweepOne(ports, policy, options.everything);
      if (message !== '') swept.push({ policy: name, failed: false, message });
    } catch (error) {
      const message = messageOf(error);
      swept.push({ policy: name, failed: true, message });
    }
  }
  return swept;
}
