import { NimbusError } from '../errors.ts';
import type { ModelStore, Versioned } from '../ports.ts';
import { orUnavailable, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { FIELD_MANAGER, metadata, record, text } from './objects.ts';

const LABELS = {
  'app.kubernetes.io/part-of': 'nimbusguard',
  'app.kubernetes.io/component': 'model-store',
};

/**
 * One ConfigMap per key in `namespace`; resourceVersion is the version that is compared.
 * Keys are names of ConfigMaps, such as `nimbusguard-ledger-<policy uid>`.
 */
export function configMapStore(api: KubernetesApi, namespace: string): ModelStore {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const versionOf = (object: Json): string => text(metadata(object)['resourceVersion']) ?? '';
  const query = { fieldManager: FIELD_MANAGER };
  const request: KubernetesApi['request'] = (call) => orUnavailable(api.request(call));

  return {
    async load(key): Promise<Versioned | undefined> {
      const object = await request({ method: 'GET', path: `${collection}/${key}` });
      if (object === undefined) return undefined;
      const value = record(object['data'])['document'];
      return { value: typeof value === 'string' ? value : '', version: versionOf(object) };
    },
    async save(key, value, version) {
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: key,
          namespace,
          labels: LABELS,
          ...(version === null ? {} : { resourceVersion: version }),
        },
        data: { document: value },
      };
      const saved = await request(
        version === null
          ? { method: 'POST', path: collection, query, body }
          : { method: 'PUT', path: `${collection}/${key}`, query, body },
      );
      if (saved === undefined) throw new NimbusError('target.conflict', `${key} was removed`);
      return versionOf(saved);
    },
    async remove(key) {
      await request({ method: 'DELETE', path: `${collection}/${key}` });
    },
  };
}
