// Whether a stored document is a model: the keys and kinds of a new one, with numbers that can be.
import { ACTIONS, FEATURES, LAMBDA_MAX, SCALE_START, TRACE_MAX, WEIGHT_MAX } from './constants.ts';
import { at, zeros } from './maths.ts';
import type { Model, PendingDecision, PendingForecast, PendingMatured } from './model.ts';
import { newHpaState, newKedaState, newKpaState } from './peers/index.ts';

const FORECAST: PendingForecast = {
  fromMs: 0,
  upMs: 0,
  toMs: 0,
  inputs: zeros(FEATURES),
  base: 0,
  mu: zeros(2),
  sigma: zeros(2),
  scaleInputs: [zeros(SCALE_START.length), zeros(SCALE_START.length)],
  level: 0,
};

const DECISION: PendingDecision = {
  id: '',
  sequence: 0,
  atMs: 0,
  fromMs: 0,
  toMs: 0,
  action: 0,
  from: 0,
  to: 0,
  whatIf: zeros(ACTIONS),
  mean: 0,
  k: 0,
};

const MATURED: PendingMatured = {
  ...DECISION,
  demand: 0,
  lateRatio: null,
  capacity: 0,
  knee: 0,
  slope: 0,
};

/** What lists hold that are empty in a new model; the others hold numbers. */
const ELEMENTS: Readonly<Record<string, unknown>> = {
  off: '',
  pendingForecasts: FORECAST,
  pendingDecisions: DECISION,
  matured: MATURED,
};

/** Lists of peers hold a time and what was then; buckets hold numbers, or nothing. */
function elementOf(path: string): unknown {
  if (isPeers(path)) return path.endsWith('.buckets') ? null : zeros(2);
  return ELEMENTS[path] ?? 0;
}

const PEERS = {
  hpa: newHpaState(),
  keda: newKedaState(),
  kpa: newKpaState(),
  kpaAnswer: 0,
};
const isPeers = (path: string): boolean => path.startsWith('peers.');

/** Numbers that a document has; nothing that is counted in a life comes near. */
const NUMBER_MAX = 1e21;
/** Times to come lie within this after the last decision, milliseconds: later ones would hardly be over. */
const AHEAD_MAX_MS = 6 * 3_600_000;

/** What may be below zero, within which limits. */
const SIGNED: readonly (readonly [path: RegExp, limit: number])[] = [
  [/^(up|keep)\.theta\.|^pendingForecasts\.\d+\.(inputs|scaleInputs)\./, 100],
  [/^(up|keep)\.(scale)\./, WEIGHT_MAX],
  [/^(up|keep)\.mu$|^pendingForecasts\.\d+\.(mu\.|base$|level$)|^season\.bins\./, 100],
  [/^covariance\./, 2 * TRACE_MAX],
  [/^price\.lambda$/, LAMBDA_MAX],
  [/^workload\.(late|information)\.|^workload\.(bound\.|startupMean$)/, NUMBER_MAX],
  [/^(q\.(values|sums)\.|series\.rate|season\.(bin|sum)$|plan\.(last|fleet)$)/, NUMBER_MAX],
];
/** What is divided by, or of which the logarithm is taken. */
const POSITIVE =
  /^(up|keep)\.(slow|sigma)$|\.sigma\.\d$|^series\.offset$|^workload\.(startupVariance|information\.[02]|late\.1)$|^(pendingDecisions|matured)\.\d+\.(mean|k|capacity|knee|slope)$/;
/** All but those of scores, which a clock that was set back since may have made. */
const TIME = /^(?!q|matured|peers).*Ms(\.\d+)?$|^series\.times\./;

/** Lists that belong together. */
const PAIRS = [
  ['series', 'times', 'counts'],
  ['season', 'bins', 'visits'],
  ['plan', 'upTimes', 'upPods'],
  ['plan', 'addedMs', 'added'],
] as const;

