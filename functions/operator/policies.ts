import type { CustomObjectsApi } from '@kubernetes/client-node';
import { NimbusError } from '#shared/errors.ts';

export type Suspend = 'none' | 'freeze' | 'release';

/** The kill switch's way to the cluster. */
export interface Policies {
  /** Sets spec.suspend of one policy; throws what the API server said. */
  suspend(policy: { namespace: string; name: string }, suspend: Suspend): Promise<void>;
}

interface ApiFailure {
  readonly code?: number;
  readonly body?: unknown;
}

const messageOf = (body: unknown): string => {
  try {
    const status: unknown = typeof body === 'string' ? JSON.parse(body) : body;
    if (typeof status === 'object' && status !== null && 'message' in status) {
      return String(status.message);
    }
  } catch {
    // Not a Status object: a proxy's page, say.
  }
  return typeof body === 'string' && body !== '' ? body.slice(0, 300) : 'no answer';
};

const translated = (cause: unknown, policy: string): NimbusError => {
  const { code, body } = (typeof cause === 'object' && cause !== null ? cause : {}) as ApiFailure;
  const message = messageOf(body);
  if (code === 404)
    return new NimbusError('route.unknown', `policy ${policy}: ${message}`, { cause });
  if (code === 409)
    return new NimbusError('target.conflict', `policy ${policy}: ${message}`, { cause });
  if (code === 401 || code === 403 || code === 422) {
    return new NimbusError('action.refused', `policy ${policy}: ${message}`, { cause });
  }
  const detail = code === undefined && cause instanceof Error ? cause.message : message;
  return new NimbusError('upstream.unavailable', `the Kubernetes API: ${detail}`, { cause });
};

/**
 * Policies in the cluster of the default kubeconfig. The client is loaded at the first use: it costs
 * memory and start-up time, and the switch is rarely thrown.
 */
export function clusterPolicies(): Policies {
  let client: Promise<CustomObjectsApi> | undefined;
  const connect = async (): Promise<CustomObjectsApi> => {
    const { CustomObjectsApi, KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromDefault();
    return config.makeApiClient(CustomObjectsApi);
  };
  return {
    async suspend({ namespace, name }, suspend) {
      try {
        const { PatchStrategy, setHeaderOptions } = await import('@kubernetes/client-node');
        const api = await (client ??= connect());
        await api.patchNamespacedCustomObject(
          {
            group: 'nimbusguard.io',
            version: 'v1alpha1',
            namespace,
            plural: 'scalingpolicies',
            name,
            body: { spec: { suspend } },
            fieldManager: 'nimbusguard-operator',
          },
          setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
        );
      } catch (cause) {
        throw translated(cause, `${namespace}/${name}`);
      }
    },
  };
}
