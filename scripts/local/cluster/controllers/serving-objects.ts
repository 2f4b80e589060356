// The objects that stand for a Knative Service: its Revision, the Deployment and Service of its pods, its
// status. Pure: serving.ts writes them.
import { createHash } from 'node:crypto';
import {
  at,
  isDict,
  listAt,
  omit,
  textAt,
  type Condition,
  type Dict,
  type KubeObject,
  type NewObject,
} from '../types.ts';
import { withCondition } from './conditions.ts';

export const GROUP_VERSION = 'serving.knative.dev/v1';
export const LABEL = 'serving.knative.dev/service';
export const HASH = 'nimbusguard.io/template-hash';
/** Knative's own default and upper bound of a revision's time-out, seconds. */
const DEFAULT_TIMEOUT_SECONDS = 300;

/** The number that a Revision's name ends with; 0 where it has none. */
export const revisionNumber = (name: string): number => Number(/-(\d{5})$/.exec(name)?.[1] ?? 0);

/** How a Knative Service is that somebody else runs. */
export interface ServiceReport {
  readonly isReady: boolean;
  readonly url: string;
  readonly reason?: string;
  readonly message?: string;
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

export const templateHash = (service: KubeObject): string =>
  createHash('sha256')
    .update(JSON.stringify(at(service, 'spec', 'template')))
    .digest('hex')
    .slice(0, 16);

/** The pod template that Knative would make of a Service's: its labels, its environment. */
export function podTemplate(service: KubeObject, revision: string): Dict {
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

export type Readiness = Pick<Condition, 'status' | 'reason' | 'message'>;

export function readiness(report: ServiceReport | undefined): Readiness {
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
export function serviceStatus(
  live: KubeObject,
  { revision, url, ready, time }: ServiceFacts,
): Dict {
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

/** `<service>-00001`: numbered by what its name ends with. */
export function revisionObject(service: KubeObject, revision: string, hash: string): NewObject {
  const { name } = service.metadata;
  const template = at(service, 'spec', 'template');
  return {
    apiVersion: GROUP_VERSION,
    kind: 'Revision',
    metadata: {
      name: revision,
      labels: {
        [LABEL]: name,
        'serving.knative.dev/configuration': name,
        'serving.knative.dev/configurationGeneration': String(revisionNumber(revision)),
      },
      annotations: {
        ...(at(template, 'metadata', 'annotations') as Record<string, string> | undefined),
        [HASH]: hash,
      },
      ownerReferences: ownedBy(service) as never,
    },
    spec: structuredClone(at(template, 'spec')),
  };
}

export function deploymentObject(service: KubeObject, template: Dict): NewObject {
  const { name } = service.metadata;
  const least = Number(
    textAt(template, 'metadata', 'annotations', 'autoscaling.knative.dev/min-scale') || 1,
  );
  return {
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
}

/** The Service in front of the pods of a Knative Service. */
export const podsServiceObject = (service: KubeObject): NewObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: service.metadata.name, ownerReferences: ownedBy(service) as never },
  spec: {
    selector: { [LABEL]: service.metadata.name },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  },
});
