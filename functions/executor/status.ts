// Status of a policy after a decision: conditions with reasons and remedies. Pure.
import type { Action, Decision } from '#shared/events/index.ts';
import type { Condition, PolicyObject, PolicyStatus } from '#shared/ports.ts';

type Fact = Pick<Condition, 'type' | 'reason' | 'message'> & { readonly holds: boolean };

const fact = (type: string, holds: boolean, reason: string, message: string): Fact => ({
  type,
  holds,
  reason,
  message: message.slice(0, 1000),
});

const constraint = (decision: Decision, ...names: string[]) =>
  decision.constraints.find(({ name }) => names.includes(name));

const blocking = (decision: Decision): Decision['problem'] =>
  decision.problem?.reason === 'DataStale' ? null : decision.problem;

function targetFacts(decision: Decision, action: Action): Fact[] {
  const problem = blocking(decision);
  const stale = constraint(decision, 'data-stale', 'data-missing');
  const missing = action.reason === 'target-missing';
  return [
    fact(
      'TargetFound',
      problem === null && !missing,
      problem?.reason ?? (missing ? 'TargetMissing' : 'Found'),
      problem?.message ?? (missing ? action.message : 'the target exists'),
    ),
    fact(
      'DataFresh',
      decision.problem === null && stale === undefined,
      decision.problem?.reason ?? (stale === undefined ? 'Fresh' : 'DataStale'),
      decision.problem?.message ?? stale?.detail ?? 'telemetry is fresh',
    ),
  ];
}

function stateFacts(decision: Decision, action: Action): Fact[] {
  const capped = constraint(decision, 'max-replicas');
  const young = constraint(decision, 'warm-up') !== undefined;
  const conflict = action.reason === 'conflict';
  const lonely = action.reason === 'no-autoscaler';
  return [
    fact(
      'Learning',
      young,
      young ? 'WarmUp' : 'Learned',
      young ? 'learning is young: cautious' : 'learned enough to act on',
    ),
    fact(
      'CapacityLimited',
      capped !== undefined,
      capped === undefined ? 'Enough' : 'MaxReplicas',
      capped === undefined ? 'within maxReplicas' : `${capped.detail}: raise spec.maxReplicas`,
    ),
    fact(
      'Conflict',
      conflict,
      conflict ? 'SecondWriter' : 'None',
      conflict ? action.message : 'nobody else writes the field',
    ),
    fact(
      'NoAutoscaler',
      lonely,
      lonely ? 'NoAutoscaler' : 'Fits',
      lonely ? action.message : 'mode and target fit',
    ),
  ];
}

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
export function conditionsOf(
  policy: PolicyObject,
  decision: Decision,
  action: Action,
): Condition[] {
  const facts = [
    readyFact(decision, action),
    ...targetFacts(decision, action),
    ...stateFacts(decision, action),
  ];
  const now = new Date(action.executedAtMs).toISOString();
  return facts.map(({ type, holds, reason, message }) => {
    const status = holds ? 'True' : 'False';
    const before = policy.status.conditions?.find((condition) => condition.type === type);
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    return {
      type,
      status,
      observedGeneration: policy.generation,
      lastTransitionTime: since ?? now,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  });
}

/** The whole status after a decision. `floor` and its expiry are null while none is held. */
export function statusOf(
  policy: PolicyObject,
  decision: Decision,
  action: Action,
  floor: { readonly value: number; readonly expiresAt: string } | null,
): PolicyStatus {
  return {
    observedGeneration: policy.generation,
    mode: action.mode,
    replicas: decision.inputs?.replicas.desired ?? (decision.target === null ? null : action.to),
    floor: floor?.value ?? null,
    floorExpiresAt: floor?.expiresAt ?? null,
    hpaReplicas: decision.counterfactual.hpa,
    lastAppliedSequence: decision.sequence,
    targetUID: decision.target?.uid ?? policy.status.targetUID ?? null,
    lastAction: {
      decisionId: action.decisionId,
      sequence: action.sequence,
      outcome: action.outcome,
      reason: action.reason,
      message: action.message,
      from: action.from,
      to: action.to,
      field: action.field,
      at: new Date(action.executedAtMs).toISOString(),
    },
    conditions: conditionsOf(policy, decision, action),
  };
}
