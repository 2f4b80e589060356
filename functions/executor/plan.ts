// What a decision may do under the policy as it stands now. Pure: an event can ask for nothing that the
// policy does not permit at this moment.
import { NimbusError } from '#shared/errors.ts';
import { PolicySpec, type Action, type Decision } from '#shared/events/index.ts';
import type { ControlledField, PolicyObject, Refusal } from '#shared/ports.ts';
import { isFarAhead } from '#shared/runtime/chain.ts';

/** Reason of the condition Conflict where somebody else wrote the field after us. */
export const SECOND_WRITER = 'SecondWriter';
export const FINALIZER = 'nimbusguard.io/release';
const EXPIRED_AFTER_MS = 300_000; // clocks may differ; order is the sequence's business, not time's

type Reason = Action['reason'];

export interface Stop {
  readonly reason: Reason;
  readonly message: string;
  /** What we took is given back: the mode was left, or the kill switch says so. */
  readonly release: boolean;
  /** Somebody else wrote the field after us. */
  readonly second?: boolean;
}

const stop = (reason: Reason, message: string, release = false): Stop => ({
  reason,
  message,
  release,
});

/** The policy's spec as it is now, or undefined where it is no valid one. */
export const specOf = (policy: PolicyObject): PolicySpec | undefined =>
  PolicySpec.safeParse(policy.spec).data;

/** The mode that counts: a policy that is being deleted only gives back. */
export const modeOf = (policy: PolicyObject, spec: PolicySpec | undefined): PolicySpec['mode'] =>
  spec === undefined || policy.deleting ? 'off' : spec.mode;

/** Sequence before anything else: what is not newer was answered already. */
export function supersededBy(policy: PolicyObject, decision: Decision): string | null {
  const newest = policy.status.lastAppliedSequence ?? -1;
  return decision.sequence <= newest
    ? `decision ${decision.sequence} came after ${newest} was looked at`
    : null;
}

/**
 * No decider counts so far at once. Once looked at, such a number would make all decisions after it old,
 * and the last of them no number that can be counted on from. Throws `action.refused`.
 */
export function refuseFarAhead({ status }: PolicyObject, { sequence }: Decision): void {
  const newest = status.lastAppliedSequence ?? 0;
  if (!isFarAhead(sequence, newest)) return;
  throw new NimbusError('action.refused', `sequence: ${sequence} is too far ahead of ${newest}`);
}

/** Switches of the policy that stand above every decision. */
export function stoppedByPolicy(policy: PolicyObject, spec: PolicySpec | undefined): Stop | null {
  if (spec === undefined) return stop('mode', 'the policy is not valid: nothing is done', true);
  if (policy.deleting) return stop('mode', 'the policy is being deleted', true);
  if (spec.suspend === 'release') return stop('suspended', 'suspended: originals are back', true);
  if (spec.suspend === 'freeze') return stop('suspended', 'suspended: nothing changes');
  if (spec.mode === 'floor' || spec.mode === 'act') return null;
  return stop('mode', `mode ${spec.mode} changes nothing`, true);
}

/** What is held cannot be read: it is neither given up nor exchanged for something else. */
export const unreadable = ({ message }: Refusal): Stop =>
  stop('forbidden', `what is held cannot be given back yet: ${message}`);

/** Only who owns its target inherits what another policy left there: a duplicate has a problem. */
export const isHeir = ({ reason }: Decision): boolean => reason !== 'problem';

const isFresh = (decidedAtMs: number, nowMs: number): boolean =>
  nowMs - decidedAtMs <= EXPIRED_AFTER_MS;

/** Who wrote the field after us; null where nobody did. */
export function secondWriter(field: ControlledField, manager: string): string | null {
  const { note, owner, value, parts } = field;
  if (parts !== undefined) {
    const changed = parts.find((part) => part.note !== null && part.value !== part.note.value);
    return changed === undefined || changed.owner === manager ? null : changed.owner;
  }
  if (typeof note?.value !== 'number' || owner === null || owner === manager) return null;
  // the note on replicas says what was written first: that value may well be another's by now
  return field.kind === 'floor' && value === note.value ? null : owner;
}

/** Conflict, once found, lasts until the user edits the policy: that is the remedy, and no fight. */
const standingConflict = ({ status, generation }: PolicyObject): string | null => {
  const found = status.conditions?.find(({ type }) => type === 'Conflict');
  if (found?.reason !== SECOND_WRITER) return null; // a rival may be gone by now: look again
  return found.status === 'True' && found.observedGeneration === generation
    ? (found.message ?? 'a second writer')
    : null;
};

/**
 * What a second writer left is the original now: the user edited the policy since it was found, or froze
 * the target, wrote it by hand and let it go on.
 */
export function isPardoned(
  { status, generation }: PolicyObject,
  field: ControlledField,
  manager: string,
): boolean {
  const found = status.conditions?.find(({ type }) => type === 'Conflict');
  const stood = found?.reason === SECOND_WRITER && found.status === 'True';
  const edited = stood && (found.observedGeneration ?? generation) < generation;
  const wasFrozen = status.lastAction?.reason === 'suspended';
  return (edited || wasFrozen) && secondWriter(field, manager) !== null;
}