/** Least and greatest that a number can be. */
function limitsOf(path: string, lastMs: number): readonly [number, number] {
  const signed = SIGNED.find(([pattern]) => pattern.test(path))?.[1];
  if (signed !== undefined) return [-signed, signed];
  if (isPeers(path)) return [-NUMBER_MAX, NUMBER_MAX];
  return [0, TIME.test(path) ? lastMs + AHEAD_MAX_MS : NUMBER_MAX];
}

function numberFault(value: number, path: string, lastMs: number): string | null {
  if (!Number.isFinite(value)) return `${path}: not a finite number`;
  const [least, most] = limitsOf(path, lastMs);
  const wrong = value < least || value > most || (value === 0 && POSITIVE.test(path));
  return wrong ? `${path}: ${value} cannot be` : null;
}

/** First difference between a document and a new model, or null. */
function differenceOf(value: unknown, fresh: unknown, path: string, lastMs: number): string | null {
  const again = (inner: unknown, template: unknown, key: string): string | null =>
    differenceOf(inner, template, path === '' ? key : `${path}.${key}`, lastMs);
  if (typeof value === 'number' && (typeof fresh === 'number' || fresh === null)) {
    return numberFault(value, path, lastMs);
  }
  if (fresh === null) return value === null ? null : `${path}: expected a number or null`;
  if (Array.isArray(fresh)) return listDifference(value, fresh, path, again);
  if (typeof fresh === 'object') return objectDifference(value, fresh, path, again);
  return typeof value === typeof fresh ? null : `${path}: expected a ${typeof fresh}`;
}

type Again = (inner: unknown, template: unknown, key: string) => string | null;

function objectDifference(value: unknown, fresh: object, path: string, again: Again) {
  if (typeof value !== 'object' || value === null) return `${path}: expected an object`;
  for (const [key, template] of Object.entries(fresh)) {
    if (!Object.hasOwn(value, key)) return `${path === '' ? key : `${path}.${key}`}: missing`;
    const difference = again((value as Record<string, unknown>)[key], template, key);
    if (difference !== null) return difference;
  }
  return null;
}

/** Lists that start empty may have any length; the others have the length they start with. */
function listDifference(value: unknown, fresh: readonly unknown[], path: string, again: Again) {
  if (!Array.isArray(value)) return `${path}: expected a list`;
  if (fresh.length > 0 && value.length !== fresh.length) {
    return `${path}: expected ${fresh.length} entries, got ${value.length}`;
  }
  for (const [i, element] of value.entries()) {
    const template = fresh[i] ?? elementOf(path);
    const difference = again(element, template, String(i));
    if (difference !== null) return difference;
  }
  return null;
}

/** Lists of different lengths that belong together, or a place in one that is not there. */
function pairFault(model: Model): string | null {
  for (const [part, one, other] of PAIRS) {
    const lists = model[part] as unknown as Record<string, readonly number[]>;
    const [length, second] = [lists[one]?.length, lists[other]?.length];
    if (length !== second) return `${part}.${other}: expected ${length} entries, got ${second}`;
  }
  const { times, counts, total } = model.series;
  const rises = (list: readonly number[]): boolean =>
    list.every((value, i) => value >= at(list, i - 1));
  if (!rises(times) || !rises([...counts, total])) return 'series: does not rise';
  const { bin, bins } = model.season;
  if (bin >= bins.length && bin > 0) return `season.bin: ${bin} cannot be`;
  const { information } = model.workload;
  const singular = at(information, 0) * at(information, 2) === at(information, 1) ** 2;
  return singular ? 'workload.information: cannot be inverted' : null;
}

/** Why a document cannot be gone on with, by the model that a new target would have; null where it can. */
export function faultOf(document: object, fresh: Model): string | null {
  const { lastAtMs, peers } = document as Partial<Model>;
  const lastMs = typeof lastAtMs === 'number' ? lastAtMs : 0;
  const template = { ...fresh, peers: peers === null ? null : PEERS };
  return differenceOf(document, template, '', lastMs) ?? pairFault(document as Model);
}
