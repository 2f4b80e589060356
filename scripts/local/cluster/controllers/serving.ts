// Knative Services: each is shown with a Revision and its readiness. Those that are backed by a
// Deployment here get one, of the Service's own name; the processes of the others belong to whoever
// runs them, who reports how they are.
import type { Api } from '../api/api.ts';
import { resourceId } from '../kinds/resource.ts';
import {
  at,
  numberAt,
  textAt,
  type Condition,
  type Deployment,
  type KubeObject,
} from '../types.ts';
import { withCondition } from './conditions.ts';
import { Reconciler, keyOfMeta, refOfKey } from './reconciler.ts';
import {
  deploymentObject,
  GROUP_VERSION,
  HASH,
  LABEL,
  podsServiceObject,
  podTemplate,
  readiness,
  revisionNumber,
  revisionObject,
  serviceStatus,
  templateHash,
  type Readiness,
  type ServiceReport,
} from './serving-objects.ts';

const MANAGER = 'serving-controller';

export interface ServingOptions {
  /** Services whose pods run here, behind a Deployment. */
  readonly isPodBacked: (service: { namespace: string; name: string }) => boolean;
  /** Address people reach a service at; undefined while it has none. */
  readonly urlOf: (service: { namespace: string; name: string }) => string | undefined;
  readonly onError: (error: unknown, what: string) => void;
}

export class ServingController {
  readonly #api: Api;
  readonly #options: ServingOptions;
  readonly #reports = new Map<string, ServiceReport>();
  readonly #queue: Reconciler;
  readonly #unsubscribe: () => void;

  constructor(api: Api, options: ServingOptions) {
    this.#api = api;
    this.#options = options;
    this.#queue = new Reconciler({
      name: 'serving',
      reconcile: (key) => this.#reconcile(key),
      onError: options.onError,
    });
    for (const { metadata } of api.store.list(this.#kind)) this.#queue.enqueue(keyOfMeta(metadata));
    this.#unsubscribe = api.store.subscribe(({ resource, object }) => {
      const id = resourceId(resource);
      if (id === 'services.serving.knative.dev') this.#queue.enqueue(keyOfMeta(object.metadata));
      const owner = id === 'deployments.apps' ? object.metadata.labels?.[LABEL] : undefined;
      if (owner !== undefined) this.#queue.enqueue(`${object.metadata.namespace ?? ''}/${owner}`);
    });
  }

  get #kind() {
    return this.#api.kind(GROUP_VERSION, 'Service');
  }

  close(): void {
    this.#unsubscribe();
    this.#queue.close();
  }

  /** Takes over how a service is that is run elsewhere; shown in its status. */
  report(service: { namespace: string; name: string }, report: ServiceReport): void {
    const key = keyOfMeta(service);
    this.#reports.set(key, report);
    this.#queue.enqueue(key);
  }

  #reconcile(key: string): void {
    const ref = refOfKey(key);
    const service = this.#api.find(this.#kind, ref);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
    const revision = this.#revisionOf(service);
    const isBacked = this.#options.isPodBacked(ref);
    if (isBacked) this.#ensureDeployment(service, revision);
    const report = isBacked ? this.#reportOfPods(ref) : this.#reports.get(key);
    this.#writeStatus(service, revision, report);
  }

  /** Name of the Revision of the present template; made where it is missing. */
  #revisionOf(service: KubeObject): string {
    const kind = this.#api.kind(GROUP_VERSION, 'Revision');
    const { name, namespace } = service.metadata;
    const hash = templateHash(service);
    const latest = textAt(service, 'status', 'latestCreatedRevisionName');
    const found = latest === '' ? undefined : this.#api.find(kind, { namespace, name: latest });
    if (found?.metadata.annotations?.[HASH] === hash) return latest;
    const revision = `${name}-${String(revisionNumber(latest) + 1).padStart(5, '0')}`;
    if (this.#api.find(kind, { namespace, name: revision }) === undefined) {
      const object = revisionObject(service, revision, hash);
      this.#api.create(kind, object, { manager: MANAGER, namespace });
    }
    return revision;
  }

  /** Creates the Deployment or renews its template. Its replicas are whoever scales it's. */
  #ensureDeployment(service: KubeObject, revision: string): void {
    const kind = this.#api.kind('apps/v1', 'Deployment');
    const { name, namespace } = service.metadata;
    const template = podTemplate(service, revision);
    const found = this.#api.find(kind, { namespace, name }) as Deployment | undefined;
    const made = { manager: MANAGER, namespace };
    if (found === undefined) {
      this.#api.create(kind, deploymentObject(service, template), made);
      const ofPods = this.#api.kind('v1', 'Service');
      if (this.#api.find(ofPods, { namespace, name }) === undefined) {
        this.#api.create(ofPods, podsServiceObject(service), made);
      }
      return;
    }
    if (
      at(found, 'spec', 'template', 'metadata', 'labels', 'serving.knative.dev/revision') ===
      revision
    )
      return;
    this.#api.modify(
      kind,
      { namespace, name },
      {
        manager: MANAGER,
        change: (live) => ({ ...live, spec: { ...(live as Deployment).spec, template } }),
      },
    );
  }

  #reportOfPods(ref: { namespace: string; name: string }): ServiceReport {
    const deployment = this.#api.find(this.#api.kind('apps/v1', 'Deployment'), ref);
    const ready = numberAt(deployment, 'status', 'readyReplicas') ?? 0;
    const isReady = ready > 0 || numberAt(deployment, 'spec', 'replicas') === 0;
    const url = this.#options.urlOf(ref) ?? '';
    return isReady
      ? { isReady, url }
      : { isReady, url, reason: 'Deploying', message: 'no pod is ready yet' };
  }

  #writeStatus(service: KubeObject, revision: string, report: ServiceReport | undefined): void {
    const { namespace, name } = service.metadata;
    const url = report?.url ?? this.#options.urlOf({ namespace: namespace ?? '', name });
    const ready = readiness(report);
    this.#api.modify(this.#kind, service.metadata, {
      manager: MANAGER,
      subresource: 'status',
      change: (live) => ({
        ...live,
        status: serviceStatus(live, { revision, url, ready, time: this.#api.nowIso() }),
      }),
    });
    this.#writeRevision(namespace, revision, ready);
  }

  #writeRevision(namespace: string | undefined, name: string, ready: Readiness): void {
    const kind = this.#api.kind(GROUP_VERSION, 'Revision');
    this.#api.modify(
      kind,
      { namespace, name },
      {
        manager: MANAGER,
        subresource: 'status',
        change: (live) => ({
          ...live,
          status: {
            observedGeneration: live.metadata.generation,
            conditions: withCondition(
              (at(live, 'status', 'conditions') as Condition[] | undefined) ?? [],
              { type: 'Ready', ...ready },
              this.#api.nowIso(),
            ),
          },
        }),
      },
    );
  }
}
