import type { TargetRef } from '../events/index.ts';

/** A kind that can be a target, stands behind one, or is about one. */
export interface Kind {
  readonly kind: string;
  readonly apiVersion: string;
  /** What any version of its API group begins with. */
  readonly group: string;
  readonly plural: string;
}

export const DEPLOYMENT: Kind = {
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  group: 'apps/',
  plural: 'deployments',
};
export const STATEFUL_SET: Kind = { ...DEPLOYMENT, kind: 'StatefulSet', plural: 'statefulsets' };
export const HPA: Kind = {
  kind: 'HorizontalPodAutoscaler',
  apiVersion: 'autoscaling/v2',
  group: 'autoscaling/',
  plural: 'horizontalpodautoscalers',
};
export const SCALED_OBJECT: Kind = {
  kind: 'ScaledObject',
  apiVersion: 'keda.sh/v1alpha1',
  group: 'keda.sh/',
  plural: 'scaledobjects',
};
export const KNATIVE_SERVICE: Kind = {
  kind: 'Service',
  apiVersion: 'serving.knative.dev/v1',
  group: 'serving.knative.dev/',
  plural: 'services',
};
export const REVISION: Kind = { ...KNATIVE_SERVICE, kind: 'Revision', plural: 'revisions' };
export const POLICY: Kind = {
  kind: 'ScalingPolicy',
  apiVersion: 'nimbusguard.io/v1alpha1',
  group: 'nimbusguard.io/',
  plural: 'scalingpolicies',
};
export const POD: Kind = { kind: 'Pod', apiVersion: 'v1', group: '', plural: 'pods' };

export const TARGETS: readonly Kind[] = [
  DEPLOYMENT,
  STATEFUL_SET,
  HPA,
  SCALED_OBJECT,
  KNATIVE_SERVICE,
];

export const SUPPORTED_TARGETS = TARGETS.map(
  ({ apiVersion, kind }) => `${apiVersion} ${kind}`,
).join(', ');

/** The kind a policy names, or undefined where NimbusGuard does not know it. */
export const targetKind = (ref: Pick<TargetRef, 'apiVersion' | 'kind'>): Kind | undefined =>
  TARGETS.find(({ kind, group }) => kind === ref.kind && ref.apiVersion.startsWith(group));

/** Path of a namespace's objects of a kind. */
export const collectionPath = (kind: Kind, namespace: string): string =>
  `${kind.apiVersion === 'v1' ? '/api' : '/apis'}/${kind.apiVersion}/namespaces/${namespace}/${kind.plural}`;

/** Path of one object. */
export const objectPath = (kind: Kind, namespace: string, name: string): string =>
  `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;

/** Path of the policies of all namespaces. */
export const EVERY_POLICY = `/apis/${POLICY.apiVersion}/${POLICY.plural}`;
