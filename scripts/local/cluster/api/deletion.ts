// Deleting: at once, or by a mark where finalizers or a running pod stand against it.
import { resourceId, subjectOf, type Resource } from '../kinds/resource.ts';
import type { KubeObject } from '../types.ts';
import { conflict } from './errors.ts';
import { checkWrite, isoSeconds, type Preconditions } from './metadata.ts';

export interface DeleteOptions {
  readonly graceSeconds?: number | undefined;
  readonly preconditions?: Preconditions | undefined;
  readonly dryRun?: boolean;
}

/** Seconds a pod that runs somewhere is given; others go at once. */
function graceOf(resource: Resource, live: KubeObject, asked: number | undefined): number {
  if (resourceId(resource) !== 'pods') return 0;
  const spec = live['spec'] as { nodeName?: string; terminationGracePeriodSeconds?: number };
  return spec.nodeName === undefined ? 0 : (asked ?? spec.terminationGracePeriodSeconds ?? 30);
}

function checkDelete(resource: Resource, live: KubeObject, preconditions: Preconditions): void {
  const { resourceVersion, uid } = preconditions;
  checkWrite(resource, live, { uid });
  if (resourceVersion === undefined || resourceVersion === live.metadata.resourceVersion) return;
  throw conflict(
    subjectOf(resource, live.metadata.name),
    `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${live.metadata.resourceVersion}`,
  );
}

export type Deletion =
  { readonly isNow: true } | { readonly isNow: false; readonly marked: KubeObject };

/** What deleting this object means now. Throws 409 where a precondition does not hold. */
export function planDeletion(
  resource: Resource,
  live: KubeObject,
  how: { options: DeleteOptions; nowMs: number },
): Deletion {
  checkDelete(resource, live, how.options.preconditions ?? {});
  const graceSeconds = graceOf(resource, live, how.options.graceSeconds);
  const isNamespace = resourceId(resource) === 'namespaces';
  const waits = graceSeconds > 0 || (live.metadata.finalizers ?? []).length > 0 || isNamespace;
  if (!waits) return { isNow: true };
  if (live.metadata.deletionTimestamp !== undefined) return { isNow: false, marked: live };
  const metadata = {
    ...live.metadata,
    deletionTimestamp: isoSeconds(how.nowMs + graceSeconds * 1000),
    ...(resourceId(resource) === 'pods' ? { deletionGracePeriodSeconds: graceSeconds } : {}),
  };
  const status = isNamespace ? { status: { phase: 'Terminating' } } : {};
  return { isNow: false, marked: { ...live, metadata, ...status } };
}
