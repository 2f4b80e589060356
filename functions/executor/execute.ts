// One decision against the cluster: read again, judge, write down, act, in this order. A crash between
// any two steps is mended by the redelivery: the status says which decision was under way.
import { NimbusError } from '#shared/errors.ts';
import type { Action, Decision, PolicySpec } from '#shared/events/index.ts';
import type { Clock, Control, ControlledField, PolicyObject } from '#shared/ports.ts';
import {
  actionOf,
  answeredBefore,
  floorOf,
  gone,
  held,
  needsRenewal,
  noteFor,
  type Case,
} from './answers.ts';
import {
  allowed,
  FINALIZER,
  overtaken,
  isHold,
  isPardoned,
  specOf,
  stoppedByDecision,
  stoppedByField,
  stoppedByPolicy,
  supersededBy,
  type Stop,
} from './plan.ts';
import { statusOf } from './status.ts';

export interface ExecutorDeps {
  readonly clock: Clock;
  readonly control: Control;
  /** Our name in managedFields. */
  readonly manager: string;
}

const WRITE_ATTEMPTS = 4;
const OVERTAKEN =
  'observed before our last write and of the other direction: the next beat decides';

type Located = Awaited<ReturnType<Control['field']>>;

/** Gives back what we took; the finalizer goes with it. */
async function giveBack(control: Control, current: Case, located: Located | null): Promise<void> {
  const { policy } = current;
  if (located !== null && 'found' in located) await control.release(located.found);
  const others = policy.finalizers.filter((name) => name !== FINALIZER);
  if (others.length < policy.finalizers.length) await control.setFinalizers(policy, others);
}

const locate = (control: Control, policy: PolicyObject, spec: PolicySpec): Promise<Located> =>
  control.field({ namespace: policy.namespace, ref: spec.targetRef });

/** Writes the answer into the status, and gives back where the reason says so. */
async function stopFor(
  control: Control,
  current: Case,
  why: Stop,
  located: Located | null,
): Promise<Action> {
  const { decision, policy } = current;
  const field = located !== null && 'found' in located ? located.found : null;
  const action = held(current, why.reason, why.message, field?.value);
  const lost = why.release || why.second === true; // what stands there now is not ours
  const floor = lost ? null : floorOf(field?.note ?? null);
  const status = statusOf(policy, decision, action, { floor, second: why.second });
  const written = await control.patchStatus(policy, status);
  if (why.release) await giveBack(control, { ...current, policy: written }, located);
  return action;
}

/**
 * Writes the field. A target's own controller changes its status all the time: where only that moved,
 * the field is still as it was read and the write is tried again; else it is a conflict.
 */
async function writeFirmly(
  control: Control,
  current: Case,
  field: ControlledField,
  to: number,
): Promise<void> {
  const { policy, spec, nowMs } = current;
  for (let attempt = 1, at = field; ; attempt++) {
    try {
      await control.write(at, to, noteFor(at, policy, to, nowMs));
      return;
    } catch (error) {
      const conflict = error instanceof NimbusError && error.code === 'target.conflict';
      if (!conflict || attempt >= WRITE_ATTEMPTS || spec === undefined) throw error;
      const located = await locate(control, policy, spec);
      if (!('found' in located) || !isSame(located.found, field)) throw error;
      at = located.found;
    }
  }
}

const isSame = (now: ControlledField, read: ControlledField): boolean =>
  now.target.uid === read.target.uid && now.value === read.value;

/** Status first: whoever comes later with this or an older sequence sees it. */
async function apply(
  control: Control,
  current: Case,
  field: ControlledField,
  to: number,
): Promise<Action> {
  const { decision, nowMs } = current;
  let { policy } = current;
  if (!policy.finalizers.includes(FINALIZER)) {
    policy = await control.setFinalizers(policy, [...policy.finalizers, FINALIZER]);
  }
  const note = noteFor(field, policy, to, nowMs);
  const { path, value: from } = field;
  const message = `${path} ${from} → ${to}: ${decision.sentence}`;
  const what = { outcome: 'applied', reason: 'applied', message, from, to, field: path } as const;
  const action = actionOf(current, what);
  policy = await control.patchStatus(
    policy,
    statusOf(policy, decision, action, { floor: floorOf(note) }),
  );
  try {
    await writeFirmly(control, { ...current, policy }, field, to);
  } catch (error) {
    if (error instanceof NimbusError) throw error; // comes again: the status says it is under way
    const why = error instanceof Error ? error.message : String(error);
    const refused = held(current, 'forbidden', why, from);
    await control.patchStatus(
      policy,
      statusOf(policy, decision, refused, { floor: floorOf(field.note) }),
    );
    return refused;
  }
  const reason = to > from ? 'ScaledUp' : 'ScaledDown';
  await control.record(policy, { type: 'Normal', reason, message: action.message, atMs: nowMs });
  return action;
}

