// A session of the chain as its events: schema-valid, seeded, endless. The decisions come from a plain
// stand-in for the core, so that the console can be tested with any shape of record.
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
import { decisionOf, learningOf, type Seen } from './stand-in.ts';
import { createWorld, seeded, type World } from './world.ts';

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

function stateOf(world: World, beat: number, atMs: number, p95Ms: number): ObservedState {
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
      latencyP95Ms: p95Ms,
      cpuUtilization: null,
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

const scoresOf = (decision: Decision) =>
  decision.matured.map((each) => ({
    decisionId: each.decisionId,
    sequence: each.sequence,
    decidedAtMs: each.decidedAtMs,
    maturedAtMs: each.maturedAtMs,
    action: each.action,
    reward: -1.1,
    efficiency: 1.06,
    sla: (each.lateRatio ?? 0) * 4,
    stability: 0.02,
    whatIf: Array.from({ length: 21 }, (_, a) => -1 - Math.abs(a - 11) * 0.03),
    outcome: outcomeOf(each),
  }));

const outcomeOf = (
  each: Decision['matured'][number],
): 'needed' | 'spare' | 'too-late' | 'steady' => {
  const need = each.demandPerSecond / (each.capacityPerPod * each.knee);
  if ((each.lateRatio ?? 0) > 0.01) return 'too-late';
  if (each.to === each.from) return 'steady';
  return need > Math.min(each.from, each.to) ? 'needed' : 'spare';
};

function chainOf(beat: number, atMs: number, decision: Decision): Made[] {
  const made = (event: UnknownEvent, at: number): Made => ({ event, atMs: at });
  const scores = scoresOf(decision);
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
    learning: learningOf(beat),
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

/** The events of each beat from `startMs` on, every five seconds, without an end. */
export function* session(startMs: number, seed = 1): Generator<Made[], never> {
  const random = seeded(seed);
  const world = createWorld(startMs, random);
  const memory: Seen[] = [];
  const open: Decision[] = [];
  let sequence = 0;
  let sentAtBeat = -100;
  for (let beat = 1; ; beat++) {
    const atMs = startMs + beat * BEAT_MS;
    const { demand, late, p95Ms } = world.step(atMs);
    memory.push({
      atMs,
      demand,
      late,
      replicas: world.pods.length,
      ready: world.ready(atMs).length,
      p95Ms,
    });
    if (memory.length > 120) memory.shift();
    const state = stateOf(world, beat, atMs, p95Ms);
    const events: Made[] = [
      { event: StateObserved.build(envelope(beat, 'observer', atMs + 6), state), atMs: atMs + 6 },
    ];
    sequence += 1;
    const decision = decisionOf({ memory, state, sequence, beat, open });
    if (decision.kind === 'scale' || beat - sentAtBeat >= 12) {
      decision.holdsSince = beat - sentAtBeat > 90 ? 0 : beat - sentAtBeat - 1;
      sentAtBeat = beat;
      events.push(...chainOf(beat, atMs, decision));
      open.push(decision);
      world.scale(decision.to, atMs);
    }
    yield events;
  }
}
