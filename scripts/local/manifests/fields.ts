// Which fields of which kind the local runtime honours, and which it only lists at start.
import type { KubeObject } from './types.ts';

interface Fields {
  /** Patterns of leaf paths: `[]` is any array item, `**` at the end is everything below. */
  readonly honoured: readonly string[];
  /** Known, meant for a cluster, and without effect here. */
  readonly listed: readonly string[];
  /** What stands in no pattern: `refused` where it would change what events do, else `listed`. */
  readonly others: 'refused' | 'listed';
}

const metadata = [
  'apiVersion',
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.labels**',
  'metadata.annotations**',
];
const destination = (at: string): string[] =>
  ['apiVersion', 'kind', 'name', 'namespace'].map((key) => `${at}.ref.${key}`).concat(`${at}.uri`);
const delivery = ['retry', 'backoffPolicy', 'backoffDelay', 'timeout']
  .map((key) => `spec.delivery.${key}`)
  .concat(destination('spec.delivery.deadLetterSink'));
const probe = (name: string): string[] =>
  [
    'httpGet.path',
    'initialDelaySeconds',
    'periodSeconds',
    'timeoutSeconds',
    'failureThreshold',
  ].map((key) => `spec.template.spec.containers[].${name}.${key}`);
const autoscaling = [
  'min-scale',
  'max-scale',
  'window',
  'scale-down-delay',
  'scale-to-zero-pod-retention-period',
].map((key) => `spec.template.metadata.annotations[autoscaling.knative.dev/${key}]`);

const served: Fields = { honoured: ['**'], listed: [], others: 'listed' };
const inContainer = (key: string): string => `spec.template.spec.containers[].${key}`;

const KINDS: Readonly<Record<string, Fields>> = {
  'serving.knative.dev/Service': {
    honoured: [
      ...metadata,
      ...autoscaling,
      'spec.template.metadata.labels**',
      'spec.template.spec.containerConcurrency',
      'spec.template.spec.timeoutSeconds',
      'spec.template.spec.containers[].name',
      'spec.template.spec.containers[].image',
      'spec.template.spec.containers[].env**',
      'spec.template.spec.containers[].envFrom**',
      ...probe('readinessProbe'),
      ...probe('livenessProbe'),
    ],
    listed: [
      'spec.template.metadata.annotations**',
      'spec.template.spec.serviceAccountName',
      'spec.template.spec.volumes**',
      'spec.template.spec.containers[].imagePullPolicy',
      'spec.template.spec.containers[].ports**',
      'spec.template.spec.containers[].resources**',
      'spec.template.spec.containers[].securityContext**',
      'spec.template.spec.containers[].volumeMounts**',
    ],
    others: 'listed',
  },
  'eventing.knative.dev/Broker': {
    honoured: [...metadata, ...delivery, 'spec.config**'],
    listed: [],
    others: 'refused',
  },
  'eventing.knative.dev/Trigger': {
    honoured: [
      ...metadata,
      ...delivery,
      ...destination('spec.subscriber'),
      'spec.broker',
      'spec.filter.attributes**',
      'spec.filters**',
    ],
    listed: [],
    others: 'refused',
  },
  'sources.knative.dev/PingSource': {
    honoured: [
      ...metadata,
      ...destination('spec.sink'),
      ...['schedule', 'timezone', 'contentType', 'data', 'dataBase64'].map((key) => `spec.${key}`),
      'spec.ceOverrides.extensions**',
    ],
    listed: [],
    others: 'refused',
  },
  'sources.knative.dev/SinkBinding': {
    honoured: [
      ...metadata,
      ...destination('spec.sink'),
      ...['apiVersion', 'kind', 'name', 'namespace'].map((key) => `spec.subject.${key}`),
      'spec.ceOverrides.extensions**',
    ],
    listed: [],
    others: 'refused',
  },
  '/ConfigMap': { honoured: [...metadata, 'data**'], listed: [], others: 'listed' },
  '/Secret': {
    honoured: [...metadata, 'data**', 'stringData**', 'type'],
    listed: [],
    others: 'listed',
  },
  '/Namespace': served,
  'apps/Deployment': {
    honoured: [
      ...metadata,
      ...['replicas', 'selector**', 'strategy**', 'revisionHistoryLimit', 'paused'].map(
        (key) => `spec.${key}`,
      ),
      'spec.template.metadata.labels**',
      'spec.template.metadata.annotations**',
      'spec.template.spec.terminationGracePeriodSeconds',
      ...['name', 'image', 'env**', 'envFrom**', 'ports**'].map(inContainer),
      ...['readinessProbe**', 'livenessProbe**'].map(inContainer),
    ],
    listed: [
      'spec.template.spec.initContainers**',
      'spec.template.spec.volumes**',
      ...['resources**', 'securityContext**', 'volumeMounts**'].map(inContainer),
    ],
    others: 'listed',
  },
  // Kept, shown, and written to by a policy of mode floor; no controller here scales by it.
  'autoscaling/HorizontalPodAutoscaler': {
    honoured: metadata,
    listed: ['spec**'],
    others: 'listed',
  },
  'apiextensions.k8s.io/CustomResourceDefinition': served,
  'nimbusguard.io/ScalingPolicy': served,
};

