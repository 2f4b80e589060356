// What the operator's API answers: one zod schema per resource, for the OpenAPI document, the tests
// and, as types, the page.
import { z } from 'zod';
import {
  Action,
  Advice,
  Decision,
  Forecast,
  Inputs,
  LearningState,
  Matured,
  Mode,
  PolicyIdentity,
  Price,
  Replicas,
  Score,
  Slo,
  Target,
} from '#shared/events/index.ts';

const epochMs = z.int().nonnegative();
const known = z.number().nullable(); // null: not known, never zero
const count = z.int().nonnegative();

export const State = z.enum([
  'waiting', // nothing observed yet
  'healthy',
  'acting', // a change is on its way
  'violating', // more than 1 % of the requests are late
  'blocked', // another writer, a missing right or autoscaler, a silent function: nothing is written
  'learning', // nothing measured yet, or warming up: never below what is there
  'stale', // no fresh data
  'stopped', // kill switch or mode off
]);
export type State = z.infer<typeof State>;

export const TargetView = z.object({
  /** `namespace/name` of the target, or of its policy while the target is missing. */
  id: z.string(),
  policy: PolicyIdentity,
  target: Target.nullable(),
  mode: Mode,
  suspend: z.enum(['none', 'freeze', 'release']),
  state: State,
  /** What is going on, in plain words with numbers. */
  sentence: z.string(),
  /** Why the newest decision is what it is; null before the first. */
  why: z.string().nullable(),
  /** What HPA would have now; null where it could not tell. */
  hpaSentence: z.string().nullable(),
  /** What to do next where something is wrong. */
  remedy: z.string().nullable(),
  observedAtMs: epochMs.nullable(),
  beatMs: known,
  slo: Slo,
  bounds: z.object({ minReplicas: count, maxReplicas: count }),
  cooldownSeconds: count,
  autoscaler: z
    .object({ kind: z.string(), name: z.string(), minReplicas: count, maxReplicas: count })
    .nullable(),
  now: z.object({
    telemetryAgeMs: known,
    requestsPerSecond: known,
    lateRatio: known,
    failedRatio: known,
    latencyP95Ms: known,
    cpuUtilization: known,
    memoryUtilization: known,
    inFlight: known,
    lagMessages: known,
    replicas: Replicas.nullable(),
  }),
  counterfactual: z.object({ hpa: known, keda: known, kpa: known }),
  workload: z
    .object({
      capacityPerPod: Inputs.shape.capacityPerPod,
      knee: Inputs.shape.knee,
      backgroundLateRatio: Inputs.shape.backgroundLateRatio,
      startupSeconds: Inputs.shape.startupSeconds,
      controlDelay: Inputs.shape.controlDelay,
    })
    .nullable(),
  forecast: Forecast.nullable(),
  price: Price.nullable(),
  learning: LearningState.nullable(),
  /** Pod-seconds since `sinceMs`, ours and what HPA would have used on the inputs we saw. */
  versusHpa: z.object({ sinceMs: epochMs, ours: z.number(), hpa: z.number() }).nullable(),
  problem: z.object({ reason: z.string(), message: z.string() }).nullable(),
  lastDecisionId: z.string().nullable(),
});
export type TargetView = z.infer<typeof TargetView>;

/** A decision with all that became of it: the outcomes that travelled with it stand at their own decisions. */
export const DecisionRecord = Decision.omit({ matured: true }).extend({
  atMs: epochMs,
  subject: z.string(),
  traceparent: z.string().nullable(),
  action: Action.omit({ matured: true }).nullable(),
  advice: Advice.nullable(),
  outcome: z.object({ score: Score.nullable(), matured: Matured.nullable() }).nullable(),
});
export type DecisionRecord = z.infer<typeof DecisionRecord>;

const column = z.array(known);

