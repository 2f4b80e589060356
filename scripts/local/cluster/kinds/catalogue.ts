// The kinds that are served from the start. Custom resources are added when their definition is.
import { at, isDict, listAt, numberAt, textAt } from '../types.ts';
import {
  AGE,
  CREATED_AT,
  NAME,
  ageText,
  apiVersionOf,
  column,
  pathColumn,
  type Column,
  type Resource,
} from './resource.ts';
import { KNATIVE } from './knative.ts';
import { kind } from './kind.ts';
import { DEPLOYMENT, POD, REPLICASET, STATEFULSET } from './workloads.ts';

const count = (...path: string[]): Column['value'] => {
  return (object) => {
    const value = at(object, ...path);
    return isDict(value) ? Object.keys(value).length : 0;
  };
};

const ports: Column['value'] = (object) =>
  listAt(object, 'spec', 'ports')
    .map((port) => {
      const node = textAt(port, 'nodePort');
      return `${textAt(port, 'port')}${node === '' ? '' : `:${node}`}/${textAt(port, 'protocol') || 'TCP'}`;
    })
    .join(',') || null;

const selector: Column['value'] = (object) => {
  const labels = at(object, 'spec', 'selector');
  if (!isDict(labels)) return null;
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',');
};

const CORE: Resource[] = [
  kind({
    kind: 'Namespace',
    in: 'v1',
    shortNames: ['ns'],
    namespaced: false,
    status: true,
    selectable: ['status.phase'],
    columns: [NAME, pathColumn('Status', '.status.phase'), AGE],
  }),
  kind({
    kind: 'Node',
    in: 'v1',
    shortNames: ['no'],
    namespaced: false,
    status: true,
    columns: [
      NAME,
      column('Status', (object) =>
        listAt(object, 'status', 'conditions').some(
          (c) => textAt(c, 'type') === 'Ready' && textAt(c, 'status') === 'True',
        )
          ? 'Ready'
          : 'NotReady',
      ),
      column('Roles', () => '<none>'),
      AGE,
      pathColumn('Version', '.status.nodeInfo.kubeletVersion'),
    ],
  }),
  kind({
    kind: 'ConfigMap',
    in: 'v1',
    shortNames: ['cm'],
    columns: [NAME, column('Data', count('data'), { type: 'integer' }), AGE],
  }),
  kind({
    kind: 'Secret',
    in: 'v1',
    selectable: ['type'],
    columns: [
      NAME,
      pathColumn('Type', '.type'),
      column('Data', count('data'), { type: 'integer' }),
      AGE,
    ],
  }),
  kind({
    kind: 'ServiceAccount',
    in: 'v1',
    shortNames: ['sa'],
    columns: [
      NAME,
      column('Secrets', (o) => listAt(o, 'secrets').length, { type: 'integer' }),
      AGE,
    ],
  }),
  kind({
    kind: 'Service',
    in: 'v1',
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
    columns: [
      NAME,
      pathColumn('Type', '.spec.type'),
      pathColumn('Cluster-IP', '.spec.clusterIP'),
      column('External-IP', (object) => textAt(object, 'spec', 'externalName') || '<none>'),
      column('Port(s)', ports),
      AGE,
      column('Selector', selector, { wide: true }),
    ],
  }),
  kind({
    kind: 'Event',
    in: 'v1',
    shortNames: ['ev'],
    selectable: [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'type',
      'source',
      'reportingComponent',
    ],
    columns: [
      column('Last Seen', (object, nowMs) =>
        ageText(
          textAt(object, 'lastTimestamp') ||
            textAt(object, 'eventTime') ||
            object.metadata.creationTimestamp,
          nowMs,
        ),
      ),
      pathColumn('Type', '.type'),
      pathColumn('Reason', '.reason'),
      column(
        'Object',
        (object) =>
          `${textAt(object, 'involvedObject', 'kind').toLowerCase()}/${textAt(object, 'involvedObject', 'name')}`,
      ),
      pathColumn('Message', '.message'),
      column('Count', (object) => numberAt(object, 'count') ?? 1, { type: 'integer', wide: true }),
      { ...NAME, priority: 1 },
    ],
  }),
];

