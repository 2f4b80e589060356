import { z } from 'zod';
import { AlertData } from './alert-raised.ts';
import { defineEvent } from './define.ts';
import { PolicySpec } from './policy.ts';
import { Replicas, Target } from './target.ts';
import { epochMs } from './time.ts';

const ratio = z.number().min(0).max(1);

/** What a pod is called in events: the last part of its UID is enough to tell pods apart. */
export const podKey = (uid: string): string => uid.split('-').at(-1) ?? uid;

/** Raw, ever-growing counters of one pod. The decider turns differences into rates. */
export const PodCounters = z.object({
  pod: z.string().min(1).max(63), // see podKey
  startedAtMs: epochMs,
  requests: z.number().nonnegative(), // answered, rejected ones included
  inFlight: z.number().nonnegative().nullable().default(null), // waiting or being served; null where it is not told
  late: z.number().nonnegative().nullable(), // slower than the SLO's latency, or failed; null without a histogram
  failed: z.number().nonnegative(), // rejected or 5xx
});
export type PodCounters = z.infer<typeof PodCounters>;

/** What was read of the workload. Null is unknown and never zero. */
export const Readings = z.object({
  source: z.enum(['pods', 'prometheus', 'resource', 'none']),
  /** When the numbers were true, by the source's clock; their age is observedAtMs − this. */
  measuredAtMs: epochMs.nullable(),
  /** Source `pods`: counters of each ready pod that counts its requests; null where none does, and elsewhere. */
  counters: z.array(PodCounters).max(500).nullable(),
  /** Sources that give rates by themselves, over `windowMs` before measuredAtMs. */
  rates: z
    .object({
      windowMs: z.number().positive(),
      requestsPerSecond: z.number().nonnegative().nullable(),
      lateRatio: ratio.nullable(),
      failedRatio: ratio.nullable(),
    })
    .nullable(),
  latencyP95Ms: z.number().nonnegative().nullable(),
  /** CPU used / requested over ready pods; 1 is full. */
  cpuUtilization: z.number().nonnegative().nullable(),
  memoryUtilization: z.number().nonnegative().nullable(),
  /** Requests waiting or being served, summed over pods. */
  inFlight: z.number().nonnegative().nullable(),
  /** Kafka consumer-group lag, messages. */
  lagMessages: z.number().nonnegative().nullable(),
  /** Pods that should have answered and did not. */
  silentPods: z.int().nonnegative(),
});
export type Readings = z.infer<typeof Readings>;

export const Problem = z.object({
  reason: z.enum([
    'TargetMissing',
    'TargetUnsupported',
    'TargetUnreadable', // the API server did not answer for it: it may well be there
    'DataStale',
    'PolicyInvalid',
    'Duplicate',
    'Forbidden',
  ]),
  message: z.string().max(2000),
});
export type Problem = z.infer<typeof Problem>;

export const ObservedState = z.object({
  /** Id of the tick or alert that caused the look. */
  tick: z.string().min(1),
  cause: z.enum(['beat', 'alert']),
  alert: AlertData.optional(),
  observedAtMs: epochMs,
  policy: z.object({
    namespace: z.string().min(1),
    name: z.string().min(1),
    uid: z.string().min(1),
    generation: z.int().nonnegative(),
    spec: PolicySpec,
    /** Newest sequence the executor has looked at: a decider that lost its ledger goes on from there. */
    appliedSequence: z.int().nonnegative().optional(),
  }),
  /** Null only where a problem says why. */
  target: Target.nullable(),
  replicas: Replicas.nullable(),
  /** Pods that were asked for and have no place: no node has room, or a quota is used up. */
  unplaced: z
    .object({ pods: z.int().positive(), message: z.string().max(300) })
    .nullable()
    .optional(),
  /** Creation → ready, seconds, of pods that became ready in the last ten minutes. */
  startups: z
    .array(z.object({ pod: z.string(), readyAtMs: epochMs, seconds: z.number().nonnegative() }))
    .max(100),
  readings: Readings.nullable(),
  /** The autoscaler that owns the target, as far as there is one. */
  autoscaler: z
    .object({ kind: z.string(), name: z.string(), minReplicas: z.int(), maxReplicas: z.int() })
    .nullable(),
  problem: Problem.nullable(),
});
export type ObservedState = z.infer<typeof ObservedState>;

/** observer → decider. One target, read at one instant. */
export const StateObserved = defineEvent('io.nimbusguard.state.observed.v1', ObservedState);
