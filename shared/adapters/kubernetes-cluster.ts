import { NimbusError } from '../errors.ts';
import type { Problem } from '../events/index.ts';
import type { Cluster, Found, Pod, PolicyObject, TargetLocator, TargetState } from '../ports.ts';
import { ApiError, orUnavailable, type Json, type KubernetesApi } from './kubernetes-api.ts';
import {
  collectionPath,
  DEPLOYMENT,
  EVERY_POLICY,
  HPA,
  KNATIVE_SERVICE,
  POD,
  POLICY,
  REVISION,
  SCALED_OBJECT,
  STATEFUL_SET,
  SUPPORTED_TARGETS,
  targetKind,
  type Kind,
} from './kinds.ts';
import {
  conditionOf,
  count,
  hasEnded,
  labels,
  list,
  metadata,
  podOf,
  policyObject,
  record,
  selects,
  text,
} from './objects.ts';
import {
  kedaMaker,
  MAX_SCALE,
  MIN_SCALE,
  scaleOf,
  scalerOf,
  servingRevisions,
  targetOf,
  UNBOUNDED,
} from './targets.ts';

/** Served from the API server's watch cache: an observation may be a moment old, its cost may not grow. */
const CACHED = { resourceVersion: '0' };

/** The lists of one namespace, each read at most once per look. */
type Shelf = (kind: Kind) => Promise<readonly Json[]>;

const named = (objects: readonly Json[], name: string): Json | undefined =>
  objects.find((object) => metadata(object)['name'] === name);

const problem = (reason: Problem['reason'], message: string): { problem: Problem } => ({
  problem: { reason, message: message.slice(0, 2000) },
});

const missing = (kind: Kind, { namespace, ref }: TargetLocator): { problem: Problem } =>
  problem('TargetMissing', `there is no ${kind.kind} ${ref.name} in namespace ${namespace}`);

function readPods(objects: readonly Json[]): Pod[] {
  return objects.filter((object) => !hasEnded(object)).map(podOf);
}

function replicasOf(desired: number, pods: readonly Pod[]): TargetState['replicas'] {
  const draining = pods.filter((pod) => pod.draining).length;
  const ready = pods.filter((pod) => pod.ready && !pod.draining).length;
  return { desired, ready, starting: pods.length - ready - draining, draining };
}

/** Pods that the scheduler has no node for, and those that a quota keeps from being made. */
function unplacedOf(desired: number, pods: readonly Pod[], object?: Json): TargetState['unplaced'] {
  const waiting = pods.filter((pod) => pod.unplaced !== null && !pod.draining);
  const [first] = waiting;
  if (first?.unplaced) return { pods: waiting.length, message: first.unplaced.slice(0, 300) };
  const failure = object === undefined ? undefined : conditionOf(object, 'ReplicaFailure');
  const missing = desired - pods.filter((pod) => !pod.draining).length;
  if (failure?.['status'] !== 'True' || missing <= 0) return null;
  return { pods: missing, message: (text(failure['message']) ?? 'refused').slice(0, 300) };
}

/** Replicas and pods of the Deployment or StatefulSet that does the work. */
async function workload(
  shelf: Shelf,
  object: Json,
): Promise<Pick<TargetState, 'replicas' | 'pods' | 'unplaced'>> {
  const spec = record(object['spec']);
  const desired = count(spec['replicas']) ?? 1;
  const own = (await shelf(POD)).filter((pod) => selects(spec['selector'], labels(pod)));
  const pods = readPods(own);
  const unplaced = unplacedOf(desired, pods, object);
  return { replicas: replicasOf(desired, pods), pods, unplaced };
}

const autoscalerOf = (kind: Kind, object: Json, low: string, high: string) => {
  const spec = record(object['spec']);
  const fallback = kind === HPA ? { low: 1, high: 1 } : { low: 0, high: 100 };
  return {
    kind: kind.kind,
    name: text(metadata(object)['name']) ?? '',
    minReplicas: count(spec[low]) ?? fallback.low,
    maxReplicas: count(spec[high]) ?? fallback.high,
  };
};

async function plainTarget(
  shelf: Shelf,
  kind: Kind,
  locator: TargetLocator,
): Promise<Found<TargetState>> {
  const object = named(await shelf(kind), locator.ref.name);
  if (object === undefined) return missing(kind, locator);
  const scaler = scalerOf(await shelf(HPA), kind, locator.ref.name);
  const autoscaler =
    scaler === undefined ? null : autoscalerOf(HPA, scaler, 'minReplicas', 'maxReplicas');
  return {
    found: { target: targetOf(kind, object), autoscaler, ...(await workload(shelf, object)) },
  };
}

