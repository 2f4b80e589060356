// What the functions need of the outside world. An adapter throws NimbusError `upstream.unavailable`
// (try again), `upstream.throttled`, or `target.conflict` (somebody else wrote first), never its own.
import type { Random as DomainRandom } from './domain/types.ts';
import type {
  Mode,
  ObservedState,
  Problem,
  Target,
  TargetRef,
  UnknownEvent,
} from './events/index.ts';
import type { z } from 'zod';

export interface Clock {
  /** Milliseconds of the Unix epoch. */
  nowMs(): number;
}

export type Random = DomainRandom;

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  /** RFC 3339. */
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Status of a ScalingPolicy. Written by the executor alone. Times are RFC 3339. */
export interface PolicyStatus {
  readonly observedGeneration?: number;
  readonly mode?: Mode | null;
  readonly replicas?: number | null;
  readonly floor?: number | null;
  readonly floorExpiresAt?: string | null;
  readonly hpaReplicas?: number | null;
  /** Mode `advise`: the replicas that the last decision asks for. */
  readonly wantedReplicas?: number | null;
  readonly lastAppliedSequence?: number | null;
  readonly targetUID?: string | null;
  /** The object whose field we took last, until it is given back: `targetRef` may be edited meanwhile. */
  readonly heldRef?: TargetRef | null;
  readonly lastAction?: {
    readonly decisionId: string;
    readonly sequence: number;
    readonly outcome: string;
    readonly reason: string;
    readonly message: string;
    readonly from: number;
    readonly to: number;
    readonly field?: string | null;
    readonly at: string;
  } | null;
  readonly conditions?: readonly Condition[];
}

/** A ScalingPolicy as it is stored. Nobody has checked its spec yet. */
export interface PolicyObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
  readonly spec: unknown;
  readonly status: PolicyStatus;
}

export interface TargetLocator {
  readonly namespace: string;
  readonly ref: TargetRef;
}

export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Null until the pod has one. */
  readonly ip: string | null;
  /** First container port; null where none is declared. */
  readonly port: number | null;
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
  /** Restarts of its containers: a pod that came back tells nothing of how long a start takes. */
  readonly restarts: number;
  readonly ready: boolean;
  readonly draining: boolean;
  /** Why the scheduler finds no node for it; null where it has one. */
  readonly unplaced: string | null;
  /** Sum over containers; null where one has no request. */
  readonly cpuRequestCores: number | null;
  readonly memoryRequestBytes: number | null;
}

/** A target and the pods behind it, read at one instant. */
export interface TargetState {
  readonly target: Target;
  readonly replicas: NonNullable<ObservedState['replicas']>;
  readonly autoscaler: ObservedState['autoscaler'];
  readonly unplaced: NonNullable<ObservedState['unplaced']> | null;
  readonly pods: readonly Pod[];
}

export type Found<T> = { readonly found: T } | { readonly problem: Problem };

/** Reading side: what the observer needs. */
export interface Cluster {
  /** Policies of all watched namespaces, oldest first. */
  policies(): Promise<PolicyObject[]>;
  /**
   * One answer per locator, in order, from a few batched calls. What cannot be read is a problem of the
   * locators that need it, never an error.
   */
  targets(locators: readonly TargetLocator[]): Promise<Found<TargetState>[]>;
}

export interface ReadingsRequest {
  readonly policy: { readonly namespace: string; readonly name: string };
  readonly source: 'auto' | 'pods' | 'prometheus' | 'resource';
  readonly endpoint: string | undefined;
  readonly port: number | undefined;
  readonly queries: Readonly<Record<string, string>> | undefined;
  readonly sloLatencyMs: number;
  readonly state: TargetState;
}

/** Telemetry of many targets at once. What cannot be read is null in the answer, never an error. */
export interface Metrics {
  read(requests: readonly ReadingsRequest[]): Promise<NonNullable<ObservedState['readings']>[]>;
}

