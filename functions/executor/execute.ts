// One decision against the cluster: read again, judge, write down, act, in this order. A crash between
// any two steps is mended by the redelivery: the status says which decision was under way.
import { heldFields, ownField } from '#shared/adapters/held-fields.ts';
import { orUnavailable } from '#shared/adapters/kubernetes-api.ts';
import { NimbusError, hasCode, messageOf } from '#shared/errors.ts';
import type { Action, Decision, PolicySpec } from '#shared/events/index.ts';
import type {
  Clock,
  Control,
  ControlledField,
  FieldNote,
  PolicyObject,
  PolicyStatus,
} from '#shared/ports.ts';
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
import { locate, writeFirmly, type Located } from './field.ts';
import { finalized, giveBack, leaveFormer, mayHold } from './give-back.ts';
import {
  allowed,
  overtaken,
  isHold,
  isPardoned,
  secondWriter,
  specOf,
  stoppedByDecision,
  stoppedByField,
  stoppedByPolicy,
  refuseFarAhead,
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

const OVERTAKEN = 'made on what does not stand there any more: the next beat decides';

/** A case that nothing stands against: its policy is valid. */
type Open = Case & { readonly spec: PolicySpec };

/** Writes the answer into the status and changes nothing. */
async function stopFor(
  control: Control,
  current: Case,
  why: Stop,
  located: Located | null,
): Promise<Action> {
  const { decision, policy } = current;
  const field = located !== null && 'found' in located ? located.found : null;
  const action = held(current, why.reason, why.message, field?.value);
  const lost = why.second === true; // what stands there now is not ours
  const floor = lost ? null : floorOf(field?.note ?? null);
  const holding = why.reason === 'forbidden' ? {} : { floor }; // unseen, it may still be there
  const status = statusOf(policy, decision, action, { ...holding, second: why.second });
  await control.patchStatus(policy, status);
  return action;
}

/** Somebody wrote the target in between and nothing of ours: when it comes again it is judged on that. */
async function takeBack(
  control: Control,
  policy: PolicyObject,
  { lastAction = null, lastAppliedSequence = null }: PolicyStatus,
): Promise<void> {
  await control.patchStatus(policy, { lastAction, lastAppliedSequence });
}

/** Status first: whoever comes later with this or an older sequence sees it. */
async function apply(
  control: Control,
  current: Open,
  field: ControlledField,
  to: number,
): Promise<Action> {
  const { decision, nowMs } = current;
  const ref = current.spec.targetRef;
  let policy = await finalized(control, current.policy);
  const note = noteFor(field, policy, to, nowMs);
  const { path, value: from } = field;
  const message = `${path} ${from} → ${to}: ${decision.sentence}`;
  const what = { outcome: 'applied', reason: 'applied', message, from, to, field: path } as const;
  const action = actionOf(current, what);
  policy = await control.patchStatus(
    policy,
    statusOf(policy, decision, action, { floor: floorOf(note), ref }),
  );
  try {
    await writeFirmly(control, { ...current, policy }, field, to);
  } catch (error) {
    if (hasCode(error, 'target.conflict')) await takeBack(control, policy, current.policy.status);
    if (error instanceof NimbusError) throw error; // comes again: the status says it is under way
    const why = messageOf(error);
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

/** Writes what is held once more; the note as it is then. */
async function renewed(
  control: Control,
  current: Case,
  field: ControlledField,
): Promise<FieldNote | null> {
  const { policy, nowMs } = current;
  if (!needsRenewal(field, policy, nowMs)) return field.note;
  // the note on replicas says what was written first, that on a floor what is held now
  const own = field.kind === 'replicas' ? field.value : (field.note?.value ?? field.value);
  await orUnavailable(writeFirmly(control, current, field, own));
  return noteFor(field, policy, own, nowMs);
}

/** Nothing to change; a floor that we hold is renewed. */
async function hold(
  control: Control,
  current: Open,
  field: ControlledField,
  reason: 'hold' | 'bounds' | 'superseded',
): Promise<Action> {
  const { decision, spec } = current;
  const policy = field.note === null ? current.policy : await finalized(control, current.policy);
  const note = await renewed(control, { ...current, policy }, field);
  const message = reason === 'superseded' ? OVERTAKEN : decision.sentence;
  const action = held(current, reason, message, field.value);
  const holding = { floor: floorOf(note), ref: note === null ? null : spec.targetRef };
  await control.patchStatus(policy, statusOf(policy, decision, action, holding));
  return action;
}

/** Frozen: what is there stays, and so a floor that we hold must not expire either. */
async function freeze(
  { control, manager }: ExecutorDeps,
  current: Case,
  why: Stop,
): Promise<Action> {
  const { decision, policy } = current;
  const { fields, forbidden } = await heldFields(control, policy, mayHold(policy));
  const own = fields.map((field) => ownField(field, policy)).find(({ note }) => note !== null);
  const isKept = own !== undefined && secondWriter(own, manager) === null;
  const note = isKept ? await renewed(control, current, own) : null;
  const action = held(current, why.reason, why.message, (own ?? fields[0])?.value);
  const holding = forbidden === undefined ? { floor: floorOf(note) } : {};
  await control.patchStatus(policy, statusOf(policy, decision, action, holding));
  return action;
}

/** Whether what was answered is still to be written, and still may be. */
const isUnfinished = (
  current: Open,
  field: ControlledField,
  { from, to, target }: Action,
  manager: string,
): boolean =>
  field.value === from &&
  field.target.uid === target?.uid &&
  stoppedByDecision(current, field, manager) === null &&
  allowed(current.decision, current.spec, field) === to;

/**
 * A redelivery of the decision that was under way: finish what may not have been written. Where anything
 * is not as it was when that was judged, the next beat decides.
 */
async function finish(
  { control, manager }: ExecutorDeps,
  current: Case,
  before: Action,
): Promise<Action> {
  const { policy, spec } = current;
  if (before.outcome === 'held' || spec === undefined) return before;
  if (stoppedByPolicy(policy, spec) !== null) return before;
  const located = await locate(control, current, spec.targetRef);
  if (stoppedByField(spec, located) !== null || !('found' in located)) return before;
  const field = located.found;
  if (isUnfinished({ ...current, spec }, field, before, manager)) {
    await writeFirmly(control, current, field, before.to);
  }
  return before;
}

const INVALID: Stop = { reason: 'mode', message: 'the policy is not valid', release: true };
const NO_TARGET: Stop = { reason: 'target-missing', message: 'no target', release: false };

/** The field as it stands; after an edit of the policy an old quarrel over it is forgotten. */
async function settled(control: Control, current: Open, manager: string): Promise<Located> {
  const ref = current.spec.targetRef;
  const located = await locate(control, current, ref);
  if (!('found' in located) || !isPardoned(current.policy, located.found, manager)) return located;
  await control.release(located.found); // takes our old note away and leaves the other's value
  return locate(control, current, ref);
}

/** The policy forbids it, or what it holds elsewhere cannot go back. */
async function judge(deps: ExecutorDeps, current: Case): Promise<Action> {
  const { control } = deps;
  const { policy, spec } = current;
  const byPolicy = stoppedByPolicy(policy, spec);
  if (byPolicy?.release === true || spec === undefined) {
    return giveBack(control, current, byPolicy ?? INVALID);
  }
  if (byPolicy !== null) return freeze(deps, current, byPolicy);
  const former = await leaveFormer(control, policy, spec);
  if (former !== null) return stopFor(control, current, former, null);
  return judgeField(deps, { ...current, spec });
}

/** The field cannot be had, or something stands against this decision. */
async function judgeField({ control, manager }: ExecutorDeps, current: Open): Promise<Action> {
  const { spec } = current;
  const located = await settled(control, current, manager);
  const byField = stoppedByField(spec, located);
  if (byField !== null || !('found' in located)) {
    return stopFor(control, current, byField ?? NO_TARGET, located);
  }
  const byDecision = stoppedByDecision(current, located.found, manager);
  if (byDecision !== null) return stopFor(control, current, byDecision, located);
  return carryOut(control, current, located.found);
}

function carryOut(control: Control, current: Open, field: ControlledField): Promise<Action> {
  const { decision, policy, spec } = current;
  if (isHold(decision, spec, field)) return hold(control, current, field, 'hold');
  const to = allowed(decision, spec, field);
  if (to === field.value) return hold(control, current, field, 'bounds');
  if (overtaken(policy, decision, field, to)) return hold(control, current, field, 'superseded');
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
    if (before !== null) return finish(deps, current, before);
    refuseFarAhead(policy, decision);
    const superseded = supersededBy(policy, decision);
    if (superseded === null) return judge(deps, current);
    return held({ ...current, nowMs: decidedAtMs }, 'superseded', superseded);
  };
