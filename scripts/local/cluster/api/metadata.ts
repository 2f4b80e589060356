// What of an object belongs to the server, and what its writer may not change.
import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { resourceId, subjectOf, type Resource } from '../kinds/resource.ts';
import { omit, type KubeObject, type NewObject, type ObjectMeta } from '../types.ts';
import { conflict, staleVersion } from './errors.ts';

const comparable = (object: KubeObject): unknown => ({
  ...object,
  metadata: omit(object.metadata, 'managedFields', 'resourceVersion'),
});

/** Equal but for what every write changes. */
export const isNoChange = (a: KubeObject, b: KubeObject): boolean =>
  isDeepStrictEqual(comparable(a), comparable(b));

/** Whether the wanted state differs: all but metadata and status; of a Deployment, annotations too. */
export const wantsOther = (resource: Resource, a: KubeObject, b: KubeObject): boolean =>
  !isDeepStrictEqual(omit(a, 'metadata', 'status'), omit(b, 'metadata', 'status')) ||
  (resourceId(resource) === 'deployments.apps' &&
    !isDeepStrictEqual(a.metadata.annotations, b.metadata.annotations));

/** Five characters that make no words, as Kubernetes puts behind generateName. */
const suffix = (): string =>
  [...randomBytes(5)].map((byte) => 'bcdfghjklmnpqrstvwxz2456789'.charAt(byte % 27)).join('');

/** Kubernetes writes times in whole seconds. */
export const isoSeconds = (ms: number): string =>
  new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export function newMetadata(
  resource: Resource,
  given: Partial<ObjectMeta>,
  place: { namespace: string | undefined; time: string },
): ObjectMeta {
  const named = given.generateName === undefined ? '' : given.generateName + suffix();
  return {
    ...omit(
      given,
      'resourceVersion',
      'managedFields',
      'deletionTimestamp',
      'namespace',
      'deletionGracePeriodSeconds',
    ),
    name: given.name ?? named,
    ...(resource.namespaced && place.namespace !== undefined ? { namespace: place.namespace } : {}),
    uid: randomUUID(),
    resourceVersion: '',
    creationTimestamp: place.time,
    ...(resource.generation ? { generation: 1 } : {}),
  };
}

export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

const differs = (asked: string | undefined, found: string): asked is string =>
  asked !== undefined && asked !== '' && asked !== found;

/** 409 where the writer meant another object of the same name, or an earlier state of it. */
function checkWrite(
  resource: Resource,
  live: KubeObject,
  { uid, resourceVersion }: Preconditions,
): void {
  const subject = subjectOf(resource, live.metadata.name);
  if (differs(uid, live.metadata.uid)) {
    throw conflict(
      subject,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
    );
  }
  if (differs(resourceVersion, live.metadata.resourceVersion)) throw staleVersion(subject);
}

const FIXED = [
  'name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation',
  'deletionTimestamp', 'deletionGracePeriodSeconds',
] as const; // prettier-ignore

/** The writer's metadata with what belongs to the server put back; fields set to null are gone. */
function settledMetadata(live: ObjectMeta, next: Partial<ObjectMeta>): ObjectMeta {
  const own = Object.entries(omit(next, ...FIXED)).filter(
    ([, value]) => (value as unknown) !== null,
  );
  const fixed = FIXED.flatMap((key) => (live[key] === undefined ? [] : [[key, live[key]]]));
  return Object.fromEntries([...own, ...fixed]) as ObjectMeta;
}

/**
 * What is to be stored of a writer's `next`: the main path leaves the status as it is, `/status`
 * leaves all else.
 */
export function settle(
  resource: Resource,
  live: KubeObject,
  change: { next: NewObject; subresource: string },
): KubeObject {
  const { next, subresource } = change;
  checkWrite(resource, live, next.metadata);
  if (subresource === 'status') {
    // The status of a Deployment has an annotation with it: its revision.
    const { annotations } = next.metadata;
    const isDeployment = resourceId(resource) === 'deployments.apps' && annotations !== undefined;
    const metadata = { ...live.metadata, ...(isDeployment ? { annotations } : {}) };
    return { ...live, metadata, status: next['status'] };
  }
  const { apiVersion, kind } = live;
  const result: KubeObject = {
    ...next,
    apiVersion,
    kind,
    metadata: settledMetadata(live.metadata, next.metadata),
  };
  if (!resource.status) return result;
  return live['status'] === undefined
    ? (omit(result, 'status') as KubeObject)
    : { ...result, status: live['status'] };
}
