// Status of a policy after a decision: conditions with reasons and remedies. Pure.
import type { Action, Decision, TargetRef } from '#shared/events/index.ts';
import type { Condition, PolicyObject, PolicyStatus } from '#shared/ports.ts';
import { FINALIZER, SECOND_WRITER } from './plan.ts';

interface Fact {
  readonly type: string;
  /** Null: not known. */
  readonly holds: boolean | null;
  readonly reason: string;
  readonly message: string;
}

const fact = (type: string, holds: boolean | null, reason: string, message: string): Fact => ({
  type,
  holds,
  reason,
  message: message.slice(0, 1000),
});

const constraint = (decision: Decision, ...names: string[]) =>
  decision.constraints.find(({ name }) => names.includes(name));

const blocking = (decision: Decision): Decision['problem'] =>
  decision.problem?.reason === 'DataStale' ? null : decision.problem;

function targetFact(decision: Decision, action: Action): Fact {
  const problem = blocking(decision);
  if (problem !== null) {
    // Not being able to look is not the same as not being there.
    const holds = problem.reason === 'TargetUnreadable' ? null : false;
    return fact('TargetFound', holds, problem.reason, problem.message);
  }
  return action.reason === 'target-missing'
    ? fact('TargetFound', false, 'TargetMissing', action.message)
    : fact('TargetFound', true, 'Found', 'the target exists');
}

function freshFact(decision: Decision): Fact {
  const { problem } = decision;
  if (problem !== null) return fact('DataFresh', false, problem.reason, problem.message);
  const stale = constraint(decision, 'data-stale', 'data-missing');
  return stale === undefined
    ? fact('DataFresh', true, 'Fresh', 'telemetry is fresh')
    : fact('DataFresh', false, 'DataStale', stale.detail);
}

const learningFact = (decision: Decision): Fact =>
  constraint(decision, 'warm-up') === undefined
    ? fact('Learning', false, 'Learned', 'learned enough to act on')
    : fact('Learning', true, 'WarmUp', 'learning is young: cautious');

function capacityFact(decision: Decision): Fact {
  const unplaced = constraint(decision, 'no-room');
  if (unplaced !== undefined) {
    const remedy = 'give the cluster room, or lower spec.maxReplicas';
    return fact('CapacityLimited', true, 'NoRoom', `${unplaced.detail}; ${remedy}`);
  }
  const capped = constraint(decision, 'max-replicas');
  return capped === undefined
    ? fact('CapacityLimited', false, 'Enough', 'within maxReplicas')
    : fact('CapacityLimited', true, 'MaxReplicas', `${capped.detail}: raise spec.maxReplicas`);
}

function conflictFact(action: Action, second: boolean): Fact {
  return action.reason === 'conflict'
    ? fact('Conflict', true, second ? SECOND_WRITER : 'Rival', action.message)
    : fact('Conflict', false, 'None', 'nobody else writes the field');
}

const autoscalerFact = (action: Action): Fact =>
  action.reason === 'no-autoscaler'
    ? fact('NoAutoscaler', true, 'NoAutoscaler', action.message)
    : fact('NoAutoscaler', false, 'Fits', 'mode and target fit');

const FINE: readonly Action['reason'][] = [
  'applied',
  'hold',
  'mode',
  'suspended',
  'superseded',
  'bounds',
];

function readyFact(decision: Decision, action: Action): Fact {
  const problem = blocking(decision);
  if (problem !== null) return fact('Ready', false, problem.reason, problem.message);
  if (!FINE.includes(action.reason)) {
    const reason = action.reason.replace(/(^|-)([a-z])/g, (_, __, letter: string) =>
      letter.toUpperCase(),
    );
    return fact('Ready', false, reason, action.message);
  }
  return fact('Ready', true, 'Working', 'observed, decided and answered');
}

/** Conditions after a decision; a condition that did not change keeps its transition time. */
function conditionsOf(
  policy: PolicyObject,
  decision: Decision,
  action: Action,
  second: boolean,
): Condition[] {
  const facts = [
    readyFact(decision, action),
    targetFact(decision, action),
    freshFact(decision),
    learningFact(decision),
    capacityFact(decision),
    conflictFact(action, second),
    autoscalerFact(action),
  ];
  const now = new Date(action.executedAtMs).toISOString();
  return facts.map(({ type, holds, reason, message }) => {
    const status = holds === null ? 'Unknown' : holds ? 'True' : 'False';
    const before = policy.status.conditions?.find((condition) => condition.type === type);
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    const { generation: observedGeneration } = policy;
    return { type, status, observedGeneration, lastTransitionTime: since ?? now, reason, message };
  });
}

const lastActionOf = (action: Action): NonNullable<PolicyStatus['lastAction']> => ({
  decisionId: action.decisionId,
  sequence: action.sequence,
  outcome: action.outcome,
  reason: action.reason,
  message: action.message,
  from: action.from,
  to: action.to,
  field: action.field,
  at: new Date(action.executedAtMs).toISOString(),
});

const replicasOf = ({ inputs, target }: Decision, action: Action): number | null =>
  inputs?.replicas.desired ?? (target === null ? null : action.to);

/** What is advised; null where nothing is, and where the decision was made without the core. */
const wantedOf = ({ reason, to }: Decision, { mode }: Action): number | null =>
  mode === 'advise' && !['problem', 'off'].includes(reason) ? to : null;

/** What is held after a decision. */
interface Held {
  /** Null while none is held; as it was before unless stated. */
  readonly floor?: { readonly value: number; readonly expiresAt: string } | null;
  /** The object it is held on, null for none; as it was before unless stated. */
  readonly ref?: TargetRef | null;
  /** Somebody else wrote the field after us. */
  readonly second?: boolean | undefined;
}

/** Without the finalizer nothing is held any more: it goes once all is given back. */
const rememberedRef = ({ finalizers, status }: PolicyObject): TargetRef | null =>
  finalizers.includes(FINALIZER) ? (status.heldRef ?? null) : null;

const floorStatus = (floor: Held['floor']): Pick<PolicyStatus, 'floor' | 'floorExpiresAt'> =>
  floor === undefined
    ? {}
    : { floor: floor?.value ?? null, floorExpiresAt: floor?.expiresAt ?? null };

/** The whole status after a decision. */
export function statusOf(
  policy: PolicyObject,
  decision: Decision,
  action: Action,
  { floor, ref = rememberedRef(policy), second = false }: Held,
): PolicyStatus {
  return {
    observedGeneration: policy.generation,
    mode: action.mode,
    replicas: action.field === 'spec.replicas' ? action.to : replicasOf(decision, action),
    ...floorStatus(floor),
    hpaReplicas: decision.counterfactual.hpa,
    wantedReplicas: wantedOf(decision, action),
    lastAppliedSequence: decision.sequence,
    targetUID: decision.target === null ? (policy.status.targetUID ?? null) : decision.target.uid,
    heldRef: ref,
    lastAction: lastActionOf(action),
    conditions: conditionsOf(policy, decision, action, second),
  };
}
