import type { Readings } from '../events/index.ts';
import type { Clock, Metrics, ReadingsRequest } from '../ports.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { podMetrics } from './pod-metrics.ts';
import { prometheusMetrics } from './prometheus-metrics.ts';
import { unread } from './readings.ts';
import { resourceMetrics } from './resource-metrics.ts';

const CONCURRENCY = 64; // scrapes and queries at a time over all targets

type Source = Exclude<ReadingsRequest['source'], 'auto'>;

/** Prometheus where the policy names an endpoint, else the pods themselves. */
const firstChoice = ({ source, endpoint }: ReadingsRequest): Source => {
  if (source !== 'auto') return source;
  return endpoint === undefined ? 'pods' : 'prometheus';
};

/**
 * Telemetry from the source that each policy names. `auto` asks Prometheus where an endpoint is named,
 * else the pods, and where no pod answers the Kubernetes resource metrics (CPU and memory only).
 */
export function targetMetrics(options: {
  api: KubernetesApi;
  clock: Clock;
  timeoutMs: number;
  endpoints: Readonly<Record<string, string>>;
}): Metrics & { close(): void } {
  const { api, clock, timeoutMs, endpoints } = options;
  const pods = podMetrics({ timeoutMs, concurrency: CONCURRENCY, clock });
  const sources: Record<Source, Metrics> = {
    pods,
    prometheus: prometheusMetrics({ endpoints, clock, timeoutMs }),
    resource: resourceMetrics({ api }),
  };

  const readBy = async (
    requests: readonly ReadingsRequest[],
    sourceOf: (request: ReadingsRequest) => Source,
  ): Promise<Readings[]> => {
    const answers = new Map<ReadingsRequest, Readings>();
    const bySource = Object.entries(Object.groupBy(requests, sourceOf));
    await Promise.all(
      bySource.map(async ([source, own]) => {
        const read = await sources[source as Source].read(own);
        own.forEach((request, index) => {
          const readings = read[index];
          if (readings !== undefined) answers.set(request, readings);
        });
      }),
    );
    return requests.map((request) => answers.get(request) ?? unread(firstChoice(request)));
  };

  return {
    async read(requests) {
      const first = await readBy(requests, firstChoice);
      const second = requests.filter(
        ({ source, state }, index) =>
          source === 'auto' && first[index]?.measuredAtMs === null && state.replicas.ready > 0,
      );
      if (second.length === 0) return first;
      const fallback = await readBy(second, () => 'resource');
      return first.map((readings, index) => {
        const at = second.findIndex((request) => request === requests[index]);
        return at === -1 ? readings : (fallback[at] ?? readings);
      });
    },
    close: () => pods.close(),
  };
}
