import type { Control, PolicyObject } from '../ports.ts';
import { fieldLocator } from './field-locator.ts';
import { fieldWriter, mergePatch } from './field-writer.ts';
import { objectPath, POLICY } from './kinds.ts';
import { orUnavailable, type KubernetesApi } from './kubernetes-api.ts';
import { FIELD_MANAGER, policyObject } from './objects.ts';

const QUERY = { fieldManager: FIELD_MANAGER };

const policyPath = ({ namespace, name }: Pick<PolicyObject, 'namespace' | 'name'>): string =>
  objectPath(POLICY, namespace, name);

/** Policies, their status, and the one field of each target, through the Kubernetes API. */
export function kubernetesControl(api: KubernetesApi): Control {
  const merge = mergePatch(api);
  const patch: typeof merge = (path, body) => orUnavailable(merge(path, body));
  const { write, release } = fieldWriter(api);
  return {
    async policy(namespace, name) {
      const path = policyPath({ namespace, name });
      const object = await orUnavailable(api.request({ method: 'GET', path }));
      return object && policyObject(object);
    },
    async patchStatus(policy, status) {
      const identity = { uid: policy.uid, resourceVersion: policy.resourceVersion };
      return policyObject(
        await patch(`${policyPath(policy)}/status`, { metadata: identity, status }),
      );
    },
    async setFinalizers(policy, finalizers) {
      const { uid, resourceVersion } = policy;
      return policyObject(
        await patch(policyPath(policy), { metadata: { uid, resourceVersion, finalizers } }),
      );
    },
    field: fieldLocator(api),
    write,
    release: (field) => orUnavailable(release(field)),
    async record(policy, { type, reason, message, atMs }) {
      const { namespace, name, uid } = policy;
      const at = new Date(atMs).toISOString();
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace, generateName: `${name}.` },
        involvedObject: {
          apiVersion: POLICY.apiVersion,
          kind: POLICY.kind,
          namespace,
          name,
          uid,
        },
        type,
        reason,
        message: message.slice(0, 1000),
        source: { component: FIELD_MANAGER },
        reportingComponent: FIELD_MANAGER,
        firstTimestamp: at,
        lastTimestamp: at,
        count: 1,
      };
      const path = `/api/v1/namespaces/${namespace}/events`;
      await api.request({ method: 'POST', path, query: QUERY, body }).catch(() => undefined);
    },
  };
}
