// Deployments: one ReplicaSet per version of the pod template, rolled over within the limits.
import { createHash } from 'node:crypto';
import type { Api } from '../api/api.ts';
import { resourceId } from '../kinds/resource.ts';
import type { Condition, Deployment, KubeObject, ReplicaSet } from '../types.ts';
import { withCondition } from './conditions.ts';
import { EventRecorder } from './events.ts';
import { Reconciler, keyOfMeta, refOfKey } from './reconciler.ts';
import { planRollout, type RolloutLimits, type SetSize } from './rollout.ts';

const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
const MANAGER = 'deployment-controller';

/** Short, stable name of a pod template, in letters that make no words. */
function templateHash(deployment: Deployment): string {
  const digest = createHash('sha256').update(JSON.stringify(deployment.spec.template)).digest();
  return [...digest.subarray(0, 10)]
    .map((byte) => 'bcdfghjklmnpqrstvwxz2456789'.charAt(byte % 27))
    .join('');
}

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[REVISION] ?? 0);

const sizeOf = (set: ReplicaSet): SetSize => ({
  name: set.metadata.name,
  wanted: set.spec.replicas ?? 1,
  ready: set.status?.readyReplicas ?? 0,
});

function limitsOf({ spec }: Deployment, oldPods: number): RolloutLimits {
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  const strategy = spec.strategy?.type === 'Recreate' ? 'Recreate' : 'RollingUpdate';
  return { desired: spec.replicas ?? 1, strategy, maxSurge, maxUnavailable, oldPods };
}

export class DeploymentController {
  readonly #api: Api;
  readonly #events: EventRecorder;
  readonly #queue: Reconciler;
  readonly #unsubscribe: () => void;

