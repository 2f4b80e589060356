// What belongs to an object goes with it: owned objects, and what is in a namespace.
import type { Api } from '../api/api.ts';
import type { Change } from '../api/store.ts';
import { resourceId, type Resource } from '../kinds/resource.ts';
import type { KubeObject } from '../types.ts';
import { Reconciler } from './reconciler.ts';

interface Owned {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

export class GarbageController {
  readonly #api: Api;
  /** By owner's UID; entries may be out of date and are checked before anything is deleted. */
  readonly #owned = new Map<string, Map<string, Owned>>();
  readonly #owners: Reconciler;
  readonly #namespaces: Reconciler;
  readonly #unsubscribe: () => void;

  constructor(api: Api, onError: (error: unknown, what: string) => void) {
    this.#api = api;
    this.#owners = new Reconciler({
      name: 'owner',
      reconcile: (uid) => this.#collect(uid),
      onError,
    });
    this.#namespaces = new Reconciler({
      name: 'namespace',
      reconcile: (name) => this.#empty(name),
      onError,
    });
    this.#unsubscribe = api.store.subscribe((change) => this.#onChange(change));
    this.#takeStock();
  }

  close(): void {
    this.#unsubscribe();
    this.#owners.close();
    this.#namespaces.close();
  }

  /** After a restart: what is there, and whose owner went away meanwhile. */
  #takeStock(): void {
    const present = new Set<string>();
    for (const resource of this.#api.catalogue.all()) {
      for (const object of this.#api.store.list(resource)) {
        present.add(object.metadata.uid);
        this.#note(resource, object);
        if (object.kind === 'Namespace') this.#noticeNamespace(object);
      }
    }
    for (const uid of this.#owned.keys()) if (!present.has(uid)) this.#owners.enqueue(uid);
  }

  #note(resource: Resource, object: KubeObject): void {
    const { ownerReferences, namespace, name, uid } = object.metadata;
    for (const owner of ownerReferences ?? []) {
      const known = this.#owned.get(owner.uid) ?? new Map<string, Owned>();
      this.#owned.set(owner.uid, known.set(uid, { resource, namespace, name }));
    }
  }

  #noticeNamespace({ kind, metadata }: KubeObject): void {
    if (kind === 'Namespace' && metadata.deletionTimestamp !== undefined)
      this.#namespaces.enqueue(metadata.name);
  }

  #onChange({ type, resource, object }: Change): void {
    if (resourceId(resource) === 'namespaces') this.#noticeNamespace(object);
    if (type !== 'DELETED') {
      this.#note(resource, object);
      return;
    }
    const { uid, namespace } = object.metadata;
    if (this.#owned.has(uid)) this.#owners.enqueue(uid);
    for (const owner of object.metadata.ownerReferences ?? [])
      this.#owned.get(owner.uid)?.delete(uid);
    if (namespace === undefined) return;
    const place = this.#api.find(this.#api.kind('v1', 'Namespace'), { name: namespace });
    if (place !== undefined) this.#noticeNamespace(place);
  }

  #collect(ownerUid: string): void {
    const owned = this.#owned.get(ownerUid);
    this.#owned.delete(ownerUid);
    for (const { resource, namespace, name } of owned?.values() ?? []) {
      const object = this.#api.find(resource, { namespace, name });
      const owners = object?.metadata.ownerReferences ?? [];
      if (object === undefined || !owners.some(({ uid }) => uid === ownerUid)) continue;
      this.#api.delete(resource, { namespace, name });
    }
  }

  #empty(name: string): void {
    const kind = this.#api.kind('v1', 'Namespace');
    const namespace = this.#api.find(kind, { name });
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    let left = 0;
    for (const resource of this.#api.catalogue.all()) {
      if (!resource.namespaced) continue;
      for (const object of this.#api.store.list(resource, name)) {
        if (!this.#api.delete(resource, object.metadata).isGone) left += 1;
      }
    }
    if (left === 0) this.#api.store.remove(kind, namespace);
  }
}