/** A decision for another number of pods. */
const Change = z.object({
  id: z.string(),
  atMs: epochMs,
  from: count,
  to: count,
  /** False: the executor held it back, for its mode or a conflict. True until that is known. */
  made: z.boolean(),
});
export type Change = z.infer<typeof Change>;

/** Columns of equal length; one row per bucket of `stepSeconds`, or per beat where that is coarser. */
export const Series = z.object({
  target: z.string(),
  fromMs: epochMs,
  toMs: epochMs,
  stepSeconds: z.number(),
  atMs: z.array(epochMs),
  requestsPerSecond: column,
  ready: column,
  starting: column,
  draining: column,
  /** Requests/s that ready, and starting, pods carry at the learned knee. */
  capacityReady: column,
  capacityStarting: column,
  hpaReplicas: column,
  hpaCapacity: column,
  latencyP95Ms: column,
  lateRatio: column,
  cpuUtilization: column,
  /** Seconds of this bucket in which the SLO was violated. */
  violatingSeconds: column,
  /** Pod-seconds used so far less those HPA would have used; negative is saved. */
  versusHpaPodSeconds: column,
  /** Changes of replicas in this time, oldest first; at most the newest 400. */
  changes: z.array(Change),
});
export type Series = z.infer<typeof Series>;

export const FunctionView = z.object({
  name: z.string(),
  emits: z.array(z.string()),
  /** Events seen, and in the last minute. */
  events: count,
  perMinute: z.number(),
  /** From the event that caused it to the event emitted. */
  hopP50Ms: known,
  hopP99Ms: known,
  /** From the broker, where its statistics can be read. */
  retries: known,
  deadLetters: count,
  coldStarts: known,
  lastEvent: z
    .object({
      id: z.string(),
      type: z.string(),
      subject: z.string().nullable(),
      atMs: epochMs,
      traceparent: z.string().nullable(),
    })
    .nullable(),
});
export type FunctionView = z.infer<typeof FunctionView>;

export const ChainView = z.object({
  functions: z.array(FunctionView),
  /** From the look at the target to the executed action. */
  tickToActionP50Ms: known,
  tickToActionP99Ms: known,
  brokerStatistics: z.enum(['read', 'not-configured', 'unreachable']),
  deadLetters: count,
});
export type ChainView = z.infer<typeof ChainView>;

export const DeadLetter = z.object({
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string().nullable(),
  receivedAtMs: epochMs,
  /** Who refused it, the status and the reason, as the broker tells them. */
  refusedBy: z.string().nullable(),
  status: known,
  reason: z.string(),
  traceparent: z.string().nullable(),
  /** The event's data as JSON, cut to 4,000 characters. */
  data: z.string(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const HistoryState = z.object({
  state: z.enum(['empty', 'rebuilding', 'rebuilt', 'unavailable']),
  message: z.string(),
  events: count,
});
export type HistoryState = z.infer<typeof HistoryState>;

export const About = z.object({
  loadGenerator: z.boolean(),
  workload: z.boolean(),
  killSwitch: z.boolean(),
  history: HistoryState,
  /** Where the stream stands: load the rest after this, then ask for the stream from here. */
  position: z.string(),
  startedAtMs: epochMs,
  nowMs: epochMs,
});
export type About = z.infer<typeof About>;

/** One batch of the stream; what did not change is absent. */
export const Batch = z.object({
  nowMs: epochMs,
  /** Of all targets that are there, also for a reader of one; where it changed. */
  ids: z.array(z.string()).optional(),
  /** The states that changed, of all targets likewise: one in trouble is told to whom looks at another. */
  states: z.array(z.object({ id: z.string(), state: State })).optional(),
  targets: z.array(TargetView).optional(),
  points: z.array(z.object({ target: z.string(), series: Series })).optional(),
  decisions: z.array(DecisionRecord).optional(),
  chain: ChainView.optional(),
  deadLetters: z.array(DeadLetter).optional(),
});
export type Batch = z.infer<typeof Batch>;
