import type { ModelStore } from '../ports.ts';
import { configMapStore } from './config-map-store.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { redisStore, type RedisOptions } from './redis-store.ts';

export interface ModelStoreOptions {
  readonly api: KubernetesApi;
  /** Namespace of the ConfigMaps. */
  readonly namespace: string;
  /** Where it is set, Redis or Valkey keeps the documents. */
  readonly redis: RedisOptions | undefined;
}

/** ConfigMaps need nothing beside the cluster; Redis carries what would be too many writes for it. */
export const modelStore = ({ api, namespace, redis }: ModelStoreOptions): ModelStore =>
  redis === undefined ? configMapStore(api, namespace) : redisStore(redis);
