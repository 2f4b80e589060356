// Making, reading and refusing the learned document.
import {
  ACTIONS,
  FEATURES,
  SCALE_LEVELS,
  SCALE_START,
  SHAPE_BINS,
  WEIGHT_MAX,
} from './constants.ts';
import { NimbusError } from '../errors.ts';
import { COVERAGE_LEVELS } from './forecast.ts';
import { zeros } from './maths.ts';
import type { FixedPrices, Forecaster, Model, Part, Told, Workload } from './model.ts';
import { newSeries } from './series.ts';
import { faultOf } from './stored.ts';
import { newWorkload } from './workload.ts';

/** What a new target starts from: learned on synthetic traces by `npm run train`. */
export interface Prior {
  readonly schema: 1;
  readonly version: string;
  readonly covariance: readonly number[];
  readonly up: PriorForecaster;
  readonly keep: PriorForecaster;
  readonly q: readonly number[];
}

type PriorForecaster = Pick<Forecaster, 'theta' | 'slow' | 'shape'>;

export interface ModelOptions {
  readonly prior?: Prior;
  /** Whether λ follows the burn of the budget; true unless given. */
  readonly adaptPrice?: boolean;
  /** Prices that do not follow the policy (curves of the bench). */
  readonly fixed?: FixedPrices;
  /** Parts to leave out (ablations of the bench). */
  readonly off?: readonly Part[];
  /** The truth about a pod instead of what is learned (the bench's measure of learning). */
  readonly told?: Told;
}

function boundedScale(stored: unknown): Partial<Forecaster> {
  const forecaster = stored as Partial<Forecaster>;
  const drifted = forecaster.scale?.some((weight) => Math.abs(weight) > WEIGHT_MAX);
  return drifted ? { ...forecaster, scale: [...SCALE_START] } : forecaster;
}

/** No price is kept, and variances are bounded that ran away at services with idle nights. */
const schemaFour = (document: Record<string, unknown>): Record<string, unknown> => ({
  ...document,
  schema: 4,
  k0: undefined,
  churnPrice: undefined,
  otherUnitSinceMs: 0,
  up: boundedScale(document['up']),
  keep: boundedScale(document['keep']),
  plan: { ...(document['plan'] as Partial<Model['plan']>), addedMs: [], added: [] },
});

const SCHEMA = 5;
/** How a document of an older schema becomes one of the next. */
const MIGRATIONS: Readonly<Record<number, (document: Record<string, unknown>) => object>> = {
  // 2 counts what was spent beside an HPA.
  1: (document) => ({
    ...document,
    schema: 2,
    price: { ...(document['price'] as object | undefined), spent: zeros(2) },
  }),
  // 3 tells late requests of a queue from those there are at any use, bounds capacity by a full CPU,
  // and keeps the usual need in units of demand: a release changes pods, not demand.
  2: (document) => {
    const { byUse, background, bound, young } = newWorkload();
    const added = { byUse, background, bound, young };
    const workload = { ...(document['workload'] as Partial<Workload>), ...added };
    const plan = { ...(document['plan'] as Partial<Model['plan']>) };
    const { demand = 0, busy = 0 } = workload;
    const capacity = document['demandUnit'] === 'pods' || busy === 0 ? 1 : demand / busy;
    return {
      ...document,
      schema: 3,
      workload,
      plan: { ...plan, need: (plan.need ?? 0) * capacity },
    };
  },
  // 4 asks the policy for prices at every decision: an edited budget counts from the next one on.
  3: schemaFour,
  // 5 knows pods that are late whoever asked for them. The first documents of schema 4 were written
  // before it was complete.
  4: (document) => {
    const complete = 'otherUnitSinceMs' in document ? document : schemaFour(document);
    const plan = { ...(complete['plan'] as Partial<Model['plan']>), fleet: newPlan().fleet };
    return { ...complete, schema: 5, plan };
  },
};
/** Variance of the log demand over the control delay before anything was seen: 12 %. */
const FIRST_VARIANCE = 0.12 ** 2;
/** Variance of each weight of the regression before anything was learned. */
const FIRST_COVARIANCE = 0.05;