  constructor(api: Api, onError: (error: unknown, what: string) => void) {
    this.#api = api;
    this.#events = new EventRecorder(api, MANAGER);
    this.#queue = new Reconciler({
      name: 'deployment',
      reconcile: (key) => this.#reconcile(key),
      onError,
    });
    for (const { metadata } of api.store.list(this.#kind)) this.#queue.enqueue(keyOfMeta(metadata));
    this.#unsubscribe = api.store.subscribe(({ resource, object }) => {
      if (resourceId(resource) === 'deployments.apps')
        this.#queue.enqueue(keyOfMeta(object.metadata));
      if (resourceId(resource) !== 'replicasets.apps') return;
      const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment');
      if (owner !== undefined)
        this.#queue.enqueue(`${object.metadata.namespace ?? ''}/${owner.name}`);
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#queue.close();
  }

  get #kind() {
    return this.#api.kind('apps/v1', 'Deployment');
  }

  get #setKind() {
    return this.#api.kind('apps/v1', 'ReplicaSet');
  }

  #reconcile(key: string): void {
    const deployment = this.#api.find(this.#kind, refOfKey(key)) as Deployment | undefined;
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const next = this.#nextSet(deployment);
    const old = this.#setsOf(deployment).filter(
      ({ metadata }) => metadata.uid !== next?.metadata.uid,
    );
    if (next !== undefined) this.#roll(deployment, next, old);
    this.#writeStatus(deployment, next?.metadata.uid);
    if (next !== undefined) this.#forget(deployment, old);
  }

  #setsOf({ metadata }: Deployment): ReplicaSet[] {
    const all = this.#api.store.list(this.#setKind, metadata.namespace) as ReplicaSet[];
    return all
      .filter((set) => set.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid))
      .sort((a, b) => revisionOf(a) - revisionOf(b));
  }

  /** The set of the present template, made where it is missing; none while paused before its first. */
  #nextSet(deployment: Deployment): ReplicaSet | undefined {
    const hash = templateHash(deployment);
    const sets = this.#setsOf(deployment);
    const found = sets.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash);
    if (found !== undefined && found === sets.at(-1)) return found;
    if (deployment.spec.paused === true) return found ?? sets.at(-1);
    const revision = String(1 + Math.max(0, ...sets.map(revisionOf)));
    const renumber = (live: KubeObject): KubeObject => {
      live.metadata.annotations = { ...live.metadata.annotations, [REVISION]: revision };
      return live;
    };
    this.#api.modify(this.#kind, deployment.metadata, {
      manager: MANAGER,
      subresource: 'status',
      change: renumber,
    });
    if (found === undefined) return this.#createSet(deployment, hash, revision);
    // A template that comes back is the newest revision: a rollback can be rolled back.
    const how = { manager: MANAGER, change: renumber };
    return this.#api.modify(this.#setKind, found.metadata, how) as ReplicaSet;
  }

  #createSet(deployment: Deployment, hash: string, revision: string): ReplicaSet {
    const { selector, template } = deployment.spec;
    const { name, uid, namespace } = deployment.metadata;
    const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
    const set = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        labels,
        annotations: { [REVISION]: revision },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name,
            uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        replicas: 0,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...structuredClone(template), metadata: { ...template.metadata, labels } },
      },
    };
    return this.#api.create(this.#setKind, set, { manager: MANAGER, namespace }) as ReplicaSet;
  }

  #roll(deployment: Deployment, next: ReplicaSet, old: readonly ReplicaSet[]): void {
    const oldPods = old.reduce((sum, { status }) => sum + (status?.replicas ?? 0), 0);
    const plan = planRollout(sizeOf(next), old.map(sizeOf), limitsOf(deployment, oldPods));
    for (const set of [next, ...old]) {
      const before = set.spec.replicas ?? 1;
      const size = plan.get(set.metadata.name) ?? before;
      if (size === before) continue;
      this.#resize(set, size);
      this.#events.record(deployment, {
        type: 'Normal',
        reason: 'ScalingReplicaSet',
        message: `Scaled ${size > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`,
      });
    }
  }

  #resize(set: ReplicaSet, replicas: number): void {
    this.#api.modify(this.#setKind, set.metadata, {
      manager: MANAGER,
      change: (live) => ({ ...live, spec: { ...(live as ReplicaSet).spec, replicas } }),
    });
  }

  /** Old sets that are empty are kept for a rollback, up to the history limit. */
  #forget(deployment: Deployment, old: readonly ReplicaSet[]): void {
    const empty = old.filter(
      ({ spec, status }) => spec.replicas === 0 && (status?.replicas ?? 0) === 0,
    );
    const limit = deployment.spec.revisionHistoryLimit ?? 10;
    for (const { metadata } of empty.slice(0, Math.max(0, empty.length - limit))) {
      this.#api.delete(this.#setKind, metadata);
    }
  }

  #writeStatus(deployment: Deployment, nextUid: string | undefined): void {
    const sets = this.#setsOf(deployment);
    const sum = (pick: (set: ReplicaSet) => number | undefined): number =>
      sets.reduce((total, set) => total + (pick(set) ?? 0), 0);
    const updated = sets.find(({ metadata }) => metadata.uid === nextUid)?.status?.replicas ?? 0;
    const ready = sum(({ status }) => status?.readyReplicas);
    const all = sum(({ status }) => status?.replicas);
    const desired = deployment.spec.replicas ?? 1;
    this.#api.modify(this.#kind, deployment.metadata, {
      manager: MANAGER,
      subresource: 'status',
      change: (live) => ({
        ...live,
        status: {
          observedGeneration: live.metadata.generation,
          replicas: all,
          updatedReplicas: updated,
          readyReplicas: ready,
          availableReplicas: ready,
          unavailableReplicas: Math.max(0, desired - ready),
          conditions: this.#conditions(live as Deployment, { ready, updated, desired, all }),
        },
      }),
    });
  }

  #conditions(
    live: Deployment,
    now: { ready: number; updated: number; desired: number; all: number },
  ): Condition[] {
    const time = this.#api.nowIso();
    const isAvailable = now.ready >= Math.floor(now.desired * 0.75);
    const isRolledOut = now.updated === now.desired && now.all === now.updated;
    const isComplete = isRolledOut && now.ready >= now.desired;
    const available = withCondition(
      live.status?.conditions,
      isAvailable
        ? {
            type: 'Available',
            status: 'True',
            reason: 'MinimumReplicasAvailable',
            message: 'Deployment has minimum availability.',
          }
        : {
            type: 'Available',
            status: 'False',
            reason: 'MinimumReplicasUnavailable',
            message: 'Deployment does not have minimum availability.',
          },
      time,
    );
    const name = `ReplicaSet of "${live.metadata.name}"`;
    return withCondition(
      available,
      isComplete
        ? {
            type: 'Progressing',
            status: 'True',
            reason: 'NewReplicaSetAvailable',
            message: `${name} has successfully progressed.`,
          }
        : {
            type: 'Progressing',
            status: 'True',
            reason: 'ReplicaSetUpdated',
            message: `${name} is progressing.`,
          },
      time,
    );
  }
}
