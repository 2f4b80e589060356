import { z } from 'zod';
import { defineEvent } from './define.ts';
import { Mode, PolicyIdentity } from './policy.ts';
import { Replicas, Target } from './target.ts';
import { epochMs } from './time.ts';

const known = z.number().nullable(); // null: not known, never zero
const replicas = z.int().nonnegative();

/** Limits of the record: who writes one cuts to them, as an event beyond them is refused. */
export const SENTENCE_MAX_CHARS = 600;
export const DETAIL_MAX_CHARS = 300;
export const CONSTRAINTS_MAX = 20;
/** Outcomes that travel with a decision, and what is made of them. */
export const MATURED_MAX = 64;

/** Actions of the Q-table: multipliers of the price. */
const ACTIONS = 21;
export const actionIndex = z
  .int()
  .min(0)
  .max(ACTIONS - 1);
/** One value for each action. */
export const perAction = <T extends z.ZodType>(value: T) => z.array(value).length(ACTIONS);

/** A learned quantity with its 80 % interval. */
const Estimate = z.object({
  value: z.number(),
  low: z.number(),
  high: z.number(),
  samples: z.number(),
});

/** Quantiles of demand in requests/s. */
const Quantiles = z.object({
  q02: z.number(),
  q10: z.number(),
  q50: z.number(),
  q80: z.number(),
  q90: z.number(),
  q98: z.number(),
});

export const Inputs = z.object({
  atMs: epochMs,
  telemetryAgeMs: known,
  requestsPerSecond: known,
  lateRatio: known,
  failedRatio: known,
  latencyP95Ms: known,
  cpuUtilization: known,
  memoryUtilization: known,
  lagMessages: known,
  replicas: Replicas,
  /** Requests/s one pod carries at full use, and the utilisation beyond which the SLO breaks. */
  capacityPerPod: Estimate,
  knee: Estimate,
  /** Share of requests that are late at whatever use, which no pod more would help. */
  backgroundLateRatio: z.number().min(0).max(1).optional(),
  startupSeconds: Estimate,
  /** Parts of the control delay, seconds; their sum is the forecast horizon. */
  controlDelay: z.object({
    telemetrySeconds: z.number(),
    intervalSeconds: z.number(),
    chainSeconds: z.number(),
    applySeconds: z.number(),
    startupSeconds: z.number(),
  }),
});

export const Forecast = z.object({
  horizonSeconds: z.number(),
  /** Mean demand a pod started now would serve. */
  up: Quantiles,
  /** Largest demand a pod dropped now would be missing for. */
  keep: Quantiles,
  /** Median and bands from now to the horizon, for the chart. */
  path: z
    .array(
      z.object({
        atMs: epochMs,
        q02: z.number(),
        q10: z.number(),
        q50: z.number(),
        q90: z.number(),
        q98: z.number(),
      }),
    )
    .max(60),
});

/** One candidate: its price per mean-fleet-minute as cost and as risk. `total` = cost + risk. */
export const Option = z.object({
  replicas,
  cost: z.number(),
  risk: z.number(),
  total: z.number(),
  overloadProbability: z.number().min(0).max(1),
});

export const Price = z.object({
  /** Price of a violating minute in mean-fleet-minutes, after the learned multiplier. */
  k: z.number(),
  k0: z.number(),
  lambda: z.number(),
  /** Share of the error budget being burnt; 1 is exactly the budget. Null until known. */
  budgetBurn: known,
  sloReachable: z.boolean(),
});

export const LearningState = z.object({
  action: actionIndex,
  multiplier: z.number(),
  epsilon: z.number(),
  explored: z.boolean(),
  qValues: perAction(z.number()),
  updates: z.int().nonnegative(),
  /** Share of outcomes at or below the forecast's quantile; well calibrated when equal to `level`. */
  coverage: z.array(z.object({ level: z.number(), observed: known, samples: z.number() })),
  modelVersion: z.string(),
  ageSeconds: z.number(),
});

export const Constraint = z.object({
  name: z.enum([
    'min-replicas',
    'max-replicas',
    'no-room',
    'cooldown',
    'data-stale',
    'data-missing',
    'outage-dip',
    'guardrail',
    'censored-demand',
    'unexplained-cpu',
    'not-ready',
    'warm-up',
    'churn',
    'held-by-advice',
    'suspended',
    'problem',
  ]),
  /** What the core wanted before and after the constraint. */
  from: replicas,
  to: replicas,
  detail: z.string().max(DETAIL_MAX_CHARS),
});

/** What the usual autoscalers would ask for on the same inputs. Null where they could not tell. */
export const Counterfactual = z.object({
  hpa: replicas.nullable(),
  keda: replicas.nullable(),
  kpa: replicas.nullable(),
});

/** The outcome of an earlier decision, once its pods have had time to matter. */
export const Matured = z.object({
  decisionId: z.string(),
  sequence: z.int().nonnegative(),
  decidedAtMs: epochMs,
  maturedAtMs: epochMs,
  action: actionIndex,
  from: replicas,
  to: replicas,
  /** Mean demand over the served interval, requests/s; what the pods were for. */
  demandPerSecond: z.number().nonnegative(),
  lateRatio: known,
  capacityPerPod: z.number().positive(),
  knee: z.number().positive(),
  /** Increase of log lateness per unit of utilisation, as learned. */
  kneeSlope: z.number().positive().optional(),
  /** Replicas the planner would have chosen under each of the 21 multipliers. */
  whatIfReplicas: perAction(replicas),
  meanReplicas: z.number().positive(),
  k: z.number().positive(),
  intervalSeconds: z.number().positive(),
});
export type Matured = z.infer<typeof Matured>;

export const Decision = z.object({
  id: z.string().min(1),
  /** Grows by one per decision of a target. */
  sequence: z.int().nonnegative(),
  tick: z.string(),
  policy: PolicyIdentity.extend({ generation: z.int() }),
  target: Target.nullable(),
  mode: Mode,
  kind: z.enum(['scale', 'hold']),
  reason: z.enum([
    'demand',
    'guardrail',
    'spare',
    'at-target',
    'cooldown',
    'no-data',
    'bounds',
    'off',
    'held',
    'problem',
    'warm-up',
  ]),
  from: replicas,
  to: replicas,
  /** One plain sentence with numbers. */
  sentence: z.string().max(SENTENCE_MAX_CHARS),
  inputs: Inputs.nullable(),
  forecast: Forecast.nullable(),
  price: Price.nullable(),
  learning: LearningState.nullable(),
  options: z.array(Option).max(60),
  constraints: z.array(Constraint).max(CONSTRAINTS_MAX),
  counterfactual: Counterfactual,
  problem: z.object({ reason: z.string(), message: z.string() }).nullable(),
  /** Routine holds since the last decision that was sent. */
  holdsSince: z.int().nonnegative(),
  matured: z.array(Matured).max(MATURED_MAX),
});
export type Decision = z.infer<typeof Decision>;

/** decider → executor, advisor, operator. The whole record of one decision, holds included. */
export const DecisionMade = defineEvent('io.nimbusguard.decision.made.v1', Decision);