/** Nothing to change; a floor that we hold is renewed. */
async function hold(
  control: Control,
  current: Case,
  field: ControlledField,
  reason: 'hold' | 'bounds' | 'superseded',
): Promise<Action> {
  const { decision, policy, nowMs } = current;
  const own = field.note?.value ?? field.value;
  const due = needsRenewal(field, nowMs) || field.settled === false;
  const renewed = field.note !== null && due ? noteFor(field, policy, own, nowMs) : null;
  if (renewed !== null) await writeFirmly(control, current, field, own);
  const message = reason === 'superseded' ? OVERTAKEN : decision.sentence;
  const action = held(current, reason, message, field.value);
  const floor = floorOf(renewed ?? field.note);
  await control.patchStatus(policy, statusOf(policy, decision, action, { floor }));
  return action;
}

/** A redelivery of the decision that was under way: finish what may not have been written. */
async function finish(control: Control, current: Case, before: Action): Promise<Action> {
  const { policy, spec } = current;
  if (before.outcome === 'held' || spec === undefined) return before;
  if (stoppedByPolicy(policy, spec) !== null) return before;
  const located = await locate(control, policy, spec);
  if (!('found' in located) || located.found.value === before.to) return before;
  const field = located.found;
  await writeFirmly(control, current, field, before.to);
  return before;
}

const INVALID: Stop = { reason: 'mode', message: 'the policy is not valid', release: true };
const NO_TARGET: Stop = { reason: 'target-missing', message: 'no target', release: false };

/** The field as it stands; after an edit of the policy an old quarrel over it is forgotten. */
async function settled(
  control: Control,
  policy: PolicyObject,
  spec: PolicySpec,
  manager: string,
): Promise<Located> {
  const located = await locate(control, policy, spec);
  if (!('found' in located) || !isPardoned(policy, located.found, manager)) return located;
  await control.release(located.found); // takes our old note away and leaves the other's value
  return locate(control, policy, spec);
}

/** The policy forbids it, or its field cannot be had. */
async function judge({ control, manager }: ExecutorDeps, current: Case): Promise<Action> {
  const { policy, spec } = current;
  const byPolicy = stoppedByPolicy(policy, spec);
  if (byPolicy !== null || spec === undefined) {
    const touched = spec !== undefined && policy.finalizers.includes(FINALIZER);
    const located = touched ? await locate(control, policy, spec) : null;
    return stopFor(control, current, byPolicy ?? INVALID, located);
  }
  const located = await settled(control, policy, spec, manager);
  const byField = stoppedByField(spec, located);
  if (byField !== null || !('found' in located)) {
    return stopFor(control, current, byField ?? NO_TARGET, located);
  }
  const byDecision = stoppedByDecision(current, located.found, manager);
  if (byDecision !== null) return stopFor(control, current, byDecision, located);
  return carryOut(control, current, located.found, spec);
}

function carryOut(
  control: Control,
  current: Case,
  field: ControlledField,
  spec: PolicySpec,
): Promise<Action> {
  if (isHold(current.decision, spec, field)) return hold(control, current, field, 'hold');
  const to = allowed(current.decision, spec, field);
  if (to === field.value) return hold(control, current, field, 'bounds');
  if (overtaken(current.policy, current.decision, field, to)) {
    return hold(control, current, field, 'superseded');
  }
  return apply(control, current, field, to);
}

export const executing = (deps: ExecutorDeps) =>
  /** Answers one decision. `decidedAtMs` is when it was made. */
  async function execute(decision: Decision, decidedAtMs: number): Promise<Action> {
    const { clock, control } = deps;
    const { namespace, name, uid } = decision.policy;
    const nowMs = clock.nowMs();
    const policy = await control.policy(namespace, name);
    if (policy?.uid !== uid) return gone(decision, decidedAtMs);
    const current: Case = { decision, decidedAtMs, policy, spec: specOf(policy), nowMs };
    const before = answeredBefore(current);
    if (before !== null) return finish(control, current, before);
    const superseded = supersededBy(policy, decision);
    if (superseded === null) return judge(deps, current);
    return held({ ...current, nowMs: decidedAtMs }, 'superseded', superseded);
  };
