// Knative Eventing: Broker, Trigger, PingSource, SinkBinding.
import { z } from 'zod';
import { isoDurationMs } from './duration.ts';
import { FilterItem } from './filters.ts';
import type {
  Broker,
  ConfigData,
  Delivery,
  Destination,
  Filter,
  KubeObject,
  PingSource,
  SinkBinding,
  Trigger,
} from './types.ts';

type Named = Pick<Trigger, 'name' | 'namespace' | 'where'>;

/** Kafka's dispatcher without a `delivery` of anybody: one try, ten minutes to answer. */
const NO_DELIVERY: Delivery = {
  retry: 0,
  backoffPolicy: 'exponential',
  backoffDelayMs: 1000,
  timeoutMs: 600_000,
  deadLetterSink: null,
};
export const DEFAULT_PARTITIONS = 10;

const duration = z.string().transform((text, context) => {
  const ms = isoDurationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue(`must be an ISO 8601 duration such as PT0.2S (got ${text})`);
  return z.NEVER;
});

const DestinationSpec = z
  .object({
    ref: z
      .object({
        kind: z.enum(['Service', 'Broker'], 'must be Service or Broker here'),
        name: z.string().min(1),
        namespace: z.string().min(1).optional(),
      })
      .optional(),
    uri: z.string().min(1).optional(),
  })
  .superRefine(({ ref, uri }, context) => {
    if (ref === undefined && uri === undefined) context.addIssue('needs ref or uri');
    if (ref === undefined && uri !== undefined && !URL.canParse(uri)) {
      context.addIssue(`uri must be absolute without ref (got ${uri})`);
    }
  });

/** Where the broker or a PingSource sends: both speak plain HTTP here. */
const SentTo = DestinationSpec.superRefine(({ ref, uri }, context) => {
  if (ref === undefined && uri !== undefined && !/^http:/i.test(uri)) {
    context.addIssue(
      `uri must be http:// here: the local runtime sends nothing by TLS (got ${uri})`,
    );
  }
});

const destination = (spec: z.infer<typeof DestinationSpec>, namespace: string): Destination => {
  const { ref, uri } = spec;
  if (ref === undefined) return { kind: 'uri', uri: uri ?? '' };
  return { kind: ref.kind, namespace: ref.namespace ?? namespace, name: ref.name, path: uri ?? '' };
};

const DeliverySpec = z.object({
  retry: z.int().nonnegative().max(1000).default(NO_DELIVERY.retry),
  backoffPolicy: z.enum(['linear', 'exponential']).default(NO_DELIVERY.backoffPolicy),
  backoffDelay: duration.default(NO_DELIVERY.backoffDelayMs),
  timeout: duration.default(NO_DELIVERY.timeoutMs),
  deadLetterSink: SentTo.optional(),
});

const delivery = (spec: z.infer<typeof DeliverySpec>, namespace: string): Delivery => ({
  retry: spec.retry,
  backoffPolicy: spec.backoffPolicy,
  backoffDelayMs: spec.backoffDelay,
  timeoutMs: spec.timeout,
  deadLetterSink: spec.deadLetterSink ? destination(spec.deadLetterSink, namespace) : null,
});

const BrokerObject = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z
    .object({
      delivery: DeliverySpec.optional(),
      config: z
        .object({ name: z.string().min(1), namespace: z.string().min(1).optional() })
        .optional(),
    })
    .prefault({}),
});
const Partitions = z.coerce.number().int().min(1).max(1000);

/** The ConfigMap a Broker names for its partitions, as `namespace/name`; undefined where it names none. */
export function brokerConfigName(object: KubeObject, namespace: string): string | undefined {
  const { config } = BrokerObject.parse(object).spec;
  return config && `${config.namespace ?? namespace}/${config.name}`;
}

/** Reads a Broker; its partitions come from the ConfigMap it names, when that is among the files. */
export function readBroker(
  object: KubeObject,
  named: Named,
  configMaps: readonly ConfigData[],
): Broker {
  const { metadata, spec } = BrokerObject.parse(object);
  const wanted = brokerConfigName(object, named.namespace);
  const config = configMaps.find(({ name, namespace }) => `${namespace}/${name}` === wanted);
  const partitions = config?.data['default.topic.partitions'];
  return {
    ...named,
    brokerClass: metadata.annotations['eventing.knative.dev/broker.class'] ?? 'Kafka',
    partitions: partitions === undefined ? DEFAULT_PARTITIONS : Partitions.parse(partitions),
    delivery: spec.delivery ? delivery(spec.delivery, named.namespace) : NO_DELIVERY,
  };
}