/** What stands against this field in this mode. */
export function stoppedByField(
  spec: PolicySpec,
  field: { found: ControlledField } | { refusal: Refusal },
): Stop | null {
  if ('refusal' in field) return stop(field.refusal.reason, field.refusal.message);
  const { kind, rival, target } = field.found;
  if (spec.mode === 'floor' && kind === 'replicas') {
    const remedy = `kubectl autoscale ${target.kind.toLowerCase()} ${target.name} -n ${target.namespace} --cpu=${spec.targetCPUUtilizationPercentage}% --min=${Math.max(1, spec.minReplicas)} --max=${spec.maxReplicas}`;
    return stop(
      'no-autoscaler',
      rival === null
        ? `mode floor needs an autoscaler: \`${remedy}\` makes one; then name it as the target, or use mode act`
        : `mode floor needs the autoscaler as its target: name ${rival}`,
    );
  }
  if (spec.mode === 'act' && kind === 'floor') {
    return stop('conflict', `mode act cannot own what a ${target.kind} scales: use mode floor`);
  }
  if (spec.mode === 'act' && rival !== null) {
    return stop(
      'conflict',
      `${rival} scales this ${target.kind}: name it as the target, in mode floor`,
    );
  }
  return null;
}

/** What was decided in another mode may be an experiment. */
const FOLLOWED: ReadonlySet<Decision['mode']> = new Set(['floor', 'act']);

interface Current {
  readonly policy: PolicyObject;
  readonly decision: Decision;
  readonly decidedAtMs: number;
  readonly nowMs: number;
}

/** What stands against this decision, given the field. `manager` is our name in managedFields. */
export function stoppedByDecision(
  { policy, decision, decidedAtMs, nowMs }: Current,
  field: ControlledField,
  manager: string,
): Stop | null {
  if (decision.target !== null && decision.target.uid !== field.target.uid) {
    return stop('target-replaced', 'the target was deleted and created anew since the decision');
  }
  if (!isFresh(decidedAtMs, nowMs)) {
    return stop('expired', `decided ${Math.round((nowMs - decidedAtMs) / 1000)} s ago`);
  }
  const other = secondWriter(field, manager);
  if (other !== null) {
    const { kind, value, path, note } = field;
    const ours = kind === 'replicas' ? 'us' : `we set it to ${note?.value ?? value}`;
    const message = `${other} set ${path} to ${value} after ${ours}: one of the two has to stop; edit the policy to try again`;
    return { ...stop('conflict', message), second: true };
  }
  const standing = standingConflict(policy);
  if (standing !== null) return { ...stop('conflict', standing.slice(0, 500)), second: true };
  return FOLLOWED.has(decision.mode)
    ? null
    : stop(
        'superseded',
        `decided in mode ${decision.mode}, which nobody follows: the next beat decides`,
      );
}

/**
 * What the floor must be though nothing is to change: an autoscaler may go below what it stands at, and
 * the core wants just that many pods; or it may go below what the policy asks for at least.
 */
function heldFloor({ reason, to, constraints }: Decision, spec: PolicySpec): number {
  if (['problem', 'off', 'held'].includes(reason)) return 0;
  if (constraints.some(({ name }) => name === 'no-room')) return 0;
  return reason === 'at-target' || reason === 'bounds'
    ? Math.max(to, spec.minReplicas)
    : spec.minReplicas;
}

/** Whether a decision is nothing but a hold for this field. */
export const isHold = (decision: Decision, spec: PolicySpec, field: ControlledField): boolean =>
  decision.kind === 'hold' &&
  (field.kind !== 'floor' || heldFloor(decision, spec) <= Math.min(field.value, field.high));

/** The value that goes into the field: never outside of what policy and owner allow. */
export function allowed(decision: Decision, spec: PolicySpec, field: ControlledField): number {
  const asked = decision.kind === 'hold' ? heldFloor(decision, spec) : decision.to;
  const wanted = Math.max(spec.minReplicas, Math.min(spec.maxReplicas, asked));
  const low =
    field.kind === 'floor' ? (field.note?.original ?? (field.note === null ? field.value : 0)) : 0;
  return Math.max(Math.min(wanted, field.high), Math.min(low, field.high));
}

/**
 * Whether a decision knew nothing of what stands there now. Replicas that are not those it was made on
 * take only what it wants more of: what proves a scale-down safe was asked of others. So does a floor that
 * we wrote after it was observed, where a wish to add would take away, or the other way round. The next
 * beat decides anew.
 */
export function overtaken(
  { status }: PolicyObject,
  { inputs, from, to: wanted }: Decision,
  { kind, value }: ControlledField,
  to: number,
): boolean {
  if (inputs === null) return false;
  const turned = Math.sign(to - value) !== Math.sign(wanted - from);
  if (kind === 'replicas' && inputs.replicas.desired !== value) return turned || to < value;
  const last = status.lastAction ?? null;
  return turned && last?.outcome === 'applied' && Date.parse(last.at) > inputs.atMs;
}
