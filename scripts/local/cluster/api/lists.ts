// Which lists are maps in disguise: their items are told apart by a key, as the built-in kinds'
// patch merge keys say. All other lists are one value.
import { isDict, type Dict } from '../types.ts';

const KEYS: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  ports: ['containerPort', 'port'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  hostAliases: ['ip'],
  secrets: ['name'],
};

/** The key that tells the items of list `field` apart, if all of them have it. */
export function mergeKey(
  field: string,
  ...lists: readonly (readonly unknown[])[]
): string | undefined {
  const items = lists.flat();
  return KEYS[field]?.find((key) =>
    items.every(
      (item) => isDict(item) && (item[key] !== undefined || item['$patch'] === 'replace'),
    ),
  );
}

/** Lists of plain values that merge as sets. */
export const isSet = (field: string): boolean => field === 'finalizers';

export const keyed = (item: unknown, key: string, value: unknown): item is Dict =>
  isDict(item) && item[key] === value;
