// What the local runtime knows of knative/*.yaml: names, references and times resolved, defaults filled in.

/** A Kubernetes object as it stands in the file. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

interface Named {
  readonly name: string;
  readonly namespace: string;
  /** `file, document n, Kind namespace/name`: for messages. */
  readonly where: string;
}

export type Variables = Readonly<Record<string, string>>;

export interface ConfigData extends Named {
  readonly data: Variables;
}

/** Where events go: an addressable object, or a plain URL. */
export type Destination =
  | {
      readonly kind: 'Service' | 'Broker';
      readonly namespace: string;
      readonly name: string;
      /** Path below the object's own address; empty unless `uri` is given beside `ref`. */
      readonly path: string;
    }
  | { readonly kind: 'uri'; readonly uri: string };

export interface HttpProbe {
  readonly path: string;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

/** A Knative Service: one function, or the demo workload. */
export interface KnativeService extends Named {
  /** Folder below `functions/` whose bundle runs: the image's name without registry and tag. */
  readonly bundle: string;
  readonly image: string;
  /** ConfigMap and Secret references and `$(NAME)` are resolved. */
  readonly env: Variables;
  readonly clusterLocal: boolean;
  readonly scale: {
    readonly min: number;
    /** 0: unbounded. */
    readonly max: number;
    /** Idle time before the last pod goes. */
    readonly idleMs: number;
  };
  /** Requests one pod takes at a time; 0: unbounded. */
  readonly containerConcurrency: number;
  /** Longest time a request may take. */
  readonly timeoutMs: number;
  readonly readinessPath: string;
  readonly readiness: HttpProbe | null;
  readonly liveness: HttpProbe | null;
  readonly object: KubeObject;
}

/** How a broker delivers to one subscriber. */
export interface Delivery {
  /** Tries after the first one. */
  readonly retry: number;
  readonly backoffPolicy: 'linear' | 'exponential';
  readonly backoffDelayMs: number;
  readonly timeoutMs: number;
  readonly deadLetterSink: Destination | null;
}

/** One filter dialect of the Knative Triggers API; a list of filters is an `all`. */
export type Filter =
  | { readonly exact: Variables }
  | { readonly prefix: Variables }
  | { readonly suffix: Variables }
  | { readonly all: readonly Filter[] }
  | { readonly any: readonly Filter[] }
  | { readonly not: Filter };

export interface Broker extends Named {
  readonly brokerClass: string;
  readonly partitions: number;
  readonly delivery: Delivery;
}

export interface Trigger extends Named {
  readonly broker: string;
  readonly filter: Filter;
  readonly subscriber: Destination;
  /** The Trigger's own delivery if it has one, else the Broker's: never a mixture. */
  readonly delivery: Delivery;
  /** Keeps the order within a partition by blocking it until the subscriber succeeds or the retries end. */
  readonly ordered: boolean;
}

export interface PingSource extends Named {
  /** Cron with an optional leading seconds field. */
  readonly schedule: string;
  readonly timezone: string | undefined;
  readonly contentType: string | undefined;
  readonly data: Uint8Array | undefined;
  readonly sink: Destination;
  readonly extensions: Variables;
}

export interface SinkBinding extends Named {
  readonly subject: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly sink: Destination;
  readonly extensions: Variables;
}

export interface Manifests {
  readonly namespaces: readonly string[];
  readonly services: readonly KnativeService[];
  readonly brokers: readonly Broker[];
  readonly triggers: readonly Trigger[];
  readonly pingSources: readonly PingSource[];
  readonly sinkBindings: readonly SinkBinding[];
  readonly configMaps: readonly ConfigData[];
  readonly secrets: readonly ConfigData[];
  readonly deployments: readonly KubeObject[];
  readonly autoscalers: readonly KubeObject[];
  readonly crds: readonly KubeObject[];
  readonly policies: readonly KubeObject[];
  /** Every document, in the order read, for the embedded Kubernetes API. */
  readonly objects: readonly KubeObject[];
  /** What stands in the files and is not applied locally: one line each, to be printed at start. */
  readonly listed: readonly string[];
}
