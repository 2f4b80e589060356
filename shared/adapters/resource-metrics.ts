import type { Readings } from '../events/index.ts';
import type { Metrics, Pod, ReadingsRequest } from '../ports.ts';
import type { Json, KubernetesApi } from './kubernetes-api.ts';
import { list, metadata, quantity, record, text, timeMs } from './objects.ts';
import { unread } from './readings.ts';

const DEFAULT_WINDOW_MS = 15_000;

interface Usage {
  readonly cores: number;
  readonly bytes: number;
  readonly atMs: number;
  readonly windowMs: number;
}

const usageSum = (object: Json, resource: string): number =>
  list(object['containers']).reduce(
    (sum, container) => sum + (quantity(record(container['usage'])[resource]) ?? 0),
    0,
  );

const windowMs = (object: Json): number => {
  const match = /^([0-9.]+)(ms|s|m)$/.exec(text(object['window']) ?? '');
  const factor = { ms: 1, s: 1000, m: 60_000 }[match?.[2] ?? ''] ?? NaN;
  const value = Number(match?.[1]) * factor;
  return value > 0 ? value : DEFAULT_WINDOW_MS;
};

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
  used: (usage: Usage) => number,
  asked: (pod: Pod) => number | null,
): number | null {
  let usedSum = 0;
  let askedSum = 0;
  for (const [pod, usage] of pairs) {
    const request = asked(pod);
    if (request === null || request === 0) continue;
    usedSum += used(usage);
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
