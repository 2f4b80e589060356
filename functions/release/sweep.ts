import { TargetRef } from '#shared/events/index.ts';
import type { Clock, Cluster, Control, ControlledField, PolicyObject } from '#shared/ports.ts';

/** Finalizers of ours: they keep a policy until the originals are back. */
const OURS = 'nimbusguard.io/';

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

async function restore(ports: Ports, policy: PolicyObject, why: string): Promise<string> {
  const { control, clock } = ports;
  const locator = locatorOf(policy);
  const located = locator === undefined ? undefined : await control.field(locator);
  if (located === undefined || !('found' in located) || !isHeld(located.found)) return '';
  const { target, path } = located.found;
  await control.release(located.found);
  const message = `${path} of ${target.kind} ${target.name} is back at its original: ${why}`;
  const atMs = clock.nowMs();
  await control.record(policy, { type: 'Normal', reason: 'Released', message, atMs });
  return message;
}

function locatorOf({ namespace, spec }: PolicyObject) {
  const ref = TargetRef.safeParse((spec as { targetRef?: unknown } | null)?.targetRef);
  return ref.success ? { namespace, ref: ref.data } : undefined;
}

/** Why the policy's field has to go back to its original now; undefined while it may stay. */
async function reasonFor(
  { control, clock }: Ports,
  policy: PolicyObject,
  everything: boolean,
): Promise<string | undefined> {
  if (everything) return 'NimbusGuard is being removed';
  if (policy.deleting) return 'its policy is being deleted';
  const locator = locatorOf(policy);
  if (locator === undefined) return undefined;
  const located = await control.field(locator);
  return 'found' in located && expiryMs(located.found) <= clock.nowMs()
    ? 'its floor expired without being renewed'
    : undefined;
}

async function sweepOne(ports: Ports, policy: PolicyObject, everything: boolean): Promise<string> {
  const why = await reasonFor(ports, policy, everything);
  if (why === undefined) return '';
  const message = await restore(ports, policy, why);
  const others = policy.finalizers.filter((name) => !name.startsWith(OURS));
  const mayGo = everything || policy.deleting;
  if (!mayGo || others.length === policy.finalizers.length) return message;
  const now = await ports.control.policy(policy.namespace, policy.name);
  if (now?.uid === policy.uid) await ports.control.setFinalizers(now, others);
  return message === '' ? 'nothing was held; the policy may go' : message;
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
      const message = error instanceof Error ? error.message : String(error);
      swept.push({ policy: name, failed: true, message });
    }
  }
  return swept;
}
