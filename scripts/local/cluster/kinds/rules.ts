// Defaults and checks of the built-in kinds, as far as somebody depends on them here.
import { isDeepStrictEqual } from 'node:util';
import { badValue, missingValue, type Cause } from '../api/errors.ts';
import { matchesSelector, asSelector } from '../api/selectors.ts';
import {
  at,
  isDict,
  listAt,
  numberAt,
  setAt,
  textAt,
  type Dict,
  type KubeObject,
  type NewObject,
} from '../types.ts';
import { checkDefinition } from './custom.ts';
import { resourceId, type Resource } from './resource.ts';
import { checkPodShape, checkWorkloadShape, LABEL_VALUE } from './workload-schema.ts';

interface Rules {
  /** Fills in what the API server would. */
  defaults?(object: NewObject): void;
  check?(object: NewObject, previous: KubeObject | undefined): Cause[];
}

function fill(target: Dict, values: Dict): void {
  for (const [key, value] of Object.entries(values)) target[key] ??= value;
}

const specOf = (object: NewObject): Dict => {
  if (!isDict(object['spec'])) object['spec'] = {};
  return object['spec'] as Dict;
};

/** To the built-in kinds a field that is null is one that is not there. */
function dropNulls(value: unknown): void {
  if (Array.isArray(value)) (value as unknown[]).forEach(dropNulls);
  if (!isDict(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) Reflect.deleteProperty(value, key);
    else dropNulls(inner);
  }
}

function podDefaults(spec: unknown): void {
  if (!isDict(spec)) return;
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
  });
  for (const container of listAt(spec, 'containers').filter(isDict)) {
    fill(container, { imagePullPolicy: 'IfNotPresent', resources: {} });
    for (const port of listAt(container, 'ports').filter(isDict)) fill(port, { protocol: 'TCP' });
    for (const name of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
      const probe = container[name];
      if (isDict(probe)) fill(probe, PROBE);
    }
  }
}

const PROBE = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };

function checkContainers(spec: unknown, path: string): Cause[] {
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) return [missingValue(`${path}.containers`)];
  return containers.flatMap((container, i) => [
    ...(textAt(container, 'name') === '' ? [missingValue(`${path}.containers[${i}].name`)] : []),
    ...(textAt(container, 'image') === '' ? [missingValue(`${path}.containers[${i}].image`)] : []),
  ]);
}

function checkReplicas(object: NewObject): Cause[] {
  const replicas = at(object, 'spec', 'replicas');
  if (replicas === undefined) return [];
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    return [badValue('spec.replicas', replicas, 'must be an integer')];
  }
  if (replicas >= 0 && replicas < 2 ** 31) return [];
  return [badValue('spec.replicas', replicas, 'must be from 0 to 2147483647')];
}

function checkSelector(object: NewObject): Cause[] {
  const selector = at(object, 'spec', 'selector');
  if (!isDict(selector)) return [missingValue('spec.selector')];
  const labels = at(object, 'spec', 'template', 'metadata', 'labels');
  const template = { metadata: { labels } } as unknown as KubeObject;
  if (matchesSelector(asSelector(selector))(template)) return [];
  return [
    badValue(
      'spec.template.metadata.labels',
      labels,
      '`selector` does not match template `labels`',
    ),
  ];
}

/** What the fields mean is asked once their shapes are right. */
function checkWorkload(object: NewObject, previous: KubeObject | undefined): Cause[] {
  const shape = [...checkReplicas(object), ...checkWorkloadShape(object)];
  if (shape.length > 0) return shape;
  const selector = at(object, 'spec', 'selector');
  const isFixed =
    previous === undefined || isDeepStrictEqual(at(previous, 'spec', 'selector'), selector);
  return [
    ...checkSelector(object),
    ...(isFixed ? [] : [badValue('spec.selector', selector, 'field is immutable')]),
    ...checkContainers(at(object, 'spec', 'template', 'spec'), 'spec.template.spec'),
  ];
}

function checkPod(object: NewObject): Cause[] {
  const shape = checkPodShape(object);
  return shape.length > 0 ? shape : checkContainers(object['spec'], 'spec');
}

const WORKLOAD: Rules = {
  defaults(object) {
    dropNulls(object['spec']);
    fill(specOf(object), { replicas: 1 });
    podDefaults(at(object, 'spec', 'template', 'spec'));
  },
  check: checkWorkload,
};

