// The `/scale` subresource: one number of replicas, whatever kind it belongs to.
import { subjectOf, type Resource, type ScalePaths } from '../kinds/resource.ts';
import { at, isDict, numberAt, setAt, textAt, type KubeObject, type NewObject } from '../types.ts';
import { badValue, invalid } from './errors.ts';
import { asSelector, selectorText } from './selectors.ts';

/** The Scale of an object. */
export function scaleOf(object: KubeObject, paths: ScalePaths): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberAt(object, ...paths.specReplicas) ?? 0;
  const selector = paths.selector === null ? undefined : at(object, ...paths.selector);
  const text = isDict(selector)
    ? selectorText(asSelector(selector))
    : textAt({ selector }, 'selector');
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    // As the API server writes it: no replicas is no field.
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberAt(object, ...paths.statusReplicas) ?? 0,
      ...(text === '' ? {} : { selector: text }),
    },
  };
}

/** The object with the replicas and the preconditions of a Scale. Throws 422 for a bad number. */
export function withScale(
  live: KubeObject,
  scale: NewObject,
  how: { resource: Resource; paths: ScalePaths },
): NewObject {
  const replicas = at(scale, 'spec', 'replicas') ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    throw invalid(
      { ...subjectOf(how.resource, live.metadata.name), group: 'autoscaling', kind: 'Scale' },
      [badValue('spec.replicas', replicas, 'must be greater than or equal to 0')],
    );
  }
  const next = structuredClone(live) as NewObject;
  setAt(next, how.paths.specReplicas, replicas);
  const { uid, resourceVersion } = scale.metadata;
  if (uid !== undefined) next.metadata.uid = uid;
  if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
  else next.metadata.resourceVersion = live.metadata.resourceVersion;
  return next;
}