/** One object of several that share a value, such as the Revisions that serve a Knative Service. */
export interface FieldPart {
  readonly name: string;
  readonly resourceVersion: string;
  /** Null where it is not set. */
  readonly stored: number | null;
  readonly value: number;
  /** Share of the whole, 0…1. */
  readonly share: number;
  readonly high: number;
  /** Field manager that wrote its value last; null where the API server does not say. */
  readonly owner: string | null;
  readonly note: FieldNote | null;
}

/** The one field of a target that a policy lets us write, as it stands now. */
export interface ControlledField {
  readonly target: Target;
  readonly resourceVersion: string;
  /** `replicas` are owned (mode `act`), a `floor` is raised under an autoscaler (mode `floor`). */
  readonly kind: 'replicas' | 'floor';
  /** Path of the field, such as `spec.replicas` or `spec.minReplicas`. */
  readonly path: string;
  /** Null where the field is not set. */
  readonly stored: number | null;
  /** What the field means now, its default included. */
  readonly value: number;
  /** Most that the owner allows. */
  readonly high: number;
  /** Field manager that wrote the value last; null where the API server does not say. */
  readonly owner: string | null;
  /** Our note; null while we have not touched the field. */
  readonly note: FieldNote | null;
  /** Autoscaler that writes the replicas of a plain workload: it cannot be owned beside it. */
  readonly rival: string | null;
  readonly parts?: readonly FieldPart[];
  /** False where parts came or went since we wrote: their shares have to be written anew. */
  readonly settled?: boolean;
}

/** Kept as an annotation on the target until the original is put back. */
export interface FieldNote {
  readonly path: string;
  /** Null where the field was not set. */
  readonly original: number | null;
  readonly owner: string | null;
  /** What we wrote last; null between taking the note and the first write. */
  readonly value: number | null;
  readonly policyUid: string;
  /** Of a part: what all parts hold together. Their shares are rounded up, so their sum may be more. */
  readonly total?: number | undefined;
  /** RFC 3339; null for replicas that we own. A floor past it is released by whoever sees it. */
  readonly expiresAt: string | null;
}

/** Why there is no field to write. */
export interface Refusal {
  readonly reason: 'target-missing' | 'conflict' | 'forbidden' | 'no-autoscaler';
  readonly message: string;
}

export interface Occurrence {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

/** Writing side: what the executor needs. Every write has a precondition and our field manager. */
export interface Control {
  policy(namespace: string, name: string): Promise<PolicyObject | undefined>;
  /** Merges into the status if the policy is still the one that was read; else `target.conflict`. */
  patchStatus(policy: PolicyObject, status: PolicyStatus): Promise<PolicyObject>;
  setFinalizers(policy: PolicyObject, finalizers: readonly string[]): Promise<PolicyObject>;
  field(locator: TargetLocator): Promise<{ found: ControlledField } | { refusal: Refusal }>;
  /** Writes value and note if the object is still the one that was read; else `target.conflict`. */
  write(field: ControlledField, value: number, note: FieldNote): Promise<void>;
  /** Puts the original back where the field still holds our value, and takes the note away. */
  release(field: ControlledField): Promise<void>;
  /** Leaves a Kubernetes Event on the policy. Best effort: a failure is not an error. */
  record(policy: PolicyObject, occurrence: Occurrence): Promise<void>;
}

export interface Versioned {
  readonly value: string;
  readonly version: string;
}

/** Documents by key with compare-and-swap: the proof that a target has one writer. */
export interface ModelStore {
  load(key: string): Promise<Versioned | undefined>;
  /** `version` null creates. Throws `target.conflict` where the stored version is another one. */
  save(key: string, value: string, version: string | null): Promise<string>;
  remove(key: string): Promise<void>;
}

/** The stored documents as they lie there: those of policies that are gone are nobody's. */
export interface StoredDocuments {
  list(): Promise<readonly { readonly key: string; readonly savedAtMs: number }[]>;
  remove(key: string): Promise<void>;
}

/** Sends an event on its way; resolves when it is stored. */
export interface EventSink {
  send(event: UnknownEvent, signal?: AbortSignal): Promise<void>;
}

/** A chat model that answers in a given shape, or throws. It is given text, no tools, no rights. */
export interface LanguageModel {
  readonly name: string;
  answer<T>(
    prompt: { readonly system: string; readonly user: string },
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T>;
}
