// One decision against the cluster: read again, judge, write down, act, in this order. A crash between
// any two steps is mended by the redelivery: the status says which decision was under way.
import { NimbusError } from '#shared/errors.ts';
import type { Action, Decision, PolicySpec } from '#shared/events/index.ts';
import type { Clock, Control, ControlledField, FieldNote, PolicyObject } from '#shared/ports.ts';
import {
  allowed,
  FINALIZER,
  modeOf,
  specOf,
  stoppedByDecision,
  stoppedByField,
  stoppedByPolicy,
  supersededBy,
  type Stop,
} from './plan.ts';
import { statusOf } from './status.ts';

const FLOOR_LASTS_MS = 900_000;
const RENEW_BEFORE_MS = 600_000;

export interface ExecutorDeps {
  readonly clock: Clock;
  readonly control: Control;
  /** Our name in managedFields. */
  readonly manager: string;
}

interface Case {
  readonly decision: Decision;
  readonly decidedAtMs: number;
  readonly policy: PolicyObject;
  readonly spec: PolicySpec | undefined;
  readonly nowMs: number;
}

type Located = Awaited<ReturnType<Control['field']>>;

const actionOf = (
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
  message: what.message.slice(0, 600),
});

const held = (current: Case, reason: Action['reason'], message: string, at?: number): Action => {
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
function answeredBefore(current: Case): Action | null {
  const last = current.policy.status.lastAction ?? null;
  if (last?.decisionId !== current.decision.id) return null;
  const { outcome, reason, message, from, to, field, at } = last;
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

const noteFor = (
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

const needsRenewal = ({ note }: ControlledField, nowMs: number): boolean =>
  note?.expiresAt != null && Date.parse(note.expiresAt) - nowMs < RENEW_BEFORE_MS;

const floorOf = (note: FieldNote | null) =>
  note?.expiresAt == null || note.value === null
    ? null
    : { value: note.value, expiresAt: note.expiresAt };

/** Gives back what we took; the finalizer goes with it. */
async function giveBack(control: Control, current: Case, located: Located | null): Promise<void> {
  const { policy } = current;
  if (located !== null && 'found' in located) await control.release(located.found);
  const others = policy.finalizers.filter((name) => name !== FINALIZER);
  if (others.length < policy.finalizers.length) await control.setFinalizers(policy, others);
}

export function executing({ clock, control, manager }: ExecutorDeps) {
  const locate = (policy: PolicyObject, spec: PolicySpec): Promise<Located> =>
    control.field({ namespace: policy.namespace, ref: spec.targetRef });

  /** Writes the answer into the status, and gives back where the reason says so. */
  const stopFor = async (current: Case, why: Stop, located: Located | null): Promise<Action> => {
    const { decision, policy } = current;
    const field = located !== null && 'found' in located ? located.found : null;
    const action = held(current, why.reason, why.message, field?.value);
    const floor = why.release ? null : floorOf(field?.note ?? null);
    const written = await control.patchStatus(policy, statusOf(policy, decision, action, floor));
    if (why.release) await giveBack(control, { ...current, policy: written }, located);
    return action;
  };

  /** Status first: whoever comes later with this or an older sequence sees it. */
  const apply = async (current: Case, field: ControlledField, to: number): Promise<Action> => {
    const { decision, nowMs } = current;
    let { policy } = current;
    if (!policy.finalizers.includes(FINALIZER)) {
      policy = await control.setFinalizers(policy, [...policy.finalizers, FINALIZER]);
    }
    const note = noteFor(field, policy, to, nowMs);
    const action = actionOf(current, {
      outcome: 'applied',
      reason: 'applied',
      message: `${field.path} ${field.value} → ${to}: ${decision.sentence}`,
      from: field.value,
      to,
      field: field.path,
    });
    policy = await control.patchStatus(policy, statusOf(policy, decision, action, floorOf(note)));
    await control.write(field, to, note).catch(async (error: unknown) => {
      if (error instanceof NimbusError) throw error; // delivered again: the status says it is under way
      const message = error instanceof Error ? error.message : String(error);
      const refused = held(current, 'forbidden', message, field.value);
      await control.patchStatus(policy, statusOf(policy, decision, refused, floorOf(field.note)));
      throw new NimbusError('action.refused', message, { cause: error });
    });
    const direction = to > field.value ? 'ScaledUp' : 'ScaledDown';
    await control.record(policy, {
      type: 'Normal',
      reason: direction,
      message: action.message,
      atMs: nowMs,
    });
    return action;
  };

  const hold = async (
    current: Case,
    field: ControlledField,
    reason: 'hold' | 'bounds',
  ): Promise<Action> => {
    const { decision, policy, nowMs } = current;
    const renewed =
      field.note !== null && needsRenewal(field, nowMs)
        ? noteFor(field, policy, field.value, nowMs)
        : null;
    if (renewed !== null) await control.write(field, field.value, renewed);
    const action = held(current, reason, decision.sentence, field.value);
    await control.patchStatus(
      policy,
      statusOf(policy, decision, action, floorOf(renewed ?? field.note)),
    );
    return action;
  };

  /** A redelivery of the decision that was under way: finish what may not have been written. */
  const finish = async (current: Case, before: Action): Promise<Action> => {
    const { policy, spec, nowMs } = current;
    if (before.outcome === 'held' || spec === undefined) return before;
    const located = await locate(policy, spec);
    if (!('found' in located) || located.found.value === before.to) return before;
    if (stoppedByPolicy(policy, spec) !== null) return before;
    const field = located.found;
    await control.write(field, before.to, noteFor(field, policy, before.to, nowMs));
    return before;
  };

  const judge = async (current: Case): Promise<Action> => {
    const { decision, policy, spec, nowMs, decidedAtMs } = current;
    const byPolicy = stoppedByPolicy(policy, spec);
    const touched = policy.finalizers.includes(FINALIZER);
    if (byPolicy !== null || spec === undefined) {
      const located = spec !== undefined && touched ? await locate(policy, spec) : null;
      const why = byPolicy ?? {
        reason: 'mode' as const,
        message: 'no valid policy',
        release: true,
      };
      return stopFor(current, why, located);
    }
    const located = await locate(policy, spec);
    const byField = stoppedByField(spec, located);
    if (byField !== null || !('found' in located)) {
      const why = byField ?? {
        reason: 'target-missing' as const,
        message: 'no target',
        release: false,
      };
      return stopFor(current, why, located);
    }
    const field = located.found;
    const byDecision = stoppedByDecision(policy, decision, field, { decidedAtMs, nowMs, manager });
    if (byDecision !== null) return stopFor(current, byDecision, located);
    if (decision.kind === 'hold') return hold(current, field, 'hold');
    const to = allowed(decision, spec, field);
    return to === field.value ? hold(current, field, 'bounds') : apply(current, field, to);
  };

  /** Answers one decision. `decidedAtMs` is when it was made. */
  return async (decision: Decision, decidedAtMs: number): Promise<Action> => {
    const { namespace, name, uid } = decision.policy;
    const nowMs = clock.nowMs();
    const policy = await control.policy(namespace, name);
    if (policy === undefined || policy.uid !== uid) return gone(decision, decidedAtMs);
    const current: Case = { decision, decidedAtMs, policy, spec: specOf(policy), nowMs };
    const before = answeredBefore(current);
    if (before !== null) return finish(current, before);
    const superseded = supersededBy(policy, decision);
    if (superseded !== null)
      return held({ ...current, nowMs: decidedAtMs }, 'superseded', superseded);
    return judge(current);
  };
}

/** The policy is gone: there is nobody to write a status for. */
function gone(decision: Decision, decidedAtMs: number): Action {
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
