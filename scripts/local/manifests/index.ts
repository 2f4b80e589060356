// knative/*.yaml as the local runtime and the tests read it: the one description of services,
// broker, triggers and sources. What is not honoured here is refused or listed, never passed over.
import { messageOf } from '#shared/errors.ts';
import { z } from 'zod';
import { readDocuments, type Located } from './documents.ts';
import type { EnvSources } from './env.ts';
import {
  brokerConfigName,
  DEFAULT_PARTITIONS,
  readBroker,
  readPingSource,
  readSinkBinding,
  readTrigger,
} from './eventing.ts';
import { groupKind, judgeFields } from './fields.ts';
import { readService } from './serving.ts';
import type { ConfigData, KnativeService, KubeObject, Manifests, Variables } from './types.ts';

export type * from './types.ts';
export { routes } from './routes.ts';

/** Every problem of the files, one line each: what, where, what is allowed. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the manifests cannot be used:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

export interface ReadOptions {
  /** Secrets by `namespace/name` that stand in no file, such as a key from the environment. */
  readonly secrets?: Readonly<Record<string, Variables>>;
  /** Reads these kinds only, for whoever must start quickly; the others are passed over. */
  readonly kinds?: readonly string[];
}

const DEFAULT_NAMESPACE = 'default';

const named = ({ object, where }: Located) => ({
  name: object.metadata.name,
  namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE,
  where,
});

const decoded = (data: Variables): Variables =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );

function secretsOf(located: readonly Located[], given: ReadOptions['secrets']): ConfigData[] {
  const secrets = new Map<string, ConfigData>();
  for (const found of located) {
    const { data = {}, stringData = {} } = found.object;
    const secret = { ...named(found), data: { ...decoded(data), ...stringData } };
    secrets.set(`${secret.namespace}/${secret.name}`, secret);
  }
  for (const [key, data] of Object.entries(given ?? {})) {
    const [namespace = DEFAULT_NAMESPACE, name = ''] = key.split('/');
    const where = `given at start, Secret ${key}`;
    secrets.set(key, { name, namespace, where, data: { ...secrets.get(key)?.data, ...data } });
  }
  return [...secrets.values()];
}

const reason = (error: unknown): string => {
  if (error instanceof z.ZodError) return z.prettifyError(error).replaceAll('\n', ' ');
  return messageOf(error);
};

/** Collects errors instead of stopping at the first. */
class Reader {
  readonly errors: string[] = [];

  each<T>(located: readonly Located[], read: (found: Located) => T | undefined): T[] {
    return located.flatMap((found) => {
      try {
        return read(found) ?? [];
      } catch (error) {
        this.errors.push(`${found.where}: ${reason(error)}`);
        return [];
      }
    });
  }
}

/** One line per set of fields, naming all objects that have it. */
function listedFields(located: readonly Located[], errors: string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { object, where } of located) {
    const verdict = judgeFields(object);
    for (const path of verdict.refused) {
      errors.push(`${where}: field ${path} is not supported by the local runtime`);
    }
    const what = verdict.known ? verdict.listed.join(', ') : 'the whole object';
    if (what === '') continue;
    const key = `${object.kind}|${what}`;
    groups.set(key, [...(groups.get(key) ?? []), object.metadata.name]);
  }
  return [...groups].map(([key, names]) => {
    const [kind = '', what = ''] = key.split('|');
    return `${kind} ${names.join(', ')}: not applied locally: ${what}`;
  });
}

const AUTOSCALING = 'autoscaling.knative.dev/';
const BOUNDS = ['max-scale', 'window', 'scale-down-delay', 'scale-to-zero-pod-retention-period'];
const READINESS_TIMES = [
  'initialDelaySeconds',
  'periodSeconds',
  'timeoutSeconds',
  'failureThreshold',
];

const templateOf = ({ object }: KnativeService): KubeObject | undefined =>
  object.spec?.['template'] as KubeObject | undefined;

/** The pods of a service that a policy scales as a Deployment are as many as the policy says. */
function listedBounds(service: KnativeService): string[] {
  const annotations = templateOf(service)?.metadata.annotations ?? {};
  const set = BOUNDS.filter((bound) => annotations[AUTOSCALING + bound] !== undefined);
  if (set.length === 0) return [];
  return [
    `Service ${service.name}: not applied locally: ${set.join(', ')}, as its ScalingPolicy has the bounds`,
  ];
}

/** A function is asked from its start until it is ready, as often as that takes. */
function listedReadiness(service: KnativeService): string[] {
  const [container] = (templateOf(service)?.spec?.['containers'] ?? []) as {
    readinessProbe?: Readonly<Record<string, unknown>>;
  }[];
  const set = READINESS_TIMES.filter((time) => container?.readinessProbe?.[time] !== undefined);
  if (set.length === 0) return [];
  return [
    `Service ${service.name}: not applied locally: ${set.map((time) => `readinessProbe.${time}`).join(', ')}`,
  ];
}

