import { EVERY_POLICY, objectPath, POLICY } from '#shared/adapters/kinds.ts';
import type { KubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { list, policyObject, record, text } from '#shared/adapters/objects.ts';
import { NimbusError, messageOf } from '#shared/errors.ts';

export type Suspend = 'none' | 'freeze' | 'release';

export interface PolicyName {
  readonly namespace: string;
  readonly name: string;
}

export interface StoredPolicy extends PolicyName {
  /** Name of its target, which is of the same namespace; empty where it names none. */
  readonly targetName: string;
}

/** The kill switch's way to the cluster. Both throw what the API server said. */
export interface Policies {
  /** Every policy that is stored, of all namespaces. */
  list(): Promise<StoredPolicy[]>;
  /** Sets spec.suspend of one policy; `route.unknown` where there is none. */
  suspend(policy: PolicyName, suspend: Suspend): Promise<void>;
}

const TIMEOUT_MS = 5000;

const policyPath = ({ namespace, name }: PolicyName): string =>
  objectPath(POLICY, encodeURIComponent(namespace), name);

/** Statuses that no error of ours stands for, such as 403, end here. */
const refused = (cause: unknown): never => {
  if (cause instanceof NimbusError) throw cause;
  const message = messageOf(cause);
  throw new NimbusError('action.refused', message, { cause });
};

/**
 * Policies in the cluster of the default kubeconfig. The client is loaded at the first use: it costs
 * memory and start-up time, and the switch is rarely thrown.
 */
export function clusterPolicies(): Policies {
  let client: Promise<KubernetesApi> | undefined;
  const connect = async (): Promise<KubernetesApi> => {
    const { kubernetesApi } = await import('#shared/adapters/kubernetes-api.ts');
    return kubernetesApi({ timeoutMs: TIMEOUT_MS });
  };
  const request: KubernetesApi['request'] = async (what) => {
    const api = await (client ??= connect());
    return api.request(what).catch(refused);
  };
  return {
    async list() {
      // not from a cache: one made just now counts too
      const answer = await request({ method: 'GET', path: EVERY_POLICY });
      return list(answer?.['items'])
        .map(policyObject)
        .map(({ namespace, name, spec }) => {
          const targetName = text(record(record(spec)['targetRef'])['name']) ?? '';
          return { namespace, name, targetName };
        });
    },
    async suspend(policy, suspend) {
      const patched = await request({
        method: 'PATCH',
        path: policyPath(policy),
        query: { fieldManager: 'nimbusguard-operator' },
        body: { spec: { suspend } },
        patch: 'merge',
      });
      if (patched === undefined) {
        throw new NimbusError('route.unknown', `no policy ${policy.namespace}/${policy.name}`);
      }
    },
  };
}
