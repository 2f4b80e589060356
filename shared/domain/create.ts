// Making, reading and refusing the learned document.
import {
  ACTIONS,
  CHURN_PRICE,
  FEATURES,
  MEANS_IN_BLOCKS,
  SCALE_LEVELS,
  SHAPE_BINS,
} from './constants.ts';
import { NimbusError } from '../errors.ts';
import type { PolicySpec } from '../events/index.ts';
import { COVERAGE_LEVELS } from './forecast.ts';
import { zeros } from './maths.ts';
import type { Forecaster, Model, Part } from './model.ts';
import { basePrice } from './price.ts';
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

type PriorForecaster = Pick<Forecaster, 'theta' | 'scale' | 'slow' | 'shape'>;

export interface ModelOptions {
  readonly prior?: Prior;
  /** Price of a violating minute in mean-fleet-minutes; from the policy's budget unless given. */
  readonly k0?: number;
  /** Whether λ follows the burn of the budget; true unless given. */
  readonly adaptPrice?: boolean;
  /** Price of one changed pod; CHURN_PRICE unless given. */
  readonly churnPrice?: number;
  /** Parts to leave out (ablations of the bench). */
  readonly off?: readonly Part[];
}

const SCHEMA = 1;
/** Variance of the log demand over the control delay before anything was seen: 12 %. */
const FIRST_VARIANCE = 0.12 ** 2;

function newForecaster(prior: PriorForecaster | undefined): Forecaster {
  const slow = prior?.slow ?? FIRST_VARIANCE;
  return {
    theta: [...(prior?.theta ?? zeros(FEATURES))],
    scale: [...(prior?.scale ?? [-0.1, 0.25, 0.3, 0.1, 0.05, 0.4])],
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

/** A new model of one target, from the shipped prior where one is given. */
export function createModel(spec: PolicySpec, options: ModelOptions = {}): Model {
  const { prior } = options;
  const means = MEANS_IN_BLOCKS.length;
  return {
    schema: SCHEMA,
    version: prior?.version ?? 'plain',
    k0: options.k0 ?? basePrice(spec),
    adaptPrice: options.adaptPrice ?? true,
    churnPrice: options.churnPrice ?? CHURN_PRICE,
    off: [...(options.off ?? [])],
    startedAtMs: 0,
    lastAtMs: 0,
    lastMeasuredMs: 0,
    decisions: 0,
    demandUnit: 'requests',
    series: {
      blockSeconds: 0,
      sums: zeros(means),
      weights: zeros(means),
      times: [],
      counts: [],
      total: 0,
      rate: -1,
      rateBefore: -1,
      rateEarlier: -1,
      windowSeconds: 0,
      offset: 1,
    },
    covariance: prior === undefined ? identity(FEATURES, 0.05) : [...prior.covariance],
    up: newForecaster(prior?.up),
    keep: newForecaster(prior?.keep),
    pendingForecasts: [],
    nextSnapshotMs: 0,
    seasonSeconds: 0,
    season: { bins: [], visits: [], bin: -1, sum: 0, weight: 0 },
    workload: newWorkload(),
    delay: { age: zeros(3), chain: zeros(3), apply: zeros(3), interval: 0 },
    plan: {
      need: 0,
      needWeight: 0,
      upTimes: [],
      upPods: [],
      last: -1,
      regret: 0,
      changedAtMs: 0,
      addedMs: [],
      added: [],
      dipUntilMs: 0,
    },
    price: {
      lambda: 0,
      minute: zeros(3),
      burn: zeros(4),
      updatedMs: 0,
      reachable: true,
      worth: zeros(2),
    },
    q: {
      values: [...(prior?.q ?? zeros(ACTIONS))],
      sums: zeros(ACTIONS),
      count: 0,
      blockMs: 0,
      updates: 0,
      learned: [],
    },
    pendingDecisions: [],
    matured: [],
    nextOutcomeMs: 0,
    peers: null,
  };
}

const refuse = (reason: string): never => {
  throw new NimbusError('input.invalid', `learned model: ${reason}`);
};

/** Finds the first number that is not finite, or a null where a number stood. */
function firstBad(value: unknown, path: string): string | null {
  if (typeof value === 'number') return Number.isFinite(value) ? null : path;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const bad = firstBad(inner, path === '' ? key : `${path}.${key}`);
    if (bad !== null) return bad;
  }
  return null;
}

/**
 * Compares the shape of a document with that of a new model: same keys, same kinds.
 * Arrays that start empty may have any length; the others have the length they start with.
 */
function firstDifference(document: unknown, fresh: unknown, path: string): string | null {
  if (fresh === null) return null;
  if (Array.isArray(fresh)) {
    if (!Array.isArray(document)) return `${path}: expected a list`;
    const fixed = fresh.length > 0 && document.length !== fresh.length;
    return fixed ? `${path}: expected ${fresh.length} numbers, got ${document.length}` : null;
  }
  if (typeof fresh !== 'object') {
    return typeof document === typeof fresh ? null : `${path}: expected a ${typeof fresh}`;
  }
  if (typeof document !== 'object' || document === null) return `${path}: expected an object`;
  for (const [key, inner] of Object.entries(fresh)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (!(key in document)) return `${at}: missing`;
    const difference = firstDifference((document as Record<string, unknown>)[key], inner, at);
    if (difference !== null) return difference;
  }
  return null;
}

/**
 * Reads a stored model.
 * @throws NimbusError `input.invalid` when it is not one, of another schema, or damaged; the
 * caller sets the document aside and starts fresh.
 */
export function parseModel(json: unknown, spec: PolicySpec): Model {
  const document = typeof json === 'string' ? parseJson(json) : json;
  if (typeof document !== 'object' || document === null) return refuse('expected a JSON object');
  const schema = (document as { schema?: unknown }).schema;
  if (schema !== SCHEMA) {
    return refuse(`schema ${JSON.stringify(schema) ?? 'missing'} cannot be read, only ${SCHEMA}`);
  }
  const difference = firstDifference(document, createModel(spec, { off: [] }), '');
  if (difference !== null) return refuse(difference);
  const bad = firstBad(document, '');
  if (bad !== null) return refuse(`${bad}: not a finite number`);
  return document as Model;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NimbusError('input.invalid', 'learned model: not JSON', { cause });
  }
}