function newForecaster(prior: PriorForecaster | undefined): Forecaster {
  const slow = prior?.slow ?? FIRST_VARIANCE;
  return {
    theta: [...(prior?.theta ?? zeros(FEATURES))],
    scale: [...SCALE_START],
    fast: 0.8 * Math.sqrt(slow),
    recent: 0.8 * Math.sqrt(slow),
    slow,
    levels: zeros(SCALE_LEVELS),
    shape: [...(prior?.shape ?? zeros(SHAPE_BINS))],
    covered: zeros(COVERAGE_LEVELS.length),
    outcomes: 0,
    mu: 0,
    sigma: Math.sqrt(slow),
  };
}

function identity(size: number, value: number): number[] {
  const matrix = zeros(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = value;
  return matrix;
}

const newPlan = (): Model['plan'] => ({
  need: 0,
  needWeight: 0,
  upTimes: [],
  upPods: [],
  last: -1,
  regret: 0,
  changedAtMs: 0,
  fleet: -1,
  addedMs: [],
  added: [],
  dipUntilMs: 0,
});

const newPrice = (): Model['price'] => ({
  lambda: 0,
  minute: zeros(3),
  burn: zeros(4),
  updatedMs: 0,
  reachable: true,
  worth: zeros(2),
  spent: zeros(2),
});

const newQ = (values: readonly number[]): Model['q'] => ({
  values: [...values],
  sums: zeros(ACTIONS),
  count: 0,
  blockMs: 0,
  updates: 0,
  learned: [],
});

/** What a prior brings, or the plain beginning. */
const learnedBefore = (
  prior: Prior | undefined,
): Pick<Model, 'version' | 'covariance' | 'up' | 'keep' | 'q'> => ({
  version: prior?.version ?? 'plain',
  covariance: [...(prior?.covariance ?? identity(FEATURES, FIRST_COVARIANCE))],
  up: newForecaster(prior?.up),
  keep: newForecaster(prior?.keep),
  q: newQ(prior?.q ?? zeros(ACTIONS)),
});

/** A new model of one target, from the shipped prior where one is given. */
export function createModel(options: ModelOptions = {}): Model {
  const { prior, ...given } = options;
  return {
    schema: SCHEMA,
    ...learnedBefore(prior),
    ...(given.fixed === undefined ? {} : { fixed: given.fixed }),
    adaptPrice: given.adaptPrice ?? true,
    off: [...(given.off ?? [])],
    startedAtMs: 0,
    lastAtMs: 0,
    lastMeasuredMs: 0,
    decisions: 0,
    demandUnit: 'requests',
    otherUnitSinceMs: 0,
    series: newSeries(),
    pendingForecasts: [],
    nextSnapshotMs: 0,
    seasonSeconds: 0,
    season: { bins: [], visits: [], bin: -1, sum: 0, weight: 0 },
    workload: newWorkload(),
    ...(given.told === undefined ? {} : { told: given.told }),
    delay: { age: zeros(3), chain: zeros(3), apply: zeros(3) },
    plan: newPlan(),
    price: newPrice(),
    pendingDecisions: [],
    matured: [],
    nextOutcomeMs: 0,
    peers: null,
  };
}

const refuse = (reason: string): never => {
  throw new NimbusError('input.invalid', `learned model: ${reason}`);
};

/**
 * Reads a stored model.
 * @throws NimbusError `input.invalid` when it is not one, of another schema, or damaged; the
 * caller sets the document aside and starts fresh.
 */
export function parseModel(json: unknown): Model {
  const document = migrated(typeof json === 'string' ? parseJson(json) : json);
  const fault = faultOf(document, createModel());
  if (fault !== null) return refuse(fault);
  return document as Model;
}

/** Brings a document of an older schema to this one, step by step. */
function migrated(json: unknown): object {
  if (typeof json !== 'object' || json === null) return refuse('expected a JSON object');
  const schema: unknown = 'schema' in json ? json.schema : 'missing';
  if (schema === SCHEMA) return json;
  const step = typeof schema === 'number' ? MIGRATIONS[schema] : undefined;
  if (step === undefined) {
    return refuse(`schema ${JSON.stringify(schema)} cannot be read, only up to ${SCHEMA}`);
  }
  return migrated(step(json as Record<string, unknown>));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NimbusError('input.invalid', 'learned model: not JSON', { cause });
  }
}
