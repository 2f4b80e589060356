// Deleting: at once, or by a mark where finalizers or a running pod stand against it.
import { resourceId, subjectOf, type Resource } from '../kinds/resource.ts';
import type { KubeObject } from '../types.ts';
import { conflict } from './errors.ts';
import { isoSeconds, type Preconditions } from './metadata.ts';

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
  for (const [field, word, what] of [
    ['uid', 'UID', 'deleted and then recreated'],
    ['resourceVersion', 'ResourceVersion', 'modified'],
  ] as const) {
    const asked = preconditions[field];
    const found = live.metadata[field];
    if (asked === undefined || asked === found) continue;
    throw conflict(
      subjectOf(resource, live.metadata.name),
      `the ${word} in the precondition (${asked}) does not match the ${word} in record (${found}). The object might have been ${what}`,
    );
  }
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
  const { generation } = live.metadata;
  const metadata = {
    ...live.metadata,
    deletionTimestamp: isoSeconds(how.nowMs + graceSeconds * 1000),
    ...(isNamespace ? {} : { deletionGracePeriodSeconds: graceSeconds }),
    ...(generation === undefined ? {} : { generation: generation + 1 }),
  };
  const status = isNamespace ? { status: { phase: 'Terminating' } } : {};
  return { isNow: false, marked: { ...live, metadata, ...status } };
}
