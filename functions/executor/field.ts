// The one field that a policy may take: found as this policy may have it, and written.
import { inheritedField, ownField } from '#shared/adapters/held-fields.ts';
import { hasCode } from '#shared/errors.ts';
import type { TargetRef } from '#shared/events/index.ts';
import type { Control, ControlledField } from '#shared/ports.ts';
import { noteFor, type Case } from './answers.ts';
import { isHeir } from './plan.ts';

const WRITE_ATTEMPTS = 4;

export type Located = Awaited<ReturnType<Control['field']>>;

/** The field as the policy may take it: what another policy left there is sifted. */
export async function locate(
  control: Control,
  { policy, decision }: Pick<Case, 'policy' | 'decision'>,
  ref: TargetRef,
): Promise<Located> {
  const located = await control.field({ namespace: policy.namespace, ref });
  if (!('found' in located)) return located;
  const sift = isHeir(decision) ? inheritedField : ownField;
  return { found: sift(located.found, policy) };
}

const isSame = (now: ControlledField, read: ControlledField): boolean =>
  now.target.uid === read.target.uid && now.value === read.value;

/**
 * Writes the field. A target's own controller changes its status all the time: where only that moved,
 * the field is still as it was read and the write is tried again; else it is a conflict.
 */
export async function writeFirmly(
  control: Control,
  current: Case,
  field: ControlledField,
  to: number,
): Promise<void> {
  const { policy, nowMs } = current;
  for (let attempt = 1, at = field; ; attempt++) {
    try {
      await control.write(at, to, noteFor(at, policy, to, nowMs));
      return;
    } catch (error) {
      if (!hasCode(error, 'target.conflict') || attempt >= WRITE_ATTEMPTS) throw error;
      const located = await locate(control, current, field.target);
      if (!('found' in located) || !isSame(located.found, field)) throw error;
      at = located.found;
    }
  }
}
