import { DEFAULT_BEHAVIOR, type Behavior } from '#shared/domain/peers/behavior.ts';
import { HPA_SYNC_SECONDS } from '#shared/domain/peers/hpa.ts';
import type { ModelOptions, Part, Prior } from '#shared/domain/index.ts';
import { NimbusError } from '#shared/errors.ts';
import type { PolicySpec } from '#shared/events/index.ts';
import { limitsOf, workloadOf, type Condition } from './condition.ts';
import { floorOver } from './controllers/floor.ts';
import { benchPolicy, nimbusguard } from './controllers/ours.ts';
import { hpa, keda, kpa, KPA_TICK_SECONDS, type PeerSettings } from './controllers/peers.ts';
import {
  awsPredictive,
  crane,
  cranePercentile,
  oracle,
  predictiveHpa,
  seasonalHpa,
  staticFleet,
  textbookQ,
} from './controllers/predictive.ts';
import type { Load } from './load.ts';
import { kneeOf, slopeOf, type Controller, type RunSettings } from './simulate.ts';

/** The user's own autoscaler that a floor is raised under: a peer by its name. */
export type OwnAutoscaler = `HPA-${number}` | 'HPA-85-w0' | `KPA-${number}`;

/** NimbusGuard at one setting; plain JSON, so that it can go to a worker and into a cache key. */
export interface Ours {
  readonly kind: 'ours';
  /** K₀ with λ = 0; null: from the policy's budget, λ free. */
  readonly k0: number | null;
  readonly churnPrice?: number;
  readonly off?: readonly Part[];
  /** The autoscaler below, in mode `floor`; absent in mode `act`. */
  readonly over?: OwnAutoscaler;
  readonly prior: 'shipped' | 'none';
  /** Told the truth about capacity and knee instead of learning them. */
  readonly told?: true;
  readonly policy?: Partial<PolicySpec>;
}

interface Peer {
  readonly kind: 'peer';
  readonly name: string;
}

export type Contender = Ours | Peer;

export interface RunContext {
  readonly condition: Condition;
  readonly load: Load;
  readonly settings: RunSettings;
  readonly seed: number;
  readonly prior: Prior | undefined;
}

const NO_WINDOW: Behavior = {
  ...DEFAULT_BEHAVIOR,
  down: { ...DEFAULT_BEHAVIOR.down, windowSeconds: 0 },
};

type Make = (name: string, target: number, peer: PeerSettings, context: RunContext) => Controller;

const FAMILIES = new Map<string, Make>([
  ['HPA', (name, target, peer) => hpa(name, target, peer)],
  ['HPA-w0', (name, target, peer) => hpa(name, target, peer, NO_WINDOW)],
  ['KEDA', keda],
  ['KPA', kpa],
  ['PHPA', (name, target, peer) => predictiveHpa(name, target, peer)],
  ['PHPA-HW', seasonalHpa],
  ['Crane', (name, target, peer) => crane(name, target, peer)],
  ['Crane-p99', cranePercentile],
  ['AWS', awsPredictive],
  ['static', (name, target, peer, context) => staticFleet(name, target, context.load, peer)],
]);

/** `HPA-70` and the like: family and target in percent; `HPA-85-w0` has a scale-down window of 0. */
function makePeer(name: string, context: RunContext): Controller {
  const limits = limitsOf(context.condition);
  if (name === 'oracle') {
    return oracle(context.load, context.settings, context.condition.startupSeconds);
  }
  if (name === 'textbook-Q') return textbookQ(name, limits, context.seed);
  const [, family = '', percent, variant = ''] = /^(.*?)-(\d+)(-w0)?$/.exec(name) ?? [];
  const make = FAMILIES.get(family + variant);
  const target = Number(percent) / 100;
  if (make === undefined || !(target > 0 && target <= 1)) {
    throw new NimbusError('input.invalid', `no such peer: ${name}`);
  }
  return make(name, target, limits, context);
}

/** A name that tells settings apart. */
export function contenderName(contender: Contender): string {
  if (contender.kind === 'peer') return contender.name;
  const parts = ['NimbusGuard', contender.k0 === null ? 'policy' : `K${contender.k0}`];
  if (contender.churnPrice !== undefined) parts.push(`churn${contender.churnPrice}`);
  if (contender.over !== undefined) parts.push(`over ${contender.over}`);
  if (contender.off !== undefined && contender.off.length > 0) {
    parts.push(`without ${contender.off.join('+')}`);
  }
  if (contender.prior === 'none') parts.push('no prior');
  if (contender.told) parts.push('told');
  return parts.join(' ');
}

/** The truth about a pod, as nobody can know it outside of a simulator. */
function truthOf(condition: Condition) {
  const workload = workloadOf(condition);
  return {
    capacity: workload.capacityPerPod,
    knee: kneeOf(workload),
    slope: slopeOf(workload),
  };
}

function modelOptions(contender: Ours, { condition, prior }: RunContext): ModelOptions {
  return {
    ...(contender.told ? { told: truthOf(condition) } : {}),
    ...(contender.k0 === null ? {} : { adaptPrice: false }),
    fixed: {
      ...(contender.k0 === null ? {} : { k0: contender.k0 }),
      ...(contender.churnPrice === undefined ? {} : { churn: contender.churnPrice }),
    },
    ...(contender.off === undefined ? {} : { off: contender.off }),
    ...(contender.prior === 'shipped' && prior !== undefined ? { prior } : {}),
  };
}

function makeOurs(contender: Ours, context: RunContext): Controller {
  const { condition, seed } = context;
  const limits = limitsOf(condition);
  const { over } = contender;
  const ours = nimbusguard({
    name: contenderName(contender),
    spec: benchPolicy({
      minReplicas: limits.minReplicas,
      maxReplicas: limits.maxReplicas,
      ...contender.policy,
      mode: over === undefined ? 'act' : 'floor',
    }),
    model: modelOptions(contender, context),
    grade: condition.telemetry,
    seed,
    ...(over === undefined
      ? {}
      : { applySeconds: over.startsWith('KPA') ? KPA_TICK_SECONDS : HPA_SYNC_SECONDS }),
  });
  if (over === undefined) return ours;
  return floorOver(contenderName(contender), ours, makePeer(over, context));
}

/** Builds a contender for one run. */
export const makeController = (contender: Contender, context: RunContext): Controller =>
  contender.kind === 'peer' ? makePeer(contender.name, context) : makeOurs(contender, context);
