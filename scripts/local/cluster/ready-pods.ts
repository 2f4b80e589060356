// Which pods can take a request now: for the ingress.
import type { Api } from './api/api.ts';
import { asSelector, matchesSelector } from './api/selectors.ts';
import { isReady } from './controllers/replicaset.ts';
import { resourceId } from './kinds/resource.ts';
import type { LabelSelector, Pod } from './types.ts';

export interface ReadyPod {
  readonly name: string;
  readonly uid: string;
  readonly host: string;
  readonly port: number;
}

const isServing = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined && isReady(pod);

const toReadyPod = ({ metadata, spec, status }: Pod): ReadyPod => ({
  name: metadata.name,
  uid: metadata.uid,
  host: status?.podIP ?? '127.0.0.1',
  port: spec.containers[0]?.ports?.[0]?.containerPort ?? 0,
});

/**
 * Calls back with the pods that are ready and not terminating: at once, and within every write that
 * changes them. Returns what ends it.
 */
export function watchReadyPods(
  api: Api,
  where: { namespace: string; selector: LabelSelector },
  callback: (pods: readonly ReadyPod[]) => void,
): () => void {
  const matches = matchesSelector(asSelector(where.selector));
  const ready = new Map<string, ReadyPod>();
  for (const object of api.store.list(api.kind('v1', 'Pod'), where.namespace)) {
    if (matches(object) && isServing(object as Pod))
      ready.set(object.metadata.uid, toReadyPod(object as Pod));
  }
  callback([...ready.values()]);
  return api.store.subscribe(({ type, resource, object }) => {
    if (resourceId(resource) !== 'pods' || object.metadata.namespace !== where.namespace) return;
    const isIn = type !== 'DELETED' && matches(object) && isServing(object as Pod);
    if (isIn === ready.has(object.metadata.uid)) return;
    if (isIn) ready.set(object.metadata.uid, toReadyPod(object as Pod));
    else ready.delete(object.metadata.uid);
    callback([...ready.values()]);
  });
}
