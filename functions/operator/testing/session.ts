// A session of the chain as its events: schema-valid, seeded, endless. The world is simulated; decisions,
// scores and learning are those of the real core.
import {
  ActionExecuted,
  DecisionMade,
  PolicyLearned,
  PolicySpec,
  RewardCalculated,
  StateObserved,
  type Decision,
  type ObservedState,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { createCore, type Thought } from './core.ts';
import { createWorld, seeded, type Step, type World } from './world.ts';

const BEAT_MS = 5000;
const POLICY = { namespace: 'nimbusguard', name: 'consumer-workload', uid: 'policy-1' };
const TARGET = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'nimbusguard',
  name: 'consumer-workload',
  uid: 'target-1',
};
const SPEC = PolicySpec.parse({
  targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'consumer-workload' },
  mode: 'act',
  maxReplicas: 20,
  cooldownSeconds: 30,
  seasonSeconds: 600,
});

interface Made {
  readonly event: UnknownEvent;
  readonly atMs: number;
}

const iso = (atMs: number): string => new Date(atMs).toISOString();

const traceOf = (beat: number): string =>
  `00-${beat.toString(16).padStart(32, 'a')}-${beat.toString(16).padStart(16, 'b')}-01`;

const envelope = (beat: number, hop: string, atMs: number) => ({
  id: `tick-${String(beat)}.${TARGET.uid}.${hop}`,
  source: `/nimbusguard/${hop}`,
  subject: `${TARGET.namespace}/${TARGET.name}`,
  partitionkey: TARGET.uid,
  time: iso(atMs),
  traceparent: traceOf(beat),
});

function stateOf(world: World, beat: number, atMs: number, step: Step): ObservedState {
  const ready = world.ready(atMs);
  return {
    tick: `tick-${String(beat)}`,
    cause: 'beat',
    observedAtMs: atMs,
    policy: { ...POLICY, generation: 1, spec: SPEC },
    target: TARGET,
    replicas: {
      desired: world.pods.length,
      ready: ready.length,
      starting: world.pods.length - ready.length,
      draining: 0,
    },
    startups: ready
      .filter((pod) => pod.readyAtMs > atMs - BEAT_MS)
      .map(({ uid, readyAtMs, createdAtMs }) => ({
        pod: uid,
        readyAtMs: Math.round(readyAtMs),
        seconds: Math.max(0, readyAtMs - createdAtMs) / 1000,
      })),
    readings: {
      source: 'pods',
      measuredAtMs: atMs - 40,
      counters: ready.map((pod) => pod.counters),
      rates: null,
      latencyP95Ms: step.p95Ms,
      cpuUtilization: beat === 1 ? null : Math.min(1, step.utilization), // of two looks
      memoryUtilization: 0.31,
      inFlight: ready.length,
      lagMessages: null,
      silentPods: 0,
    },
    autoscaler: null,
    problem: null,
  };
}

const actionOf = (decision: Decision, atMs: number) => ({
  decisionId: decision.id,
  sequence: decision.sequence,
  policy: POLICY,
  target: TARGET,
  mode: decision.mode,
  outcome: decision.kind === 'scale' ? ('applied' as const) : ('held' as const),
  reason: decision.kind === 'scale' ? ('applied' as const) : ('hold' as const),
  message:
    decision.kind === 'scale'
      ? `spec.replicas ${String(decision.from)} → ${String(decision.to)}`
      : 'nothing to do',
  field: decision.kind === 'scale' ? 'spec.replicas' : null,
  from: decision.from,
  to: decision.to,
  decidedAtMs: atMs,
  executedAtMs: atMs + 22,
  matured: decision.matured,
});

function chainOf(beat: number, atMs: number, thought: Thought): Made[] {
  const { decision, scores, learning } = thought;
  const made = (event: UnknownEvent, at: number): Made => ({ event, atMs: at });
  const events = [
    made(DecisionMade.build(envelope(beat, 'decider', atMs + 14), decision), atMs + 14),
    made(
      ActionExecuted.build(envelope(beat, 'executor', atMs + 36), actionOf(decision, atMs)),
      atMs + 36,
    ),
  ];
  if (scores.length === 0) return events;
  const rewards = { policy: POLICY, targetUid: TARGET.uid, scores };
  const learned = {
    policy: POLICY,
    targetUid: TARGET.uid,
    decisionIds: scores.map((score) => score.decisionId),
    learning,
  };
  return [
    ...events,
    made(RewardCalculated.build(envelope(beat, 'reward', atMs + 43), rewards), atMs + 43),
    made(
      PolicyLearned.build(
        {
          ...envelope(beat, 'decider', atMs + 50),
          id: `tick-${String(beat)}.${TARGET.uid}.learned`,
        },
        learned,
      ),
      atMs + 50,
    ),
  ];
}

const SILENT_BEATS = 12; // a routine hold is told once a minute

/** The events of each beat from `startMs` on, every five seconds, without an end. */
export function* session(startMs: number, seed = 1): Generator<Made[], never> {
  const world = createWorld(startMs, seeded(seed));
  const think = createCore(SPEC, seeded(seed + 1));
  let silent = SILENT_BEATS;
  for (let beat = 1; ; beat++) {
    const atMs = startMs + beat * BEAT_MS;
    const state = stateOf(world, beat, atMs, world.step(atMs));
    const observed = StateObserved.build(envelope(beat, 'observer', atMs), state);
    const thought = think(state, `tick-${String(beat)}.${TARGET.uid}.decider`);
    const { decision } = thought;
    const travels = decision.kind === 'scale' || silent >= SILENT_BEATS;
    decision.holdsSince = silent;
    silent = travels ? 0 : silent + 1;
    if (travels) world.scale(decision.to, atMs);
    yield [{ event: observed, atMs: atMs + 6 }, ...(travels ? chainOf(beat, atMs, thought) : [])];
  }
}
