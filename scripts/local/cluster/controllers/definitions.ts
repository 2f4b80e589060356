// Custom resource definitions: a stored definition is a served kind, at once.
import type { Api } from '../api/api.ts';
import type { Change } from '../api/store.ts';
import { resourcesOf } from '../kinds/custom.ts';
import { at, listAt, textAt, type Condition, type KubeObject } from '../types.ts';
import { Reconciler } from './reconciler.ts';

const DEFINITION = ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'] as const;

const condition = (type: string, reason: string, time: string): Condition => ({
  type,
  status: 'True',
  reason,
  message: '',
  lastTransitionTime: time,
});

export class DefinitionController {
  readonly #api: Api;
  readonly #queue: Reconciler;
  readonly #unsubscribe: () => void;

  constructor(api: Api, onError: (error: unknown, what: string) => void) {
    this.#api = api;
    this.#queue = new Reconciler({
      name: 'definition',
      reconcile: (name) => this.#establish(name),
      onError,
    });
    const kind = api.kind(...DEFINITION);
    for (const definition of api.store.list(kind)) this.#serve(definition);
    this.#unsubscribe = api.store.subscribe((change) => {
      if (change.resource === kind) this.#onChange(change);
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#queue.close();
  }

  #onChange({ type, object, previous }: Change): void {
    if (previous !== undefined) {
      for (const resource of resourcesOf(previous)) {
        // The objects go with their kind.
        if (type === 'DELETED') setImmediate(() => this.#drop(resource));
        this.#api.catalogue.remove(resource);
      }
    }
    if (type !== 'DELETED') this.#serve(object);
  }

  #drop(resource: ReturnType<typeof resourcesOf>[number]): void {
    for (const object of this.#api.store.list(resource)) this.#api.store.remove(resource, object);
  }

  #serve(definition: KubeObject): void {
    for (const resource of resourcesOf(definition)) this.#api.catalogue.add(resource);
    this.#queue.enqueue(definition.metadata.name);
  }

  #establish(name: string): void {
    const kind = this.#api.kind(...DEFINITION);
    const definition = this.#api.find(kind, { name });
    if (definition === undefined || at(definition, 'status', 'acceptedNames') !== undefined) return;
    this.#api.modify(
      kind,
      { name },
      {
        manager: 'definition-controller',
        subresource: 'status',
        change: (live) => ({
          ...live,
          status: {
            acceptedNames: at(live, 'spec', 'names'),
            conditions: [
              condition('NamesAccepted', 'NoConflicts', this.#api.nowIso()),
              condition('Established', 'InitialNamesAccepted', this.#api.nowIso()),
            ],
            storedVersions: listAt(live, 'spec', 'versions').map((version) =>
              textAt(version, 'name'),
            ),
          },
        }),
      },
    );
  }
}
