import type { Control, ControlledField, Refusal, TargetLocator } from '../ports.ts';
import { knativeField, plainField } from './fields.ts';
import {
  collectionPath,
  HPA,
  KNATIVE_SERVICE,
  objectPath,
  REVISION,
  SUPPORTED_TARGETS,
  targetKind,
  type Kind,
} from './kinds.ts';
import { ApiError, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { list, metadata, text } from './objects.ts';
import { kedaMaker, scalerOf } from './targets.ts';

type Located = { found: ControlledField } | { refusal: Refusal };

const refuse = (reason: Refusal['reason'], message: string): { refusal: Refusal } => ({
  refusal: { reason, message: message.slice(0, 500) },
});

/** An HPA that scales this workload: its replicas are not ours to own. */
function rivalOf(hpas: readonly Json[], kind: Kind, name: string): string | null {
  const rival = scalerOf(hpas, kind, name);
  if (rival === undefined) return null;
  const maker = kedaMaker(rival);
  return maker === undefined
    ? `HorizontalPodAutoscaler ${text(metadata(rival)['name']) ?? ''}`
    : `ScaledObject ${maker}`;
}

/** Finds the field that a policy lets us write, or says why there is none. */
export function fieldLocator(api: KubernetesApi): Control['field'] {
  const items = async (kind: Kind, namespace: string, selector?: string): Promise<Json[]> => {
    const query = selector === undefined ? {} : { labelSelector: selector };
    const path = collectionPath(kind, namespace);
    return list((await api.request({ method: 'GET', path, query }))?.['items']);
  };

  const locate = async (kind: Kind, { namespace, ref }: TargetLocator): Promise<Located> => {
    const reading = api.request({ method: 'GET', path: objectPath(kind, namespace, ref.name) });
    const beside = kind.group === 'apps/' ? items(HPA, namespace) : Promise.resolve([]);
    const [object, hpas] = await Promise.all([reading, beside]);
    if (object === undefined) {
      return refuse('target-missing', `there is no ${kind.kind} ${ref.name} in ${namespace}`);
    }
    if (kind === KNATIVE_SERVICE) {
      const selector = `serving.knative.dev/service=${ref.name}`;
      const field = knativeField(object, await items(REVISION, namespace, selector));
      if ((field.parts ?? []).length > 0) return { found: field };
      return refuse('target-missing', `no Revision of ${ref.name} gets traffic yet`);
    }
    const maker = kedaMaker(object);
    if (kind === HPA && maker !== undefined) {
      return refuse('conflict', `KEDA made this HPA: name the ScaledObject ${maker} as the target`);
    }
    return { found: plainField(kind, object, rivalOf(hpas, kind, ref.name)) };
  };

  /** A namespace that is being deleted takes its RoleBindings along, and every target in it. */
  const isLeaving = async (namespace: string): Promise<boolean> => {
    const reading = api.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}` });
    const object = await reading.catch(() => undefined);
    return text(metadata(object ?? {})['deletionTimestamp']) !== undefined;
  };

  return async (locator) => {
    const kind = targetKind(locator.ref);
    if (kind === undefined) {
      return refuse('target-missing', `targetRef: supported are ${SUPPORTED_TARGETS}`);
    }
    try {
      return await locate(kind, locator);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      if (await isLeaving(locator.namespace)) {
        return refuse('target-missing', `namespace ${locator.namespace} is being deleted`);
      }
      const remedy = `\`make k8s-watch NAMESPACE=${locator.namespace}\` grants it`;
      return refuse('forbidden', `not allowed to read the target: ${error.message}; ${remedy}`);
    }
  };
}
