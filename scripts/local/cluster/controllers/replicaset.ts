// ReplicaSets: as many pods as are wanted, and the right ones to go when there are too many.
import type { Api } from '../api/api.ts';
import { resourceId } from '../kinds/resource.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import { EventRecorder } from './events.ts';
import { Reconciler, keyOfMeta, refOfKey } from './reconciler.ts';

const COST = 'controller.kubernetes.io/pod-deletion-cost';

export const isReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');

const isActive = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.phase !== 'Failed' &&
  pod.status?.phase !== 'Succeeded';

const costOf = (pod: Pod): number => {
  const cost = Number(pod.metadata.annotations?.[COST] ?? 0);
  return Number.isFinite(cost) ? cost : 0;
};

const isStarted = (pod: Pod): boolean => pod.spec.nodeName !== undefined;

/** Resource versions grow with every write: they order pods created within one second. */
const newerFirst = (a: Pod, b: Pod): number =>
  Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp) ||
  (a.metadata.name < b.metadata.name ? 1 : -1);

/**
 * The order in which pods are given up: not scheduled before scheduled, not ready before ready, low
 * deletion cost before high, young before old (as the Kubernetes ReplicaSet controller ranks them).
 */
export const byDispensability = (a: Pod, b: Pod): number =>
  Number(isStarted(a)) - Number(isStarted(b)) ||
  Number(isReady(a)) - Number(isReady(b)) ||
  costOf(a) - costOf(b) ||
  newerFirst(a, b);

/** Pods that may wait for room, so that it is seen that there is none. */
const WAITING_PODS = 10;
const ROOM_RETRY_MS = 1_000;

export interface ReplicaSetOptions {
  /** Pods that fit on the node. */
  readonly maxPods: number;
  readonly onError: (error: unknown, what: string) => void;
}

export class ReplicaSetController {
  readonly #api: Api;
  readonly #options: ReplicaSetOptions;
  readonly #events: EventRecorder;
  readonly #queue: Reconciler;
  readonly #unsubscribe: () => void;

  constructor(api: Api, options: ReplicaSetOptions) {
    this.#api = api;
    this.#options = options;
    this.#events = new EventRecorder(api, 'replicaset-controller');
    this.#queue = new Reconciler({
      name: 'replicaset',
      reconcile: (key) => this.#reconcile(key),
      onError: options.onError,
    });
    const kind = api.kind('apps/v1', 'ReplicaSet');
    for (const { metadata } of api.store.list(kind)) this.#queue.enqueue(keyOfMeta(metadata));
    this.#unsubscribe = api.store.subscribe(({ resource, object }) => {
      if (resource === kind) this.#queue.enqueue(keyOfMeta(object.metadata));
      else if (resourceId(resource) === 'pods') this.#onPod(object as Pod);
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#queue.close();
  }

  #onPod({ metadata }: Pod): void {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'ReplicaSet');
    if (owner !== undefined) this.#queue.enqueue(`${metadata.namespace ?? ''}/${owner.name}`);
  }

  #reconcile(key: string): void {
    const set = this.#api.find(this.#api.kind('apps/v1', 'ReplicaSet'), refOfKey(key)) as
      ReplicaSet | undefined;
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const pods = this.#podsOf(set);
    const missing = (set.spec.replicas ?? 1) - pods.length;
    const room = this.#room();
    for (let n = 0; n < Math.min(missing, room); n += 1) this.#create(set);
    if (missing > room) this.#queue.enqueueAfter(key, ROOM_RETRY_MS);
    if (missing < 0) {
      for (const pod of pods.sort(byDispensability).slice(0, -missing)) this.#delete(set, pod);
    }
    this.#writeStatus(set);
  }

  /** There is one node and never another: pods beyond what fits would wait for nothing. */
  #room(): number {
    const present = this.#api.store.list(this.#api.kind('v1', 'Pod')).length;
    return Math.max(0, this.#options.maxPods + WAITING_PODS - present);
  }

  #podsOf(set: ReplicaSet): Pod[] {
    const all = this.#api.store.list(this.#api.kind('v1', 'Pod'), set.metadata.namespace) as Pod[];
    return all.filter(
      (pod) =>
        isActive(pod) &&
        pod.metadata.ownerReferences?.some(({ uid }) => uid === set.metadata.uid) === true,
    );
  }

  #create(set: ReplicaSet): void {
    const { metadata, spec } = set.spec.template;
    const pod = this.#api.create(
      this.#api.kind('v1', 'Pod'),
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          generateName: `${set.metadata.name}-`,
          ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
          ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
          ownerReferences: [
            {
              apiVersion: 'apps/v1',
              kind: 'ReplicaSet',
              name: set.metadata.name,
              uid: set.metadata.uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        spec: structuredClone(spec),
      },
      { manager: 'replicaset-controller', namespace: set.metadata.namespace },
    );
    this.#events.record(set, {
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: `Created pod: ${pod.metadata.name}`,
    });
  }

  #delete(set: ReplicaSet, pod: Pod): void {
    this.#api.delete(this.#api.kind('v1', 'Pod'), pod.metadata);
    this.#events.record(set, {
      type: 'Normal',
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
    });
  }

  #writeStatus(set: ReplicaSet): void {
    const pods = this.#podsOf(set);
    const ready = pods.filter(isReady).length;
    this.#api.modify(this.#api.kind('apps/v1', 'ReplicaSet'), set.metadata, {
      manager: 'replicaset-controller',
      subresource: 'status',
      change: (live) => ({
        ...live,
        status: {
          replicas: pods.length,
          fullyLabeledReplicas: pods.length,
          readyReplicas: ready,
          availableReplicas: ready,
          observedGeneration: live.metadata.generation,
        },
      }),
    });
  }
}
