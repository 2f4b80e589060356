// Reading and writing objects with the rules of the Kubernetes API: identity, preconditions,
// subresources, generation, field ownership, finalizers. HTTP and the controllers go through it.
import { isDeepStrictEqual } from 'node:util';
import type { Catalogue } from '../kinds/catalogue.ts';
import { apiVersionOf, subjectOf, type Resource } from '../kinds/resource.ts';
import { applyDefaults, findProblems } from '../kinds/rules.ts';
import type { KubeObject, NewObject } from '../types.ts';
import { planDeletion, type DeleteOptions } from './deletion.ts';
import {
  ApiError,
  alreadyExists,
  badRequest,
  invalid,
  missingValue,
  badValue,
  notFound,
} from './errors.ts';
import { isNoChange, isoSeconds, newMetadata, settle, wantsOther } from './metadata.ts';
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

type Change = (live: KubeObject) => NewObject;

/** Who owns what, without the times. */
const owners = ({ metadata }: KubeObject): unknown =>
  (metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [
    manager,
    operation,
    fieldsV1,
  ]);

const hasOwners = ({ metadata: { managedFields = [] } }: KubeObject): boolean =>
  managedFields.some((entry) => Object.keys(entry).length > 0);

/** Nobody owns anything any more where the managed fields are set to `[{}]`, or to an empty list. */
const isDisowned = (live: KubeObject, next: KubeObject): boolean =>
  next.metadata.managedFields !== undefined && hasOwners(live) && !hasOwners(next);

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

  nowIso(): string {
    return isoSeconds(this.#now());
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
    const found = this.get(kind, { name: namespace ?? '' });
    if (found.metadata.deletionTimestamp === undefined) return;
    throw new ApiError(
      403,
      `namespace ${namespace ?? ''} is being terminated: no new content can be created in it`,
    );
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
    const { manager, subresource = '' } = options;
    return { manager, operation, subresource, time: this.nowIso() };
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
        missingValue('metadata.name', 'name or generateName is required'),
      ]);
    }
    const object = structuredClone(given);
    if (resource.status) Reflect.deleteProperty(object, 'status');
    object.metadata = newMetadata(resource, object.metadata, { namespace, time: this.nowIso() });
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
    const { name, resourceVersion = '' } = object.metadata;
    if (name !== undefined && name !== ref.name) {
      throw badRequest(
        `the name of the object (${name}) does not match the name on the URL (${ref.name})`,
      );
    }
    if (resource.schema !== undefined && resourceVersion === '') {
      throw invalid(subjectOf(resource, ref.name), [
        badValue('metadata.resourceVersion', 0, 'must be specified for an update'),
      ]);
    }
    return this.modify(resource, ref, { ...options, change: () => structuredClone(object) });
  }

  /** Changes an object by a function of what is there. A change to nothing is no write. */
  modify(resource: Resource, ref: Ref, how: WriteOptions & { change: Change }): KubeObject {
    const live = this.get(resource, ref);
    // Cloned behind too: what it was built from may be stored objects, and defaults are filled in.
    const asked = structuredClone(how.change(structuredClone(live)));
    const next = this.#next(resource, live, {
      asked: asked,
      options: how,
    });
    const disowned = isDisowned(live, next);
    if (isNoChange(live, next) && !disowned) return live;
    next.metadata.managedFields = disowned ? [] : afterUpdate(live, next, this.#writer(how));
    return this.#commit(resource, next, how.dryRun === true);
  }

  #next(
    resource: Resource,
    live: KubeObject,
    from: { asked: NewObject; options: WriteOptions },
  ): KubeObject {
    const { asked, options } = from;
    const next = settle(resource, live, { next: asked, subresource: options.subresource ?? '' });
    this.#admit(resource, next, { previous: live, options });
    const isWanted = resource.generation && options.subresource !== 'status';
    if (isWanted && wantsOther(resource, live, next)) {
      next.metadata.generation = (live.metadata.generation ?? 0) + 1;
    }
    return next;
  }

  /** Server-side apply: creates the object where it is missing. */
  apply(
    resource: Resource,
    ref: Ref,
    how: WriteOptions & { object: NewObject; force: boolean },
  ): KubeObject {
    const { object: config, force } = how;
    this.#checkPlace(resource, config, ref.namespace);
    const writer = this.#writer(how, 'Apply');
    const live = this.find(resource, ref);
    const applied = apply(live, config, { writer, force });
    if (live === undefined) {
      const named = { ...config, metadata: { ...config.metadata, name: ref.name } };
      const created = this.create(resource, named, {
        ...how,
        dryRun: true,
        namespace: ref.namespace,
      });
      created.metadata.managedFields = applied.managedFields;
      return how.dryRun === true ? created : this.store.put(resource, created);
    }
    const asked = structuredClone(applied.object);
    // The merge carries the live version along; only one that was asked for is a precondition.
    asked.metadata.resourceVersion =
      config.metadata.resourceVersion ?? live.metadata.resourceVersion;
    const next = this.#next(resource, live, { asked, options: how });
    next.metadata.managedFields = applied.managedFields;
    if (isNoChange(live, next) && isDeepStrictEqual(owners(live), owners(next))) return live;
    return this.#commit(resource, next, how.dryRun === true);
  }

  #commit(resource: Resource, next: KubeObject, dryRun: boolean): KubeObject {
    if (dryRun) return next;
    const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = next.metadata;
    const isReleased = deletionTimestamp !== undefined && (finalizers ?? []).length === 0;
    // A pod and a namespace go when what they hold is gone, which their controllers see to.
    const isHeld = (deletionGracePeriodSeconds ?? 0) > 0 || resource.kind === 'Namespace';
    return isReleased && !isHeld
      ? this.store.remove(resource, next)
      : this.store.put(resource, next);
  }

  /** Deletes now, or marks the object where finalizers or a running pod stand against it. */
  delete(
    resource: Resource,
    ref: Ref,
    options: DeleteOptions = {},
  ): { object: KubeObject; isGone: boolean } {
    const live = this.get(resource, ref);
    const plan = planDeletion(resource, live, { options, nowMs: this.#now() });
    if (options.dryRun === true) return { object: live, isGone: plan.isNow };
    if (plan.isNow) return { object: this.store.remove(resource, live), isGone: true };
    const object = plan.marked === live ? live : this.store.put(resource, plan.marked);
    return { object, isGone: false };
  }
}
