// Answers to a decision, and the note that is left on a target. Pure.
import {
  SENTENCE_MAX_CHARS,
  type Action,
  type Decision,
  type PolicySpec,
} from '#shared/events/index.ts';
import type { ControlledField, FieldNote, PolicyObject } from '#shared/ports.ts';
import { modeOf } from './plan.ts';

// With NimbusGuard dead a floor is gone within its expiry and one round of the CronJob: under 15 minutes.
const FLOOR_LASTS_MS = 600_000;
const RENEW_BEFORE_MS = 420_000;

/** One decision, and the policy as it is now. */
export interface Case {
  readonly decision: Decision;
  readonly decidedAtMs: number;
  readonly policy: PolicyObject;
  readonly spec: PolicySpec | undefined;
  readonly nowMs: number;
}

export const actionOf = (
  { decision, policy, spec, nowMs, decidedAtMs }: Case,
  what: Pick<Action, 'outcome' | 'reason' | 'message' | 'from' | 'to' | 'field'>,
): Action => ({
  decisionId: decision.id,
  sequence: decision.sequence,
  policy: { namespace: policy.namespace, name: policy.name, uid: policy.uid },
  target: decision.target,
  mode: modeOf(policy, spec),
  decidedAtMs,
  executedAtMs: nowMs,
  matured: decision.matured,
  ...(spec === undefined ? {} : { slo: spec.slo }),
  ...what,
  message: what.message.slice(0, SENTENCE_MAX_CHARS),
});

export const held = (
  current: Case,
  reason: Action['reason'],
  message: string,
  at?: number,
): Action => {
  const value = at ?? current.decision.from;
  return actionOf(current, {
    outcome: 'held',
    reason,
    message,
    from: value,
    to: value,
    field: null,
  });
};

/** The answer that was given to this very decision, from the status. */
export function answeredBefore(current: Case): Action | null {
  const last = current.policy.status.lastAction ?? null;
  if (last?.decisionId !== current.decision.id) return null;
  const { outcome, reason, message, from, to, at } = last;
  const field = last.field ?? null; // a merge patch takes null as absent
  return actionOf(
    { ...current, nowMs: Date.parse(at) },
    {
      outcome: outcome as Action['outcome'],
      reason: reason as Action['reason'],
      message,
      from,
      to,
      field,
    },
  );
}

const expiry = (field: ControlledField, nowMs: number): string | null =>
  field.kind === 'floor' ? new Date(nowMs + FLOOR_LASTS_MS).toISOString() : null;

export const noteFor = (
  field: ControlledField,
  policy: PolicyObject,
  value: number,
  nowMs: number,
): FieldNote => ({
  path: field.path,
  original: field.note === null ? field.stored : field.note.original,
  owner: field.note === null ? field.owner : field.note.owner,
  value,
  policyUid: policy.uid,
  expiresAt: expiry(field, nowMs),
});

/** A floor that would last longer than any was written under a wrong clock: it must end in time as well. */
function isExpiring({ expiresAt }: FieldNote, nowMs: number): boolean {
  if (expiresAt === null) return false;
  const leftMs = Date.parse(expiresAt) - nowMs;
  return leftMs < RENEW_BEFORE_MS || leftMs > 2 * FLOOR_LASTS_MS;
}

/** Whether what is held has to be written again: its time, its shares, or whose it is. */
export const needsRenewal = (
  { note, settled }: ControlledField,
  policy: PolicyObject,
  nowMs: number,
): boolean =>
  note !== null && (isExpiring(note, nowMs) || settled === false || note.policyUid !== policy.uid);

export const floorOf = (note: FieldNote | null) =>
  typeof note?.expiresAt !== 'string' || note.value === null
    ? null
    : { value: note.value, expiresAt: note.expiresAt };

/** The policy is gone: there is nobody to write a status for. */
export function gone(decision: Decision, decidedAtMs: number): Action {
  const { namespace, name, uid } = decision.policy;
  return {
    decisionId: decision.id,
    sequence: decision.sequence,
    policy: { namespace, name, uid },
    target: decision.target,
    mode: decision.mode,
    outcome: 'held',
    reason: 'policy-missing',
    message: `policy ${namespace}/${name} was deleted`,
    field: null,
    from: decision.from,
    to: decision.from,
    decidedAtMs,
    executedAtMs: decidedAtMs,
    matured: decision.matured,
  };
}
