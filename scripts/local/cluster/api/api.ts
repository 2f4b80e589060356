// Reading and writing objects with the rules of the Kubernetes API: identity, preconditions,
// subresources, generation, field ownership, finalizers. HTTP and the controllers go through it.
import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Catalogue } from '../kinds/catalogue.ts';
import { apiVersionOf, resourceId, subjectOf, type Resource } from '../kinds/resource.ts';
import { applyDefaults, findProblems } from '../kinds/rules.ts';
import type { KubeObject, NewObject, ObjectMeta } from '../types.ts';
import {
  ApiError,
  alreadyExists,
  badRequest,
  conflict,
  invalid,
  notFound,
  staleVersion,
} from './errors.ts';
import { afterUpdate, apply, type Writer } from './ownership.ts';
import type { Store } from './store.ts';

export interface Ref {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface WriteOptions {
  /** Field manager, as in metadata.managedFields. */
  readonly manager: string;
  readonly subresource?: '' | 'status' | 'scale';
  readonly dryRun?: boolean;
  /** Called with each remark that does not stop the write; `strict` makes them errors. */
  readonly warn?: (message: string) => void;
  readonly strict?: boolean;
}

export interface DeleteOptions {
  readonly graceSeconds?: number | undefined;
  readonly preconditions?: { uid?: string; resourceVersion?: string } | undefined;
  readonly dryRun?: boolean;
}

type Change = (live: KubeObject) => NewObject;

/** Controllers write unconditionally: they act on what they have just read. */
const isNoChange = (a: KubeObject, b: KubeObject): boolean =>
  isDeepStrictEqual({ ...a, metadata: comparable(a) }, { ...b, metadata: comparable(b) });

const comparable = ({ metadata }: KubeObject): ObjectMeta => {
  const { managedFields: _fields, resourceVersion: _version, ...rest } = metadata;
  return rest as ObjectMeta;
};

/** Everything whose change counts as a new wanted state. */
const wanted = ({ metadata: _metadata, status: _status, ...rest }: KubeObject): unknown => rest;

const suffix = (): string =>
  [...randomBytes(5)].map((byte) => 'bcdfghjklmnpqrstvwxz2456789'.charAt(byte % 27)).join('');

export class Api {
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly #now: () => number;

  constructor(store: Store, catalogue: Catalogue, now: () => number) {
    this.store = store;
    this.catalogue = catalogue;
    this.#now = now;
  }

  nowMs(): number {
    return this.#now();
  }

  /** Kubernetes writes times in whole seconds. */
  nowIso(): string {
    return new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  /** The kind, or 404 as for a path that does not exist. */
  kind(apiVersion: string, kindName: string): Resource {
    const found = this.catalogue.byKind(apiVersion, kindName);
    if (found === undefined) {
      throw new ApiError(404, `no matches for kind "${kindName}" in version "${apiVersion}"`);
    }
    return found;
  }

  find(resource: Resource, ref: Ref): KubeObject | undefined {
    return this.store.get(resource, resource.namespaced ? ref.namespace : undefined, ref.name);
  }

  get(resource: Resource, ref: Ref): KubeObject {
    const found = this.find(resource, ref);
    if (found === undefined) throw notFound(subjectOf(resource, ref.name));
    return found;
  }

  #checkPlace(resource: Resource, object: NewObject, namespace: string | undefined): void {
    const expected = apiVersionOf(resource);
    if (object.apiVersion !== expected || object.kind !== resource.kind) {
      throw badRequest(
        `the object provided is unrecognized (must be of type ${resource.kind} in ${expected}, got ${object.kind} in ${object.apiVersion})`,
      );
    }
    const named = object.metadata.namespace;
    if (resource.namespaced && named !== undefined && named !== namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
  }

  #checkNamespace(resource: Resource, namespace: string | undefined): void {
    if (!resource.namespaced) return;
    const kind = this.kind('v1', 'Namespace');
    const found = this.find(kind, { name: namespace ?? '' });
    if (found === undefined) throw notFound(subjectOf(kind, namespace ?? ''));
    if (found.metadata.deletionTimestamp !== undefined) {
      throw new ApiError(
        422,
        `namespace "${namespace ?? ''}" is being terminated, no new objects can be created in it`,
      );
    }
  }

  /** Defaults, pruning and validation; throws 422 with every cause. */
  #admit(
    resource: Resource,
    object: NewObject,
    how: { previous?: KubeObject; options: WriteOptions },
  ): void {
    const dropped = applyDefaults(resource, object);
    const causes = findProblems(resource, object, how.previous);
    if (dropped.length > 0 && how.options.strict === true) {
      const list = dropped.map((path) => `unknown field "${path}"`).join(', ');
      throw badRequest(
        `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: strict decoding error: ${list}`,
      );
    }
    for (const path of dropped) how.options.warn?.(`unknown field "${path}"`);
    if (causes.length > 0) throw invalid(subjectOf(resource, object.metadata.name ?? ''), causes);
  }