/** The one version of each group that is read. */
const VERSIONS: Readonly<Record<string, string>> = {
  '': 'v1',
  'serving.knative.dev': 'v1',
  'eventing.knative.dev': 'v1',
  'sources.knative.dev': 'v1',
  apps: 'v1',
  autoscaling: 'v2',
  'apiextensions.k8s.io': 'v1',
  'nimbusguard.io': 'v1alpha1',
};

const versionProblem = ({ apiVersion }: KubeObject): string[] => {
  const [group = '', version = ''] = apiVersion.includes('/')
    ? apiVersion.split('/')
    : ['', apiVersion];
  const read = VERSIONS[group];
  return version === read ? [] : [`apiVersion ${apiVersion} (instead of ${read ?? 'none'})`];
};

/** The local runtime runs the first container of a pod. */
const unrunContainers = ({ kind, spec }: KubeObject): string[] => {
  const template = spec?.['template'] as { spec?: { containers?: unknown } } | undefined;
  const containers = template?.spec?.containers;
  return kind === 'Deployment' && Array.isArray(containers) && containers.length > 1
    ? ['every container but the first']
    : [];
};

/** `group/Kind`; the core group is empty. */
export const groupKind = (object: KubeObject): string => {
  const slash = object.apiVersion.indexOf('/');
  return `${slash < 0 ? '' : object.apiVersion.slice(0, slash)}/${object.kind}`;
};

const PLAIN_KEY = /^[A-Za-z0-9_]+$/;

/** Paths of all leaves: `spec.filters[].exact.type`, `metadata.annotations[a.b/c]`; what is empty is one. */
function leafPaths(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [at];
  if (Array.isArray(value)) return value.flatMap((item) => leafPaths(item, `${at}[]`));
  return Object.entries(value).flatMap(([key, below]) => {
    const step = PLAIN_KEY.test(key) ? (at === '' ? key : `.${key}`) : `[${key}]`;
    return leafPaths(below, at + step);
  });
}

const matches = (pattern: string, path: string): boolean =>
  pattern.endsWith('**') ? path.startsWith(pattern.slice(0, -2)) : path === pattern;
/** Nothing stands where something may: `spec: {}`, `filters: []`. */
const isAbove = (pattern: string, path: string): boolean =>
  pattern.startsWith(path) && '.[*'.includes(pattern.charAt(path.length));

/** The short form of a path in a message. */
const short = (path: string): string =>
  path
    .replace('spec.template.metadata.annotations', '')
    .replace('spec.template.spec.', '')
    .replace('containers[].', '')
    .replace('**', '');

export interface FieldVerdict {
  /** Kind unknown to the local runtime: kept as an object, without effect. */
  readonly known: boolean;
  readonly refused: readonly string[];
  readonly listed: readonly string[];
}

/** Sorts every leaf of the object into honoured, listed or refused; nothing is passed over. */
export function judgeFields(object: KubeObject): FieldVerdict {
  const fields = KINDS[groupKind(object)];
  if (fields === undefined) return { known: false, refused: [], listed: [] };
  const refused = new Set<string>(versionProblem(object));
  const listed = new Set<string>(unrunContainers(object));
  for (const path of leafPaths(object)) {
    const isHonoured = (pattern: string): boolean =>
      matches(pattern, path) || isAbove(pattern, path);
    if (fields.honoured.some(isHonoured)) continue;
    const pattern = fields.listed.find((candidate) => matches(candidate, path));
    const annotation = path.startsWith('spec.template.metadata.annotations');
    if (pattern !== undefined) listed.add(short(annotation ? path : pattern));
    else if (fields.others === 'listed') listed.add(short(path));
    else refused.add(path);
  }
  return { known: true, refused: [...refused], listed: [...listed] };
}
