// The manifests in the cluster: applied where they changed since the last run, so that what a user or
// an executor changed by hand since then stays; objects whose manifest is gone go too.
import { createHash } from 'node:crypto';
import type { Api } from './api/api.ts';
import type { Database } from './api/database.ts';
import type { NewObject } from './types.ts';

const PREFIX = 'manifest/';
const MANAGER = 'nimbusguard-manifests';

/** Kinds that others need first. */
const FIRST = ['CustomResourceDefinition', 'Namespace'];
const rank = ({ kind }: NewObject): number =>
  FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length;

const keyOf = ({ apiVersion, kind, metadata }: NewObject): string =>
  [apiVersion, kind, metadata.namespace ?? '', metadata.name ?? ''].join('|');

const hashOf = (object: NewObject): string =>
  createHash('sha256').update(JSON.stringify(object)).digest('hex');

export interface AppliedManifests {
  /** Kinds in the manifests that this API does not serve, as `apiVersion/kind`. */
  readonly unserved: readonly string[];
}

function prune(api: Api, database: Database, keep: ReadonlySet<string>): void {
  for (const key of database.facts(PREFIX).keys()) {
    if (keep.has(key)) continue;
    const [apiVersion = '', kind = '', namespace = '', name = ''] = key.split('|');
    const resource = api.catalogue.byKind(apiVersion, kind);
    const ref = { namespace: namespace === '' ? undefined : namespace, name };
    if (resource !== undefined && api.find(resource, ref) !== undefined) api.delete(resource, ref);
    database.setFact(PREFIX + key, undefined);
  }
}

/**
 * A namespace of ours whose deletion the end of the last run cut short would take nothing any more.
 * Nobody is left to wait for: its deletion is completed, and it begins anew.
 */
function completeDeletion(api: Api, { kind, metadata }: NewObject): void {
  const namespaces = api.kind('v1', 'Namespace');
  const found =
    kind === 'Namespace' ? api.find(namespaces, { name: metadata.name ?? '' }) : undefined;
  if (found?.metadata.deletionTimestamp === undefined) return;
  for (const resource of api.catalogue.all().filter(({ namespaced }) => namespaced)) {
    for (const object of api.store.list(resource, found.metadata.name)) {
      api.store.remove(resource, object);
    }
  }
  api.store.remove(namespaces, found);
}

/** Applies the objects; throws the API's own error for one that is not valid. */
export function applyManifests(
  api: Api,
  database: Database,
  manifests: readonly NewObject[],
): AppliedManifests {
  const unserved = new Set<string>();
  const keep = new Set<string>();
  for (const given of manifests) completeDeletion(api, given);
  for (const given of [...manifests].sort((a, b) => rank(a) - rank(b))) {
    const resource = api.catalogue.byKind(given.apiVersion, given.kind);
    if (resource === undefined) {
      unserved.add(`${given.apiVersion}/${given.kind}`);
      continue;
    }
    const namespace = resource.namespaced ? (given.metadata.namespace ?? 'default') : undefined;
    const object = {
      ...given,
      metadata: { ...given.metadata, ...(namespace === undefined ? {} : { namespace }) },
    };
    const key = keyOf(object);
    const hash = hashOf(object);
    const ref = { namespace, name: object.metadata.name ?? '' };
    keep.add(key);
    const isSame = database.fact(PREFIX + key) === hash && api.find(resource, ref) !== undefined;
    if (isSame) continue;
    api.apply(resource, ref, { manager: MANAGER, object, force: true });
    database.setFact(PREFIX + key, hash);
  }
  prune(api, database, keep);
  return { unserved: [...unserved] };
}
