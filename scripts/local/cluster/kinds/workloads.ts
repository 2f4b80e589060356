// Pods and what makes them: rows as kubectl users know them.
import type { ContainerStatus, KubeObject, Pod } from '../types.ts';
import { at, isDict, listAt, numberAt, textAt } from '../types.ts';
import { AGE, NAME, ageText, column, pathColumn, type Column, type Resource } from './resource.ts';

const containers = (what: 'name' | 'image'): Column['value'] => {
  return (object) =>
    listAt(object, 'spec', 'template', 'spec', 'containers')
      .map((c) => textAt(c, what))
      .join(',');
};

const selectorText: Column['value'] = (object) => {
  const labels = at(object, 'spec', 'selector', 'matchLabels');
  if (!isDict(labels)) return null;
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',');
};

const WIDE: Column[] = [
  column('Containers', containers('name'), { wide: true }),
  column('Images', containers('image'), { wide: true }),
  column('Selector', selectorText, { wide: true }),
];

const status =
  (field: string): Column['value'] =>
  (object) =>
    numberAt(object, 'status', field) ?? 0;

const readyOfWanted: Column['value'] = (object) =>
  `${numberAt(object, 'status', 'readyReplicas') ?? 0}/${numberAt(object, 'spec', 'replicas') ?? 1}`;

const SCALE = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
} as const;

const APPS = {
  group: 'apps',
  version: 'v1',
  categories: ['all'],
  namespaced: true,
  status: true,
  scale: SCALE,
  generation: true,
  selectable: [],
} as const;

export const DEPLOYMENT: Resource = {
  ...APPS,
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  columns: [
    NAME,
    column('Ready', readyOfWanted),
    column('Up-to-date', status('updatedReplicas'), { type: 'integer' }),
    column('Available', status('availableReplicas'), { type: 'integer' }),
    AGE,
    ...WIDE,
  ],
};

export const REPLICASET: Resource = {
  ...APPS,
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  columns: [
    NAME,
    column('Desired', (object) => numberAt(object, 'spec', 'replicas') ?? 1, { type: 'integer' }),
    column('Current', status('replicas'), { type: 'integer' }),
    column('Ready', status('readyReplicas'), { type: 'integer' }),
    AGE,
    ...WIDE,
  ],
};

export const STATEFULSET: Resource = {
  ...APPS,
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  columns: [NAME, column('Ready', readyOfWanted), AGE, ...WIDE.slice(0, 2)],
};

const containerStatuses = (object: KubeObject): ContainerStatus[] =>
  (object as Pod).status?.containerStatuses ?? [];

/** The STATUS cell: the most telling of phase, waiting reason and end. */
function podStatus(object: KubeObject): string {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const { state } of containerStatuses(object)) {
    if (state.waiting !== undefined) return state.waiting.reason;
    if (state.terminated !== undefined) return state.terminated.reason;
  }
  return textAt(object, 'status', 'phase') || 'Unknown';
}

const restarts: Column['value'] = (object, nowMs) => {
  const all = containerStatuses(object);
  const sum = all.reduce((total, { restartCount }) => total + restartCount, 0);
  const last = all
    .map(({ lastState }) => lastState.terminated?.finishedAt ?? '')
    .sort()
    .at(-1);
  return last === undefined || last === '' ? sum : `${sum} (${ageText(last, nowMs)} ago)`;
};

export const POD: Resource = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  status: true,
  generation: true,
  selectable: ['spec.nodeName', 'spec.restartPolicy', 'status.phase', 'status.podIP'],
  columns: [
    NAME,
    column(
      'Ready',
      (object) =>
        `${containerStatuses(object).filter(({ ready }) => ready).length}/${listAt(object, 'spec', 'containers').length}`,
    ),
    column('Status', podStatus),
    column('Restarts', restarts),
    AGE,
    pathColumn('IP', '.status.podIP', { wide: true }),
    pathColumn('Node', '.spec.nodeName', { wide: true }),
    column('Nominated Node', () => null, { wide: true }),
    column('Readiness Gates', () => null, { wide: true }),
  ],
};
