// The parts of Kubernetes objects that the adapters read, each taken from JSON with care: an object of
// a custom resource may hold anything.
import type { Condition, Pod, PolicyObject } from '../ports.ts';
import type { Json } from './kubernetes-api.ts';

export const FIELD_MANAGER = 'nimbusguard';

/** Whether a finalizer is one of ours: they keep a policy until the originals are back. */
export const isOurFinalizer = (name: string): boolean => name.startsWith('nimbusguard.io/');
export const NOTE_ANNOTATION = 'nimbusguard.io/floor';
/**
 * The note on a Revision. Knative copies annotations of a Revision into its pods' template and leaves
 * them there: the first note would restart every pod. Those of its autoscaling go to the PodAutoscaler
 * alone, and leave it with the Revision's.
 */
export const REVISION_NOTE_ANNOTATION = 'autoscaling.knative.dev/nimbusguard-floor';

export const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(record) : []);

export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;

/** Milliseconds of the Unix epoch of an RFC 3339 time, or null. */
export const timeMs = (value: unknown): number | null => {
  const parsed = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(parsed) ? null : parsed;
};

export const metadata = (object: Json): Json => record(object['metadata']);

export const annotation = (object: Json, name: string): string | undefined =>
  text(record(metadata(object)['annotations'])[name]);

export const labels = (object: Json): Json => record(metadata(object)['labels']);

export function policyObject(object: Json): PolicyObject {
  const meta = metadata(object);
  return {
    namespace: text(meta['namespace']) ?? '',
    name: text(meta['name']) ?? '',
    uid: text(meta['uid']) ?? '',
    resourceVersion: text(meta['resourceVersion']) ?? '',
    generation: count(meta['generation']) ?? 0,
    createdAtMs: timeMs(meta['creationTimestamp']) ?? 0,
    deleting: text(meta['deletionTimestamp']) !== undefined,
    finalizers: Array.isArray(meta['finalizers']) ? meta['finalizers'].map(String) : [],
    spec: object['spec'],
    status: record(object['status']),
  };
}

const SUFFIX: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity such as `250m` or `128Mi` as a number; null where it is none. */
export function quantity(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const match = /^([0-9.]+(?:e[0-9]+)?)(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text(value) ?? '');
  if (match === null) return null;
  const number = Number(match[1]) * (match[2] === undefined ? 1 : (SUFFIX[match[2]] ?? 1));
  return Number.isFinite(number) ? number : null;
}

const requestSum = (containers: readonly Json[], resource: string): number | null => {
  let sum = 0;
  for (const container of containers) {
    const asked = quantity(record(record(container['resources'])['requests'])[resource]);
    if (asked === null) return null;
    sum += asked;
  }
  return containers.length === 0 ? null : sum;
};

export const conditionOf = (object: Json, type: string): Json | undefined =>
  list(record(object['status'])['conditions']).find((condition) => condition['type'] === type);

/** When the pod became ready, as long as it is. */
const readyMs = (object: Json): number | null => {
  const ready = conditionOf(object, 'Ready') as Condition | undefined;
  return ready?.status === 'True' ? (timeMs(ready.lastTransitionTime) ?? 0) : null;
};

/** What the scheduler says of a pod that it has no node for. */
const unplaced = (object: Json): string | null => {
  const scheduled = conditionOf(object, 'PodScheduled');
  return scheduled?.['status'] === 'False' && scheduled['reason'] === 'Unschedulable'
    ? (text(scheduled['message']) ?? 'no node has room')
    : null;
};

const restarts = (object: Json): number =>
  list(record(object['status'])['containerStatuses']).reduce(
    (sum, status) => sum + (count(status['restartCount']) ?? 0),
    0,
  );

const firstPort = (containers: readonly Json[]): number | null =>
  count(list(containers[0]?.['ports'])[0]?.['containerPort']) ?? null;

export function podOf(object: Json): Pod {
  const meta = metadata(object);
  const containers = list(record(object['spec'])['containers']);
  const readyAtMs = readyMs(object);
  return {
    uid: text(meta['uid']) ?? '',
    name: text(meta['name']) ?? '',
    namespace: text(meta['namespace']) ?? '',
    ip: text(record(object['status'])['podIP']) ?? null,
    port: firstPort(containers),
    createdAtMs: timeMs(meta['creationTimestamp']) ?? 0,
    readyAtMs,
    restarts: restarts(object),
    ready: readyAtMs !== null,
    draining: text(meta['deletionTimestamp']) !== undefined,
    unplaced: unplaced(object),
    cpuRequestCores: requestSum(containers, 'cpu'),
    memoryRequestBytes: requestSum(containers, 'memory'),
  };
}

/** Pods that have ended hold no resources and count for nothing. */
export const hasEnded = (object: Json): boolean =>
  ['Succeeded', 'Failed'].includes(String(record(object['status'])['phase']));

const requirement = (expression: Json, own: Json): boolean => {
  const value = own[String(expression['key'])];
  const values = Array.isArray(expression['values']) ? expression['values'] : [];
  switch (expression['operator']) {
    case 'In':
      return values.includes(value);
    case 'NotIn':
      return !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
};

/** Whether labels fit a LabelSelector. An empty selector fits nothing here: it names no pods. */
export function selects(selector: unknown, own: Json): boolean {
  const exact = Object.entries(record(record(selector)['matchLabels']));
  const expressions = list(record(selector)['matchExpressions']);
  if (exact.length + expressions.length === 0) return false;
  return (
    exact.every(([name, value]) => own[name] === value) &&
    expressions.every((expression) => requirement(expression, own))
  );
}

/** The field manager that last wrote `path` (such as `f:spec`, `f:replicas`), or null. */
export function ownerOf(object: Json, path: readonly string[]): string | null {
  const owners = list(metadata(object)['managedFields'])
    .filter((entry) => holds(entry['fieldsV1'], path))
    .sort((a, b) => (timeMs(b['time']) ?? 0) - (timeMs(a['time']) ?? 0));
  return text(owners[0]?.['manager']) ?? null;
}

const holds = (fields: unknown, path: readonly string[]): boolean => {
  let at: unknown = fields;
  for (const part of path) {
    at = record(at)[part];
    if (at === undefined) return false;
  }
  return true;
};