const hpaTargets: Column['value'] = (object) => {
  const current = listAt(object, 'status', 'currentMetrics');
  const shown = listAt(object, 'spec', 'metrics').map((metric, position) => {
    const wanted = textAt(metric, 'resource', 'target', 'averageUtilization');
    const seen = textAt(current[position], 'resource', 'current', 'averageUtilization');
    return `${textAt(metric, 'resource', 'name') || textAt(metric, 'type')}: ${seen === '' ? '<unknown>' : `${seen}%`}/${wanted}%`;
  });
  return shown.join(', ') || '<none>';
};

const OTHERS: Resource[] = [
  kind({
    kind: 'HorizontalPodAutoscaler',
    in: 'autoscaling/v2',
    shortNames: ['hpa'],
    categories: ['all'],
    status: true,
    columns: [
      NAME,
      column(
        'Reference',
        (object) =>
          `${textAt(object, 'spec', 'scaleTargetRef', 'kind')}/${textAt(object, 'spec', 'scaleTargetRef', 'name')}`,
      ),
      column('Targets', hpaTargets),
      column('MinPods', (object) => numberAt(object, 'spec', 'minReplicas') ?? 1),
      pathColumn('MaxPods', '.spec.maxReplicas', { type: 'integer' }),
      column('Replicas', (object) => numberAt(object, 'status', 'currentReplicas') ?? 0, {
        type: 'integer',
      }),
      AGE,
    ],
  }),
  kind({
    kind: 'Lease',
    in: 'coordination.k8s.io/v1',
    columns: [NAME, pathColumn('Holder', '.spec.holderIdentity'), AGE],
  }),
  kind({
    kind: 'CustomResourceDefinition',
    in: 'apiextensions.k8s.io/v1',
    shortNames: ['crd', 'crds'],
    namespaced: false,
    status: true,
    generation: true,
    columns: [NAME, CREATED_AT],
  }),
  kind({
    kind: 'CronJob',
    in: 'batch/v1',
    shortNames: ['cj'],
    categories: ['all'],
    status: true,
    generation: true,
    columns: [
      NAME,
      pathColumn('Schedule', '.spec.schedule'),
      column('Suspend', (object) => String(at(object, 'spec', 'suspend') === true)),
      AGE,
    ],
  }),
  ...['Role', 'ClusterRole'].map((name) =>
    kind({
      kind: name,
      in: 'rbac.authorization.k8s.io/v1',
      namespaced: name === 'Role',
      columns: [NAME, CREATED_AT],
    }),
  ),
  ...['RoleBinding', 'ClusterRoleBinding'].map((name) =>
    kind({
      kind: name,
      in: 'rbac.authorization.k8s.io/v1',
      namespaced: name === 'RoleBinding',
      columns: [
        NAME,
        column('Role', (o) => `${textAt(o, 'roleRef', 'kind')}/${textAt(o, 'roleRef', 'name')}`),
        AGE,
      ],
    }),
  ),
];

const BUILT_IN: readonly Resource[] = [
  ...CORE,
  POD,
  DEPLOYMENT,
  REPLICASET,
  STATEFULSET,
  ...OTHERS,
  ...KNATIVE,
];

/** The kinds served at this moment, found by path or by kind. */
export class Catalogue {
  readonly #byPath = new Map<string, Resource>();
  readonly #byKind = new Map<string, Resource>();

  constructor(resources: readonly Resource[] = BUILT_IN) {
    for (const resource of resources) this.add(resource);
  }

  add(resource: Resource): void {
    this.#byPath.set(`${apiVersionOf(resource)}/${resource.plural}`, resource);
    this.#byKind.set(`${apiVersionOf(resource)}/${resource.kind}`, resource);
  }

  remove(resource: Resource): void {
    this.#byPath.delete(`${apiVersionOf(resource)}/${resource.plural}`);
    this.#byKind.delete(`${apiVersionOf(resource)}/${resource.kind}`);
  }

  byPlural(apiVersion: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${apiVersion}/${plural}`);
  }

  byKind(apiVersion: string, kindName: string): Resource | undefined {
    return this.#byKind.get(`${apiVersion}/${kindName}`);
  }

  all(): Resource[] {
    return [...this.#byPath.values()];
  }
}