/** What depends on who runs a service: the embedded cluster, or the supervisor. */
const listedByUse = (services: readonly KnativeService[], policies: readonly KubeObject[]) =>
  services.flatMap((service) =>
    isScaled(service.name, policies) ? listedBounds(service) : listedReadiness(service),
  );

/** Whether a policy scales the service as the Deployment that its pods have here. */
export const isScaled = (name: string, policies: readonly KubeObject[]): boolean =>
  policies.some(({ spec }) => {
    const target = spec?.['targetRef'] as { kind?: string; name?: string } | undefined;
    return target?.kind === 'Deployment' && target.name === name;
  });

/** Says so where a Broker's class is another, and where its settings come from a ConfigMap that only a cluster has. */
function listedBroker(found: Located, configMaps: readonly ConfigData[]): string[] {
  const { name, namespace } = named(found);
  const { brokerClass } = readBroker(found.object, named(found), configMaps);
  const lines =
    brokerClass === 'Kafka'
      ? []
      : [`Broker ${name}: class ${brokerClass} is not applied locally: it behaves as class Kafka`];
  const wanted = brokerConfigName(found.object, namespace);
  if (wanted === undefined || configMaps.some((map) => `${map.namespace}/${map.name}` === wanted))
    return lines;
  return [
    ...lines,
    `Broker ${name}: ConfigMap ${wanted} is not among these files: ${DEFAULT_PARTITIONS} partitions`,
  ];
}

const sourcesOf = (
  namespace: string,
  configMaps: readonly ConfigData[],
  secrets: readonly ConfigData[],
): EnvSources => {
  const find = (all: readonly ConfigData[], name: string) =>
    all.find((one) => one.name === name && one.namespace === namespace)?.data;
  return {
    configMap: (name) => find(configMaps, name),
    secret: (name) => find(secrets, name),
  };
};

/**
 * Reads folders (or files) of manifests; an object in a later one replaces the same object of an
 * earlier one. Throws one ManifestError that names every problem.
 */
export function readManifests(
  paths: string | readonly string[],
  options: ReadOptions = {},
): Manifests {
  const { located, errors, replaced } = readDocuments(
    typeof paths === 'string' ? [paths] : paths,
    options.kinds,
  );
  const reader = new Reader();
  reader.errors.push(...errors);
  const listed = [...replaced, ...listedFields(located, reader.errors)];
  const of = (kind: string): Located[] =>
    located.filter(({ object }) => groupKind(object) === kind);
  const objects = (kind: string): KubeObject[] => of(kind).map(({ object }) => object);

  const configMaps = of('/ConfigMap').map((found) => ({
    ...named(found),
    data: found.object.data ?? {},
  }));
  const secrets = secretsOf(of('/Secret'), options.secrets);
  const services = reader.each(
    of('serving.knative.dev/Service'),
    (found): KnativeService | undefined => {
      const who = named(found);
      const read = readService(found.object, who, sourcesOf(who.namespace, configMaps, secrets));
      reader.errors.push(...read.errors.map((line) => `${found.where}: ${line}`));
      return read.service;
    },
  );
  const brokers = reader.each(of('eventing.knative.dev/Broker'), (found) => {
    listed.push(...listedBroker(found, configMaps));
    return readBroker(found.object, named(found), configMaps);
  });
  const triggers = reader.each(of('eventing.knative.dev/Trigger'), (found) =>
    readTrigger(found.object, named(found), brokers),
  );
  const pingSources = reader.each(of('sources.knative.dev/PingSource'), (found) =>
    readPingSource(found.object, named(found)),
  );
  const sinkBindings = reader.each(of('sources.knative.dev/SinkBinding'), (found) =>
    readSinkBinding(found.object, named(found)),
  );
  if (reader.errors.length > 0) throw new ManifestError(reader.errors);
  const policies = objects('nimbusguard.io/ScalingPolicy');
  return {
    namespaces: objects('/Namespace').map(({ metadata }) => metadata.name),
    services,
    brokers,
    triggers,
    pingSources,
    sinkBindings,
    configMaps,
    secrets,
    deployments: objects('apps/Deployment'),
    autoscalers: objects('autoscaling/HorizontalPodAutoscaler'),
    crds: objects('apiextensions.k8s.io/CustomResourceDefinition'),
    policies,
    objects: located.map(({ object }) => object),
    listed: [...listed, ...listedByUse(services, policies)],
  };
}