  #writer(options: WriteOptions, operation: Writer['operation'] = 'Update'): Writer {
    return {
      manager: options.manager,
      operation,
      subresource: options.subresource ?? '',
      time: this.nowIso(),
    };
  }

  #newMetadata(
    resource: Resource,
    given: Partial<ObjectMeta>,
    namespace: string | undefined,
  ): ObjectMeta {
    const name =
      given.name ?? (given.generateName === undefined ? '' : given.generateName + suffix());
    const {
      resourceVersion: _version,
      managedFields: _fields,
      deletionTimestamp: _deleted,
      namespace: _ns,
      ...kept
    } = given;
    return {
      ...kept,
      name,
      ...(resource.namespaced && namespace !== undefined ? { namespace } : {}),
      uid: randomUUID(),
      resourceVersion: '',
      creationTimestamp: this.nowIso(),
      ...(resource.generation ? { generation: 1 } : {}),
    };
  }

  create(
    resource: Resource,
    given: NewObject,
    options: WriteOptions & { namespace?: string | undefined },
  ): KubeObject {
    const namespace = resource.namespaced
      ? (options.namespace ?? given.metadata.namespace)
      : undefined;
    this.#checkPlace(resource, given, namespace);
    if (given.metadata.name === undefined && given.metadata.generateName === undefined) {
      throw invalid(subjectOf(resource, ''), [
        {
          reason: 'FieldValueRequired',
          field: 'metadata.name',
          message: 'Required value: name or generateName is required',
        },
      ]);
    }
    const object = structuredClone(given);
    if (resource.status) Reflect.deleteProperty(object, 'status');
    object.metadata = this.#newMetadata(resource, object.metadata, namespace);
    this.#admit(resource, object, { options });
    this.#checkNamespace(resource, namespace);
    const created = object as KubeObject;
    if (this.find(resource, { namespace, name: created.metadata.name }) !== undefined) {
      throw alreadyExists(subjectOf(resource, created.metadata.name));
    }
    created.metadata.managedFields = afterUpdate(undefined, created, this.#writer(options));
    return options.dryRun === true ? created : this.store.put(resource, created);
  }

  /** Replaces an object. 409 where resourceVersion or uid are given and differ. */
  update(resource: Resource, ref: Ref, options: WriteOptions & { object: NewObject }): KubeObject {
    const { object } = options;
    this.#checkPlace(resource, object, ref.namespace);
    if (object.metadata.name !== undefined && object.metadata.name !== ref.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    }
    const isCustom = resource.schema !== undefined;
    if (isCustom && (object.metadata.resourceVersion ?? '') === '') {
      throw invalid(subjectOf(resource, ref.name), [
        {
          reason: 'FieldValueInvalid',
          field: 'metadata.resourceVersion',
          message: 'Invalid value: 0: must be specified for an update',
        },
      ]);
    }
    return this.modify(resource, ref, { ...options, change: () => structuredClone(object) });
  }

  /** Changes an object by a function of what is there. A change to nothing is no write. */
  modify(resource: Resource, ref: Ref, how: WriteOptions & { change: Change }): KubeObject {
    const live = this.get(resource, ref);
    const next = this.#settle(resource, live, {
      next: how.change(structuredClone(live)),
      options: how,
    });
    this.#admit(resource, next, { previous: live, options: how });
    if (isNoChange(live, next)) return live;
    if (resource.generation && !isDeepStrictEqual(wanted(live), wanted(next))) {
      next.metadata.generation = (live.metadata.generation ?? 0) + 1;
    }
    const asked = next.metadata.managedFields;
    next.metadata.managedFields =
      asked?.length === 0 ? [] : afterUpdate(live, next, this.#writer(how));
    return this.#commit(resource, next, how.dryRun === true);
  }

  /** Server-side apply: creates the object where it is missing. */
  apply(
    resource: Resource,
    ref: Ref,
    how: WriteOptions & { object: NewObject; force: boolean },
  ): KubeObject {
    const { object: config } = how;
    this.#checkPlace(resource, config, ref.namespace);
    const writer = this.#writer(how, 'Apply');
    const subject = subjectOf(resource, ref.name);
    const live = this.find(resource, ref);
    if (live === undefined) {
      const { managedFields } = apply(undefined, config, { writer, force: how.force, subject });
      const named = { ...config, metadata: { ...config.metadata, name: ref.name } };
      const created = this.create(resource, named, {
        ...how,
        dryRun: true,
        namespace: ref.namespace,
      });
      created.metadata.managedFields = managedFields;
      return how.dryRun === true ? created : this.store.put(resource, created);
    }
    const applied = apply(live, config, { writer, force: how.force, subject });
    const merged = structuredClone(applied.object);
    merged.metadata = { ...merged.metadata };
    if (config.metadata.resourceVersion === undefined)
      merged.metadata.resourceVersion = live.metadata.resourceVersion;
    const next = this.#settle(resource, live, { next: merged, options: how });
    this.#admit(resource, next, { previous: live, options: how });
    const isSame = isNoChange(live, next);
    const owned = applied.managedFields.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
    const before = (live.metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [
      manager,
      fieldsV1,
    ]);
    if (isSame && isDeepStrictEqual(owned, before)) return live;
    if (resource.generation && !isDeepStrictEqual(wanted(live), wanted(next))) {
      next.metadata.generation = (live.metadata.generation ?? 0) + 1;
    }
    next.metadata.managedFields = applied.managedFields;
    return this.#commit(resource, next, how.dryRun === true);
  }

  /** Checks preconditions and puts back what the writer may not change. */
  #settle(
    resource: Resource,
    live: KubeObject,
    change: { next: NewObject; options: WriteOptions },
  ): KubeObject {
    const subject = subjectOf(resource, live.metadata.name);
    const { next, options } = change;
    const { uid, resourceVersion } = next.metadata;
    if (uid !== undefined && uid !== '' && uid !== live.metadata.uid) {
      throw conflict(
        subject,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
      );
    }
    if (
      resourceVersion !== undefined &&
      resourceVersion !== '' &&
      resourceVersion !== live.metadata.resourceVersion
    ) {
      throw staleVersion(subject);
    }
    const {
      uid: ownUid,
      name,
      namespace,
      creationTimestamp,
      generation,
      deletionTimestamp,
    } = live.metadata;
    const metadata: ObjectMeta = {
      ...next.metadata,
      name,
      uid: ownUid,
      creationTimestamp,
      resourceVersion: live.metadata.resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(generation === undefined ? {} : { generation }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    };
    for (const [key, value] of Object.entries(metadata)) {
      if (value === null) Reflect.deleteProperty(metadata, key);
    }
    if (options.subresource === 'status') {
      return { ...live, metadata: { ...live.metadata }, status: next['status'] };
    }
    const { apiVersion, kind } = live;
    const result: KubeObject = { ...next, apiVersion, kind, metadata };
    if (resource.status) {
      if (live['status'] === undefined) Reflect.deleteProperty(result, 'status');
      else result['status'] = live['status'];
    }
    return result;
  }

  #commit(resource: Resource, next: KubeObject, dryRun: boolean): KubeObject {
    if (dryRun) return next;
    const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = next.metadata;
    const isDone = deletionTimestamp !== undefined && (finalizers ?? []).length === 0;
    if (isDone && deletionGracePeriodSeconds === undefined)
      return this.store.remove(resource, next);
    return this.store.put(resource, next);
  }

  /** Deletes now, or marks the object where finalizers or a running pod stand against it. */
  delete(
    resource: Resource,
    ref: Ref,
    options: DeleteOptions = {},
  ): { object: KubeObject; isGone: boolean } {
    const live = this.get(resource, ref);
    const subject = subjectOf(resource, ref.name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== live.metadata.uid) {
      throw conflict(
        subject,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
      throw conflict(
        subject,
        `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${live.metadata.resourceVersion}`,
      );
    }
    const graceSeconds = graceOf(resource, live, options.graceSeconds);
    const waits =
      graceSeconds > 0 ||
      (live.metadata.finalizers ?? []).length > 0 ||
      resourceId(resource) === 'namespaces';
    if (options.dryRun === true) return { object: live, isGone: !waits };
    if (!waits) return { object: this.store.remove(resource, live), isGone: true };
    if (live.metadata.deletionTimestamp !== undefined) return { object: live, isGone: false };
    const deletionTimestamp = new Date(this.#now() + graceSeconds * 1000)
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
    const marked: KubeObject = {
      ...live,
      metadata: {
        ...live.metadata,
        deletionTimestamp,
        ...(resource.kind === 'Pod' ? { deletionGracePeriodSeconds: graceSeconds } : {}),
      },
      ...(resourceId(resource) === 'namespaces' ? { status: { phase: 'Terminating' } } : {}),
    };
    return { object: this.store.put(resource, marked), isGone: false };
  }
}

/** Seconds a pod that runs somewhere is given; others go at once. */
function graceOf(resource: Resource, live: KubeObject, asked: number | undefined): number {
  if (resourceId(resource) !== 'pods') return 0;
  const spec = live['spec'] as { nodeName?: string; terminationGracePeriodSeconds?: number };
  return spec.nodeName === undefined ? 0 : (asked ?? spec.terminationGracePeriodSeconds ?? 30);
}
