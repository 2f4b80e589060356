import type { KubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { NimbusError } from '#shared/errors.ts';

type Suspend = 'none' | 'freeze' | 'release';

/** The kill switch's way to the cluster. */
export interface Policies {
  /** Sets spec.suspend of one policy; throws what the API server said. */
  suspend(policy: { namespace: string; name: string }, suspend: Suspend): Promise<void>;
}

const TIMEOUT_MS = 5000;

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
  return {
    async suspend({ namespace, name }, suspend) {
      const api = await (client ??= connect());
      try {
        const patched = await api.request({
          method: 'PATCH',
          path: `/apis/nimbusguard.io/v1alpha1/namespaces/${encodeURIComponent(namespace)}/scalingpolicies/${encodeURIComponent(name)}`,
          query: { fieldManager: 'nimbusguard-operator' },
          body: { spec: { suspend } },
          patch: 'merge',
        });
        if (patched === undefined) {
          throw new NimbusError('route.unknown', `no policy ${namespace}/${name}`);
        }
      } catch (cause) {
        if (cause instanceof NimbusError) throw cause;
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new NimbusError('action.refused', message, { cause });
      }
    },
  };
}
