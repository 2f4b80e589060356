// How the objects of a target hang together: the same to who observes it and to who writes it.
import type { Target } from '../events/index.ts';
import type { Kind } from './kinds.ts';
import type { Json } from './kubernetes-api.ts';
import { annotation, count, list, metadata, record, text } from './objects.ts';

export const MIN_SCALE = 'autoscaling.knative.dev/min-scale';
export const MAX_SCALE = 'autoscaling.knative.dev/max-scale';
/** Replicas that nobody asks for: stands for no limit, and is as many as a policy may allow. */
export const UNBOUNDED = 10_000;

/** The object that a policy points at, as it stands in events. */
export const targetOf = (kind: Kind, object: Json): Target => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  namespace: text(metadata(object)['namespace']) ?? '',
  name: text(metadata(object)['name']) ?? '',
  uid: text(metadata(object)['uid']) ?? '',
});

/** Name of the ScaledObject that KEDA made this HPA from; undefined where it is nobody's but the user's. */
export function kedaMaker(hpa: Json): string | undefined {
  const owners = list(metadata(hpa)['ownerReferences']);
  const maker = owners.find(({ kind }) => kind === 'ScaledObject');
  return maker === undefined ? undefined : (text(maker['name']) ?? '');
}

/** The HPA that scales this workload, if any of these does. */
export const scalerOf = (hpas: readonly Json[], kind: Kind, name: string): Json | undefined =>
  hpas.find((hpa) => {
    const ref = record(record(hpa['spec'])['scaleTargetRef']);
    return ref['kind'] === kind.kind && ref['name'] === name;
  });

/** Revisions that get traffic: only their minimum counts. */
export function servingRevisions(service: Json, revisions: readonly Json[]): Json[] {
  const serving = new Set(
    list(record(service['status'])['traffic'])
      .filter((route) => Number(route['percent'] ?? 0) > 0)
      .map((route) => route['revisionName']),
  );
  return revisions.filter((revision) => serving.has(metadata(revision)['name']));
}

/** What MIN_SCALE or MAX_SCALE says on a Revision; null where it is not set, or no number. */
export function scaleOf(revision: Json, name: string): number | null {
  const value = annotation(revision, name);
  return value === undefined ? null : (count(Number(value)) ?? null);
}
