// All objects, in memory and on disk, with one version number that grows by every write, and the
// recent changes of each kind, from which a watch can be resumed.
import { resourceId, type Resource } from '../kinds/resource.ts';
import type { KubeObject } from '../types.ts';
import type { Database } from './database.ts';
import { gone } from './errors.ts';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
  readonly version: number;
}

export type Listener = (change: Change) => void;

interface Shelf {
  readonly objects: Map<string, KubeObject>;
  readonly recent: Change[];
  /** Changes up to this version may be missing from `recent`. */
  forgotten: number;
}

/** Changes kept per kind. A watch that is further behind gets 410 and lists again. */
const RECENT = 256;

const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

const texts = new WeakMap<KubeObject, string>();

/** The object as JSON, made once per object. */
export function jsonOf(object: KubeObject): string {
  let text = texts.get(object);
  if (text === undefined) texts.set(object, (text = JSON.stringify(object)));
  return text;
}

export class Store {
  readonly #database: Database;
  readonly #shelves = new Map<string, Shelf>();
  readonly #listeners = new Set<Listener>();
  #version: number;

  /** `nowMs` begins the versions of a fresh store: none of them was given out by a store before it. */
  constructor(database: Database, nowMs: number) {
    this.#database = database;
    this.#version = Math.max(database.resourceVersion, 0) || nowMs;
    for (const { resource, key, object } of database.rows) {
      this.#shelf(resource).objects.set(key, object);
    }
  }

  #shelf(id: string): Shelf {
    let shelf = this.#shelves.get(id);
    if (shelf === undefined) {
      shelf = { objects: new Map(), recent: [], forgotten: this.#version };
      this.#shelves.set(id, shelf);
    }
    return shelf;
  }

  /** The version of the latest write. */
  get version(): number {
    return this.#version;
  }

  get(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#shelf(resourceId(resource)).objects.get(keyOf(namespace, name));
  }

  /** All objects of a kind, or those of one namespace, by namespace and name. */
  list(resource: Resource, namespace?: string): KubeObject[] {
    const found: [string, KubeObject][] = [];
    for (const entry of this.#shelf(resourceId(resource)).objects) {
      if (namespace === undefined || entry[1].metadata.namespace === namespace) found.push(entry);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Stores a copy of the object under the next version and returns it. */
  put(resource: Resource, object: KubeObject): KubeObject {
    const shelf = this.#shelf(resourceId(resource));
    const { namespace, name } = object.metadata;
    const key = keyOf(namespace, name);
    const previous = shelf.objects.get(key);
    const version = this.#version + 1;
    const stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    this.#database.write(resourceId(resource), key, { json: jsonOf(stored), version });
    this.#version = version;
    shelf.objects.set(key, stored);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.#publish(shelf, { type, resource, object: stored, previous, version });
    return stored;
  }

  remove(resource: Resource, object: KubeObject): KubeObject {
    const shelf = this.#shelf(resourceId(resource));
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const version = this.#version + 1;
    this.#database.write(resourceId(resource), key, { json: undefined, version });
    this.#version = version;
    shelf.objects.delete(key);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#publish(shelf, { type: 'DELETED', resource, object: last, previous: object, version });
    return last;
  }

  #publish(shelf: Shelf, change: Change): void {
    shelf.recent.push(change);
    if (shelf.recent.length > RECENT) shelf.forgotten = shelf.recent.shift()?.version ?? 0;
    for (const listener of this.#listeners) listener(change);
  }

  /** Changes of a kind after a version; throws 410 when some of them are no longer kept. */
  since(resource: Resource, version: number): Change[] {
    const shelf = this.#shelf(resourceId(resource));
    if (version < shelf.forgotten || version > this.#version) throw gone(version, shelf.forgotten);
    return shelf.recent.filter((change) => change.version > version);
  }

  /** Calls back for every write, during it: a listener must not write itself. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
