import { NimbusError } from '../errors.ts';
import type { ModelStore, StoredDocuments, Versioned } from '../ports.ts';
import { orUnavailable, type Json, type KubernetesApi } from './kubernetes-api.ts';
import { FIELD_MANAGER, list, metadata, record, text, timeMs } from './objects.ts';

const LABELS = {
  'app.kubernetes.io/part-of': 'nimbusguard',
  'app.kubernetes.io/component': 'model-store',
};

const collectionOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

/** When it was written last: who wrote which field is kept with the time. */
function savedAtMs(object: Json): number {
  const { creationTimestamp, managedFields } = metadata(object);
  const times = [creationTimestamp, ...list(managedFields).map(({ time }) => time)];
  return Math.max(...times.map((time) => timeMs(time) ?? 0));
}

/** The ConfigMaps of `configMapStore` as objects, without the documents in them. */
export function storedConfigMaps(api: KubernetesApi, namespace: string): StoredDocuments {
  const path = collectionOf(namespace);
  const labelSelector = Object.entries(LABELS)
    .map((label) => label.join('='))
    .join();
  return {
    async list() {
      const query = { labelSelector };
      const answer = await api.request({ method: 'GET', path, query, metadataOnly: true });
      return list(answer?.['items']).map((object) => ({
        key: text(metadata(object)['name']) ?? '',
        savedAtMs: savedAtMs(object),
      }));
    },
    async remove(key) {
      await api.request({ method: 'DELETE', path: `${path}/${key}` });
    },
  };
}

/**
 * One ConfigMap per key in `namespace`; resourceVersion is the version that is compared.
 * Keys are names of ConfigMaps, such as `nimbusguard-ledger-<policy uid>`.
 */
export function configMapStore(api: KubernetesApi, namespace: string): ModelStore {
  const collection = collectionOf(namespace);
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