const TriggerObject = z.object({
  metadata: z.object({
    annotations: z
      .object({
        'kafka.eventing.knative.dev/delivery.order': z
          .enum(['ordered', 'unordered'])
          .default('unordered'),
      })
      .prefault({}),
  }),
  spec: z.object({
    broker: z.string().min(1),
    filter: z.object({ attributes: z.record(z.string(), z.string()).default({}) }).optional(),
    filters: z.array(FilterItem).default([]),
    subscriber: SentTo,
    delivery: DeliverySpec.optional(),
  }),
});

/** `filters` wins over `filter`; an empty value there means any; no filter at all lets everything in. */
function filterOf(spec: z.infer<typeof TriggerObject>['spec']): Filter {
  if (spec.filters.length > 0) return { all: spec.filters };
  const exact = Object.entries(spec.filter?.attributes ?? {}).filter(([, value]) => value !== '');
  return exact.length === 0 ? { all: [] } : { exact: Object.fromEntries(exact) };
}

/** Reads a Trigger. Its own `delivery` replaces the Broker's as a whole, as Knative does. */
export function readTrigger(object: KubeObject, named: Named, brokers: readonly Broker[]): Trigger {
  const { metadata, spec } = TriggerObject.parse(object);
  const broker = brokers.find(
    ({ name, namespace }) => name === spec.broker && namespace === named.namespace,
  );
  if (broker === undefined) {
    throw new Error(`spec.broker: no Broker ${named.namespace}/${spec.broker} in these files`);
  }
  return {
    ...named,
    broker: spec.broker,
    filter: filterOf(spec),
    subscriber: destination(spec.subscriber, named.namespace),
    delivery: spec.delivery ? delivery(spec.delivery, named.namespace) : broker.delivery,
    ordered: metadata.annotations['kafka.eventing.knative.dev/delivery.order'] === 'ordered',
  };
}

const Extensions = z
  .object({ extensions: z.record(z.string().regex(/^[a-z0-9]+$/), z.string()).default({}) })
  .prefault({});

const isJsonObject = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

const PingSourceObject = z.object({
  spec: z
    .object({
      schedule: z
        .string()
        .refine((text) => !text.startsWith('@every'), '@every is not accepted by PingSource'),
      timezone: z.string().min(1).optional(),
      contentType: z.string().min(1).optional(),
      data: z.string().optional(),
      dataBase64: z.base64().optional(),
      sink: SentTo,
      ceOverrides: Extensions,
    })
    .superRefine((spec, context) => {
      if (spec.data !== undefined && spec.dataBase64 !== undefined) {
        context.addIssue('data and dataBase64 exclude each other');
      }
      if (
        spec.contentType === 'application/json' &&
        spec.data !== undefined &&
        !isJsonObject(spec.data)
      ) {
        context.addIssue(`data must be a JSON object (got ${spec.data})`);
      }
    }),
});

export function readPingSource(object: KubeObject, named: Named): PingSource {
  const { spec } = PingSourceObject.parse(object);
  const encoded =
    spec.dataBase64 === undefined ? undefined : Buffer.from(spec.dataBase64, 'base64');
  return {
    ...named,
    schedule: spec.schedule,
    timezone: spec.timezone,
    contentType: spec.contentType,
    data: spec.data === undefined ? encoded : Buffer.from(spec.data),
    sink: destination(spec.sink, named.namespace),
    extensions: spec.ceOverrides.extensions,
  };
}

const SinkBindingObject = z.object({
  spec: z.object({
    subject: z.object({
      apiVersion: z.string().min(1),
      kind: z.string().min(1),
      name: z.string('only a subject by name is supported').min(1),
    }),
    sink: DestinationSpec,
    ceOverrides: Extensions,
  }),
});

export function readSinkBinding(object: KubeObject, named: Named): SinkBinding {
  const { spec } = SinkBindingObject.parse(object);
  return {
    ...named,
    subject: spec.subject,
    sink: destination(spec.sink, named.namespace),
    extensions: spec.ceOverrides.extensions,
  };
}
