import type { Readings } from '../events/index.ts';
import type { Metrics, Pod, ReadingsRequest } from '../ports.ts';
import type { Json, KubernetesApi } from './kubernetes-api.ts';
import { list, metadata, quantity, record, text, timeMs } from './objects.ts';
import { unread } from './readings.ts';

const DEFAULT_WINDOW_MS = 15_000;

/** Null where a container does not say: the others alone would read as less. */
interface Usage {
  readonly cores: number | null;
  readonly bytes: number | null;
  readonly atMs: number;
  readonly windowMs: number;
}

function usageSum(object: Json, resource: string): number | null {
  const containers = list(object['containers']);
  const used = containers.map((container) => quantity(record(container['usage'])[resource]));
  const known = used.filter((value) => value !== null);
  if (known.length === 0 || known.length < used.length) return null;
  return known.reduce((sum, value) => sum + value, 0);
}

/** A duration as Go writes it, such as `1m2.5s`. */
const windowMs = (object: Json): number => {
  const parts = [...(text(object['window']) ?? '').matchAll(/([0-9.]+)(h|ms|m|s)/g)];
  const value = parts.reduce((sum, [, number, unit]) => sum + Number(number) * factorOf(unit), 0);
  return value > 0 ? value : DEFAULT_WINDOW_MS;
};

const factorOf = (unit = ''): number => ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 })[unit] ?? NaN;

function usages(items: readonly Json[]): Map<string, Usage> {
  return new Map(
    items.flatMap((object): [string, Usage][] => {
      const name = text(metadata(object)['name']);
      const atMs = timeMs(object['timestamp']);
      if (name === undefined || atMs === null) return [];
      const cores = usageSum(object, 'cpu');
      return [
        [name, { cores, bytes: usageSum(object, 'memory'), atMs, windowMs: windowMs(object) }],
      ];
    }),
  );
}

/** Used / requested over the pods that have both; null where none has. */
function share(
  pairs: readonly (readonly [Pod, Usage])[],
  used: (usage: Usage) => number | null,
  asked: (pod: Pod) => number | null,
): number | null {
  let usedSum = 0;
  let askedSum = 0;
  for (const [pod, usage] of pairs) {
    const request = asked(pod);
    const own = used(usage);
    if (own === null || request === null || request === 0) continue;
    usedSum += own;
    askedSum += request;
  }
  return askedSum === 0 ? null : usedSum / askedSum;
}

function readingsOf(request: ReadingsRequest, used: ReadonlyMap<string, Usage>): Readings {
  const ready = request.state.pods.filter((pod) => pod.ready && !pod.draining);
  const pairs = ready.flatMap((pod): (readonly [Pod, Usage])[] => {
    const usage = used.get(pod.name);
    return usage === undefined ? [] : [[pod, usage]];
  });
  const silent = ready.length - pairs.length;
  if (pairs.length === 0) return unread('resource', silent);
  return {
    ...unread('resource', silent),
    measuredAtMs: Math.max(...pairs.map(([, { atMs }]) => atMs)),
    rates: {
      windowMs: Math.max(...pairs.map(([, usage]) => usage.windowMs)),
      requestsPerSecond: null,
      lateRatio: null,
      failedRatio: null,
    },
    cpuUtilization: share(
      pairs,
      ({ cores }) => cores,
      ({ cpuRequestCores }) => cpuRequestCores,
    ),
    memoryUtilization: share(
      pairs,
      ({ bytes }) => bytes,
      ({ memoryRequestBytes }) => memoryRequestBytes,
    ),
  };
}

/**
 * CPU and memory from metrics.k8s.io, one call per namespace. Requests are unknown here: the core
 * then takes utilisation × pods as the demand. A cluster without metrics-server gives nothing.
 */
export function resourceMetrics({ api }: { api: KubernetesApi }): Metrics {
  const read = async (namespace: string): Promise<Map<string, Usage>> => {
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
    const answer = await api.request({ method: 'GET', path }).catch(() => undefined);
    return usages(list(answer?.['items']));
  };
  return {
    async read(requests) {
      const names = [...new Set(requests.map(({ policy }) => policy.namespace))];
      const used = new Map(
        await Promise.all(names.map(async (name) => [name, await read(name)] as const)),
      );
      return requests.map((request) =>
        readingsOf(request, used.get(request.policy.namespace) ?? new Map<string, Usage>()),
      );
    },
  };
}
