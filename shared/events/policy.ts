import { z } from 'zod';

/** `off` nothing · `shadow` decide, tell nobody · `advise` decide and say · `floor` raise the minimum · `act` own the replicas. */
export const Mode = z.enum(['off', 'shadow', 'advise', 'floor', 'act']);
export type Mode = z.infer<typeof Mode>;

export const TargetRef = z.object({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  name: z.string().min(1),
});
export type TargetRef = z.infer<typeof TargetRef>;

/** Which policy an event is about: its name may come again, its UID never does. */
export const PolicyIdentity = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
});

/** Fields are held against each other once each of them is right: one mistake, one error. */
const when = ({ issues }: { readonly issues: readonly unknown[] }): boolean => issues.length === 0;

const percent = z.number().min(0.001).max(100);

/** What the user promises their own users, and the error budget they allow. */
export const Slo = z.object({
  /** A request that takes longer, or fails, is late. */
  latencyMilliseconds: z.int().min(1).max(600_000).default(500),
  /** Budget: share of minutes in which more than 1 % of the requests were late. */
  violatingMinutesPercent: percent.default(0.3),
  /** Budget: share of all requests that were late. */
  lateRequestsPercent: percent.default(0.4),
});

/** ε-greedy Q-learning over 21 price multipliers; see shared/domain. */
export const Learning = z
  .object({
    learningRate: z.number().gt(0).max(1).default(0.1),
    discountFactor: z.number().min(0).lt(1).default(0.95),
    explorationStart: z.number().min(0).max(1).default(1),
    explorationEnd: z.number().min(0).max(1).default(0.01),
    /** ε is multiplied by this at every decision. */
    explorationDecay: z.number().gt(0).max(1).default(0.995),
  })
  .refine((learning) => learning.explorationEnd <= learning.explorationStart, {
    when,
    error: 'explorationEnd must not be above explorationStart',
  });

/** Where the numbers come from. Endpoints are configured by the administrator; policies only name them. */
export const MetricsSource = z
  .object({
    source: z.enum(['auto', 'pods', 'prometheus', 'resource']).default('auto'),
    /** Name of an endpoint the administrator configured (source `prometheus`). */
    endpoint: z.string().min(1).optional(),
    /** Port of the pods' `/metrics` (source `pods`). */
    port: z.int().min(1).max(65_535).optional(),
    /** PromQL templates by quantity; the CRD says which there are and what is inserted. */
    queries: z.record(z.string(), z.string()).optional(),
  })
  .refine(({ source, endpoint }) => source !== 'prometheus' || endpoint !== undefined, {
    when,
    path: ['source'],
    error: 'source prometheus needs the name of an endpoint',
  });

/** spec of a ScalingPolicy (`nimbusguard.io/v1alpha1`). Defaults are those of the CRD. */
export const PolicySpec = z
  .object({
    targetRef: TargetRef,
    mode: Mode.default('floor'),
    minReplicas: z.int().min(0).max(10_000).default(1),
    maxReplicas: z.int().min(1).max(10_000).default(50),
    /** Rest after a change before a scale-down that is not proven safe. Scale-up never waits. */
    cooldownSeconds: z.int().min(0).max(86_400).default(300),
    targetCPUUtilizationPercentage: z.int().min(1).max(100).default(70),
    slo: Slo.prefault({}),
    learning: Learning.prefault({}),
    metrics: MetricsSource.prefault({}),
    /** Length of the season the forecast learns: a day unless stated. */
    seasonSeconds: z.int().min(60).max(604_800).default(86_400),
    /** Kill switch: `freeze` leaves what is there, `release` restores the originals. */
    suspend: z.enum(['none', 'freeze', 'release']).default('none'),
  })
  .refine((spec) => spec.minReplicas <= spec.maxReplicas, {
    when,
    path: ['minReplicas'],
    error: 'minReplicas must not be above maxReplicas',
  });
export type PolicySpec = z.infer<typeof PolicySpec>;
