// Kubernetes Events: what happened to an object, for `kubectl describe` and `kubectl get events`.
import { randomBytes } from 'node:crypto';
import type { Api } from '../api/api.ts';
import { ApiError } from '../api/errors.ts';
import { numberAt, textAt, type KubeObject } from '../types.ts';

export interface Happening {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const KEEP_MS = 3_600_000;
const KEEP_COUNT = 500;
/** Looking for old ones costs a pass over all of them: only now and then. */
const SWEEP_EVERY = 50;

export class EventRecorder {
  readonly #api: Api;
  readonly #component: string;
  /** Names of the Events of the same happening to the same object. */
  readonly #known = new Map<string, string>();
  #sinceSweep = 0;

  constructor(api: Api, component: string) {
    this.#api = api;
    this.#component = component;
  }

  /**
   * Records a happening; one that repeats counts up on its first Event. One that the API does not
   * take, in a namespace that is being deleted, is dropped: telling must not stop what is done.
   */
  record(object: KubeObject, happening: Happening): void {
    try {
      this.#write(object, happening);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #write(object: KubeObject, happening: Happening): void {
    const kind = this.#api.kind('v1', 'Event');
    const namespace = object.metadata.namespace ?? 'default';
    const same = [object.metadata.uid, happening.reason, happening.message].join('|');
    const name = this.#known.get(same);
    const earlier = name === undefined ? undefined : this.#api.find(kind, { namespace, name });
    if (earlier !== undefined) {
      this.#api.modify(kind, earlier.metadata, {
        manager: this.#component,
        change: (live) => ({
          ...live,
          count: (numberAt(live, 'count') ?? 1) + 1,
          lastTimestamp: this.#api.nowIso(),
        }),
      });
      return;
    }
    this.#known.set(same, this.#create(object, namespace, happening));
    this.#sinceSweep += 1;
    if (this.#sinceSweep >= SWEEP_EVERY) this.#sweep();
  }

  #create(object: KubeObject, namespace: string, happening: Happening): string {
    const { name, uid, resourceVersion } = object.metadata;
    const at = this.#api.nowIso();
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${randomBytes(8).toString('hex')}` },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
        uid,
        resourceVersion,
      },
      ...happening,
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: '',
      firstTimestamp: at,
      lastTimestamp: at,
      eventTime: null,
      count: 1,
    };
    const created = this.#api.create(this.#api.kind('v1', 'Event'), event, {
      manager: this.#component,
      namespace,
    });
    return created.metadata.name;
  }

  #sweep(): void {
    this.#sinceSweep = 0;
    const kind = this.#api.kind('v1', 'Event');
    const byAge = this.#api.store
      .list(kind)
      .sort(
        (a, b) => Date.parse(textAt(b, 'lastTimestamp')) - Date.parse(textAt(a, 'lastTimestamp')),
      );
    const oldest = this.#api.nowMs() - KEEP_MS;
    byAge.forEach((event, position) => {
      const isOld = !(Date.parse(textAt(event, 'lastTimestamp')) >= oldest);
      if (isOld || position >= KEEP_COUNT) this.#api.delete(kind, event.metadata);
    });
    const left = new Set(this.#api.store.list(kind).map(({ metadata }) => metadata.name));
    for (const [same, name] of this.#known) if (!left.has(name)) this.#known.delete(same);
  }
}
