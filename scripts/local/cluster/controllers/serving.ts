// Knative Services: each is shown with a Revision and its readiness. Those that are backed by a
// Deployment here get one, of the Service's own name; the processes of the others belong to whoever
// runs them, who reports how they are.
import { createHash } from 'node:crypto';
import type { Api } from '../api/api.ts';
import { resourceId } from '../kinds/resource.ts';
import {
  at,
  isDict,
  listAt,
  numberAt,
  omit,
  textAt,
  type Condition,
  type Deployment,
  type Dict,
  type KubeObject,
  type NewObject,
} from '../types.ts';
import { withCondition } from './conditions.ts';
import { Reconciler, keyOfMeta, refOfKey } from './reconciler.ts';

const GROUP_VERSION = 'serving.knative.dev/v1';
const MANAGER = 'serving-controller';
const LABEL = 'serving.knative.dev/service';
const HASH = 'nimbusguard.io/template-hash';
/** Knative's own default and upper bound of a revision's time-out, seconds. */
const DEFAULT_TIMEOUT_SECONDS = 300;

/** How a Knative Service is that somebody else runs. */
export interface ServiceReport {
  readonly isReady: boolean;
  readonly url: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ServingOptions {
  /** Services whose pods run here, behind a Deployment. */
  readonly isPodBacked: (service: { namespace: string; name: string }) => boolean;
  /** Address people reach a service at; undefined while it has none. */
  readonly urlOf: (service: { namespace: string; name: string }) => string | undefined;
  readonly onError: (error: unknown, what: string) => void;
}

const ownedBy = ({ apiVersion, kind, metadata }: KubeObject): Dict[] => [
  {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  },
];

const hashOf = (template: unknown): string =>
  createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 16);

/** The pod template that Knative would make of a Service's: its labels, its environment. */
function podTemplate(service: KubeObject, revision: string): Dict {
  const name = service.metadata.name;
  const template = at(service, 'spec', 'template');
  const given = at(template, 'spec') as Dict;
  const timeoutSeconds = given['timeoutSeconds'];
  const spec = omit(given, 'containerConcurrency', 'timeoutSeconds');
  const labels = {
    ...(at(template, 'metadata', 'labels') as Record<string, string> | undefined),
    app: revision,
    [LABEL]: name,
    'serving.knative.dev/configuration': name,
    'serving.knative.dev/revision': revision,
  };
  const injected = [
    { name: 'K_REVISION', value: revision },
    { name: 'K_CONFIGURATION', value: name },
    { name: 'K_SERVICE', value: name },
  ];
  const containers = listAt(spec, 'containers').map((container, position) => {
    const own = isDict(container) ? container : {};
    const named = { name: `user-container${position === 0 ? '' : `-${position}`}`, ...own };
    return {
      ...named,
      env: [...listAt(own, 'env'), ...injected],
      readinessProbe: own['readinessProbe'] ?? { tcpSocket: {} },
    };
  });
  const grace = typeof timeoutSeconds === 'number' ? timeoutSeconds : DEFAULT_TIMEOUT_SECONDS;
  return {
    metadata: { labels, annotations: at(template, 'metadata', 'annotations') ?? {} },
    spec: { ...spec, containers, terminationGracePeriodSeconds: grace },
  };
}

type Readiness = Pick<Condition, 'status' | 'reason' | 'message'>;

function readiness(report: ServiceReport | undefined): Readiness {
  if (report?.isReady === true) return { status: 'True' };
  return {
    status: report === undefined ? 'Unknown' : 'False',
    reason: report?.reason ?? 'Deploying',
    message: report?.message ?? 'not started yet',
  };
}

interface ServiceFacts {
  readonly revision: string;
  readonly url: string | undefined;
  readonly ready: Readiness;
  readonly time: string;
}

/** The status of a Knative Service; the last revision that was ready stays named while a newer is not. */
function serviceStatus(live: KubeObject, { revision, url, ready, time }: ServiceFacts): Dict {
  const before = (at(live, 'status', 'conditions') ?? []) as Condition[];
  const earlier = textAt(live, 'status', 'latestReadyRevisionName');
  const latestReadyRevisionName = ready.status === 'True' ? revision : earlier;
  return {
    observedGeneration: live.metadata.generation,
    conditions: ['ConfigurationsReady', 'Ready', 'RoutesReady'].reduce<Condition[]>(
      (all, type) => withCondition(all, { type, ...ready }, time),
      before,
    ),
    latestCreatedRevisionName: revision,
    ...(latestReadyRevisionName === ''
      ? {}
      : {
          latestReadyRevisionName,
          traffic: [{ latestRevision: true, percent: 100, revisionName: latestReadyRevisionName }],
        }),
    ...(url === undefined || url === '' ? {} : { url, address: { url } }),
  };
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
    const template = at(service, 'spec', 'template');
    const hash = hashOf(template);
    const latest = textAt(service, 'status', 'latestCreatedRevisionName');
    const found = latest === '' ? undefined : this.#api.find(kind, { namespace, name: latest });
    if (found?.metadata.annotations?.[HASH] === hash) return latest;
    const number = Number(/-(\d{5})$/.exec(latest)?.[1] ?? 0) + 1;
    const revision = `${name}-${String(number).padStart(5, '0')}`;
    const object: NewObject = {
      apiVersion: GROUP_VERSION,
      kind: 'Revision',
      metadata: {
        name: revision,
        labels: {
          [LABEL]: name,
          'serving.knative.dev/configuration': name,
          'serving.knative.dev/configurationGeneration': String(number),
        },
        annotations: {
          ...(at(template, 'metadata', 'annotations') as Record<string, string> | undefined),
          [HASH]: hash,
        },
        ownerReferences: ownedBy(service) as never,
      },
      spec: structuredClone(at(template, 'spec')),
    };
    if (this.#api.find(kind, { namespace, name: revision }) === undefined) {
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
    if (found === undefined) {
      this.#createDeployment(service, template);
      this.#createService(service);
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

  #createDeployment(service: KubeObject, template: Dict): void {
    const { name, namespace } = service.metadata;
    const least = Number(
      textAt(template, 'metadata', 'annotations', 'autoscaling.knative.dev/min-scale') || 1,
    );
    const deployment: NewObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name,
        labels: { ...service.metadata.labels, [LABEL]: name },
        ownerReferences: ownedBy(service) as never,
      },
      spec: {
        replicas: Math.max(1, least),
        selector: { matchLabels: { [LABEL]: name } },
        template,
      },
    };
    this.#api.create(this.#api.kind('apps/v1', 'Deployment'), deployment, {
      manager: MANAGER,
      namespace,
    });
  }

  #createService(service: KubeObject): void {
    const kind = this.#api.kind('v1', 'Service');
    const { name, namespace } = service.metadata;
    if (this.#api.find(kind, { namespace, name }) !== undefined) return;
    const object: NewObject = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, ownerReferences: ownedBy(service) as never },
      spec: { selector: { [LABEL]: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    };
    this.#api.create(kind, object, { manager: MANAGER, namespace });
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