/** An HPA or a ScaledObject: the target is the autoscaler, the pods are those of what it scales. */
async function scaledTarget(
  shelf: Shelf,
  kind: Kind,
  locator: TargetLocator,
): Promise<Found<TargetState>> {
  const object = named(await shelf(kind), locator.ref.name);
  if (object === undefined) return missing(kind, locator);
  const maker = kedaMaker(object);
  if (maker !== undefined) {
    return problem(
      'TargetUnsupported',
      `HPA ${locator.ref.name} was made by KEDA: name the ScaledObject ${maker} as the target`,
    );
  }
  const ref = record(record(object['spec'])['scaleTargetRef']);
  const behind = ref['kind'] === 'StatefulSet' ? STATEFUL_SET : DEPLOYMENT;
  const name = text(ref['name']) ?? '';
  const scaled = named(await shelf(behind), name);
  if (scaled === undefined) {
    return problem(
      'TargetMissing',
      `${kind.kind} ${locator.ref.name} scales ${name}, which is missing`,
    );
  }
  const fields: [string, string] =
    kind === HPA ? ['minReplicas', 'maxReplicas'] : ['minReplicaCount', 'maxReplicaCount'];
  return {
    found: {
      target: targetOf(kind, object),
      autoscaler: autoscalerOf(kind, object, ...fields),
      ...(await workload(shelf, scaled)),
    },
  };
}

async function knativeTarget(shelf: Shelf, locator: TargetLocator): Promise<Found<TargetState>> {
  const object = named(await shelf(KNATIVE_SERVICE), locator.ref.name);
  if (object === undefined) return missing(KNATIVE_SERVICE, locator);
  const serving = servingRevisions(object, await shelf(REVISION));
  const own = (await shelf(POD)).filter(
    (pod) => labels(pod)['serving.knative.dev/service'] === locator.ref.name,
  );
  const pods = readPods(own);
  const desired = serving.map((revision) => count(record(revision['status'])['desiredReplicas']));
  const known = desired
    .filter((value) => value !== undefined)
    .reduce((sum, value) => sum + value, 0);
  const highest = Math.max(0, ...serving.map((r) => scaleOf(r, MAX_SCALE) ?? 0));
  return {
    found: {
      target: targetOf(KNATIVE_SERVICE, object),
      autoscaler: {
        kind: 'KnativePodAutoscaler',
        name: locator.ref.name,
        minReplicas: serving.reduce((sum, r) => sum + (scaleOf(r, MIN_SCALE) ?? 0), 0),
        maxReplicas: highest === 0 ? UNBOUNDED : highest, // Knative's 0 is no limit
      },
      replicas: replicasOf(known || pods.filter((pod) => !pod.draining).length, pods),
      unplaced: unplacedOf(known, pods),
      pods,
    },
  };
}

async function readTarget(shelf: Shelf, locator: TargetLocator): Promise<Found<TargetState>> {
  const kind = targetKind(locator.ref);
  if (kind === undefined) {
    const { apiVersion, kind: given } = locator.ref;
    return problem(
      'TargetUnsupported',
      `targetRef: ${apiVersion} ${given} is not supported; supported are ${SUPPORTED_TARGETS}`,
    );
  }
  try {
    if (kind === KNATIVE_SERVICE) return await knativeTarget(shelf, locator);
    if (kind === HPA || kind === SCALED_OBJECT) return await scaledTarget(shelf, kind, locator);
    return await plainTarget(shelf, kind, locator);
  } catch (error) {
    return unreadable(error, locator);
  }
}

/** A list that fails is the problem of the policies that need it; the others have their own lists. */
function unreadable(error: unknown, { namespace }: TargetLocator): { problem: Problem } {
  if (!(error instanceof ApiError || error instanceof NimbusError)) throw error;
  if (error instanceof ApiError && error.status === 403) {
    const remedy = `\`make k8s-watch NAMESPACE=${namespace}\` grants it`;
    return problem('Forbidden', `not allowed to read the target: ${error.message}; ${remedy}`);
  }
  return problem('TargetUnreadable', `the target could not be read: ${error.message}`);
}

/** `['*']` watches every namespace. */
export function kubernetesCluster(
  api: KubernetesApi,
  options: { watchNamespaces: readonly string[] },
): Cluster {
  const listAt = async (path: string): Promise<Json[]> => {
    const answer = await api.request({ method: 'GET', path, query: CACHED });
    return list(answer?.['items']); // a kind that the cluster does not know has no objects
  };
  const shelfOf = (namespace: string): Shelf => {
    const lists = new Map<Kind, Promise<readonly Json[]>>();
    return (kind) => {
      const reading = lists.get(kind) ?? listAt(collectionPath(kind, namespace));
      lists.set(kind, reading);
      return reading;
    };
  };
  const policyPaths = options.watchNamespaces.includes('*')
    ? [EVERY_POLICY]
    : options.watchNamespaces.map((name) => collectionPath(POLICY, name));

  return {
    async policies(): Promise<PolicyObject[]> {
      const lists = await orUnavailable(Promise.all(policyPaths.map(listAt)));
      return lists
        .flat()
        .map(policyObject)
        .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.uid < b.uid ? -1 : 1));
    },
    async targets(locators) {
      const shelves = new Map<string, Shelf>();
      return Promise.all(
        locators.map((locator) => {
          const shelf = shelves.get(locator.namespace) ?? shelfOf(locator.namespace);
          shelves.set(locator.namespace, shelf);
          return readTarget(shelf, locator);
        }),
      );
    },
  };
}