const RULES: Record<string, Rules> = {
  'deployments.apps': {
    defaults(object) {
      WORKLOAD.defaults?.(object);
      fill(specOf(object), {
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
        },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
      });
    },
    check: checkWorkload,
  },
  'replicasets.apps': WORKLOAD,
  'statefulsets.apps': WORKLOAD,
  pods: {
    defaults(object) {
      dropNulls(object['spec']);
      podDefaults(object['spec']);
      object['status'] ??= { phase: 'Pending', qosClass: 'Burstable' };
    },
    check: checkPod,
  },
  services: {
    defaults(object) {
      fill(specOf(object), { type: 'ClusterIP', sessionAffinity: 'None' });
      for (const port of listAt(object, 'spec', 'ports').filter(isDict)) {
        fill(port, { protocol: 'TCP', targetPort: port['port'] });
      }
      if (textAt(object, 'spec', 'type') === 'ClusterIP')
        fill(specOf(object), { clusterIP: 'None' });
    },
  },
  namespaces: {
    defaults(object) {
      setAt(object, ['metadata', 'labels', 'kubernetes.io/metadata.name'], object.metadata.name);
      object['spec'] ??= { finalizers: ['kubernetes'] };
      object['status'] ??= { phase: 'Active' };
    },
  },
  secrets: {
    defaults(object) {
      object['type'] ??= 'Opaque';
      const plain = object['stringData'];
      if (!isDict(plain)) return;
      for (const [key, value] of Object.entries(plain)) {
        setAt(object, ['data', key], Buffer.from(String(value)).toString('base64'));
      }
      Reflect.deleteProperty(object, 'stringData');
    },
  },
  'horizontalpodautoscalers.autoscaling': {
    defaults: (object) => fill(specOf(object), { minReplicas: 1 }),
    check(object) {
      const most = numberAt(object, 'spec', 'maxReplicas');
      const least = numberAt(object, 'spec', 'minReplicas') ?? 1;
      if (most === undefined) return [missingValue('spec.maxReplicas')];
      if (most < 1) return [badValue('spec.maxReplicas', most, 'must be greater than 0')];
      return most < least
        ? [badValue('spec.maxReplicas', most, 'must be greater than or equal to `minReplicas`')]
        : [];
    },
  },
  'customresourcedefinitions.apiextensions.k8s.io': { check: checkDefinition },
};

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_RULE =
  "a valid label must be an empty string or at most 63 alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
/** Kinds whose names may hold more than a DNS subdomain. */
const FREE_NAMES = new Set(['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings']);

function checkName(resource: Resource, name: string): Cause[] {
  if (FREE_NAMES.has(resource.plural)) return [];
  return name.length <= 253 && DNS_SUBDOMAIN.test(name)
    ? []
    : [
        badValue(
          'metadata.name',
          name,
          "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        ),
      ];
}

/** A label that no selector could name is none; an annotation may be any text. */
const labelProblem = (field: 'labels' | 'annotations', text: string): string | undefined =>
  field === 'annotations' || LABEL_VALUE.test(text) ? undefined : LABEL_RULE;

function checkLabels(object: NewObject): Cause[] {
  return (['labels', 'annotations'] as const).flatMap((field) => {
    const value: unknown = object.metadata[field];
    if (value === undefined || value === null) return [];
    if (!isDict(value)) return [badValue(`metadata.${field}`, value, 'must be an object')];
    return Object.entries(value).flatMap(([key, text]) => {
      const why = typeof text === 'string' ? labelProblem(field, text) : 'must be a string';
      return why === undefined ? [] : [badValue(`metadata.${field}.${key}`, text, why)];
    });
  });
}

const isOwner = (value: unknown): boolean =>
  ['apiVersion', 'kind', 'name', 'uid'].every((field) => textAt(value, field) !== '');

function checkManagedFields({ metadata }: NewObject): Cause[] {
  const entries: unknown = metadata.managedFields ?? [];
  const isRight = Array.isArray(entries) && entries.every(isDict);
  return isRight ? [] : [badValue('metadata.managedFields', entries, 'must be a list of entries')];
}

function checkReferences({ metadata }: NewObject): Cause[] {
  const owners: unknown = metadata.ownerReferences ?? [];
  const finalizers: unknown = metadata.finalizers ?? [];
  const areTexts =
    Array.isArray(finalizers) && finalizers.every((value: unknown) => typeof value === 'string');
  return [
    ...(Array.isArray(owners) && owners.every(isOwner)
      ? []
      : [
          badValue(
            'metadata.ownerReferences',
            owners,
            'must be a list of objects with apiVersion, kind, name and uid',
          ),
        ]),
    ...(areTexts ? [] : [badValue('metadata.finalizers', finalizers, 'must be a list of names')]),
  ];
}

/** Fills in defaults in place; returns the paths of unknown fields that were dropped. */
export function applyDefaults(resource: Resource, object: NewObject): string[] {
  RULES[resourceId(resource)]?.defaults?.(object);
  return resource.schema?.prepare(object) ?? [];
}

export const findProblems = (
  resource: Resource,
  object: NewObject,
  previous: KubeObject | undefined,
): Cause[] => [
  ...checkName(resource, object.metadata.name ?? ''),
  ...checkLabels(object),
  ...checkReferences(object),
  ...checkManagedFields(object),
  ...(RULES[resourceId(resource)]?.check?.(object, previous) ?? []),
  ...(resource.schema?.check(object, previous) ?? []),
];
