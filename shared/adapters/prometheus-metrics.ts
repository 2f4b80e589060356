import type { Readings } from '../events/index.ts';
import { epochMs } from '../events/time.ts';
import type { Clock, Metrics, ReadingsRequest } from '../ports.ts';
import { exchange, isOk } from './http.ts';
import type { Json } from './kubernetes-api.ts';
import { list, record } from './objects.ts';
import { podNamePattern } from './pod-names.ts';
import { unread } from './readings.ts';

const BATCH = 40; // expressions in one query
const KEY = 'nimbusguard_key';
const RATE_WINDOW_MS = 60_000;

/** Bounds of buckets are names: that of a whole second is `1.0` from Prometheus 3 on, and as exposed before. */
const inTime = (bound: string): string =>
  `sum(rate(http_request_duration_seconds_bucket{namespace=$namespace,pod=~$pods,le="${bound}"}[1m]))`;

/** PromQL by quantity, for exporters that use the usual names. A policy's `queries` replace them by name. */
const DEFAULT_QUERIES = {
  requestsPerSecond: 'sum(rate(http_requests_total{namespace=$namespace,pod=~$pods}[1m]))',
  failedRatio:
    'sum(rate(http_requests_total{namespace=$namespace,pod=~$pods,code=~"5.."}[1m])) / sum(rate(http_requests_total{namespace=$namespace,pod=~$pods}[1m]))',
  lateRatio: `1 - (${inTime('$slo')} or ${inTime('$slo.0')}) / sum(rate(http_request_duration_seconds_count{namespace=$namespace,pod=~$pods}[1m]))`,
  latencyP95Ms:
    '1000 * histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{namespace=$namespace,pod=~$pods}[1m])))',
  cpuUtilization:
    'sum(rate(container_cpu_usage_seconds_total{namespace=$namespace,pod=~$pods,container!=""}[1m])) / sum(kube_pod_container_resource_requests{namespace=$namespace,pod=~$pods,resource="cpu"})',
  memoryUtilization:
    'sum(container_memory_working_set_bytes{namespace=$namespace,pod=~$pods,container!=""}) / sum(kube_pod_container_resource_requests{namespace=$namespace,pod=~$pods,resource="memory"})',
  inFlight: 'sum(http_requests_in_flight{namespace=$namespace,pod=~$pods})',
  lagMessages: 'sum(kafka_consumergroup_lag{namespace=$namespace,consumergroup=$name})',
  measuredAtSeconds: 'max(timestamp(http_requests_total{namespace=$namespace,pod=~$pods}))',
} as const;

type Quantity = keyof typeof DEFAULT_QUERIES;
const QUANTITIES = Object.keys(DEFAULT_QUERIES) as Quantity[];

/** A label value as a PromQL string. Namespace and name are DNS labels; this holds for anything. */
const quoted = (value: string): string =>
  `"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;

/** Makes PromQL of templates: the target's values are inserted escaped, a template cannot be broken out of. */
export function expressionsOf({ state, sloLatencyMs }: ReadingsRequest) {
  const { namespace, name } = state.target;
  const values: Record<string, string> = {
    namespace: quoted(namespace),
    name: quoted(name),
    pods: quoted(podNamePattern(state.pods)),
    slo: String(sloLatencyMs / 1000),
  };
  return (template: string): string =>
    template.replace(/\$(namespace|name|pods|slo)\b/g, (_, key: string) => values[key] ?? '');
}

interface Asked {
  readonly key: string;
  readonly promql: string;
}

const tagged = ({ key, promql }: Asked): string =>
  `label_replace(${promql}, "${KEY}", "${key}", "", "")`;

/** The server took the query and cannot carry it out: a part of it may be at fault. */
class QueryRefused extends Error {}

const AT_FAULT = new Set([400, 422]); // Prometheus' words for a bad query and for one that failed

/**
 * Whether a part of the data could not be reached, in VictoriaMetrics' words or by a warning. Warnings
 * that concern the query alone begin with PromQL.
 */
const isPartial = ({ isPartial: told, warnings }: Json): boolean =>
  told === true ||
  (Array.isArray(warnings) && warnings.some((one) => !String(one).startsWith('PromQL ')));

async function query(url: string, asked: readonly Asked[], timeoutMs: number) {
  const answer = await exchange(`${url.replace(/\/$/, '')}/api/v1/query`, {
    method: 'POST',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    // the second is Thanos': a sum over a part of the stores would read as less demand
    body: String(
      new URLSearchParams({ query: asked.map(tagged).join(' or '), partial_response: 'false' }),
    ),
  });
  if (AT_FAULT.has(answer.status)) throw new QueryRefused();
  const { status, data, ...said } = record(JSON.parse(answer.text));
  if (!isOk(answer) || status !== 'success') throw new Error('no answer');
  if (isPartial(said)) throw new Error('a part of the answer');
  return list(record(data)['result']);
}

/** NaN, infinite and negative values are no data. */
const valueOf = (sample: unknown): number | null => {
  const told: unknown = Array.isArray(sample) ? sample[1] : undefined;
  const value = typeof told === 'string' && told !== '' ? Number(told) : NaN;
  return Number.isFinite(value) && value >= 0 ? value : null;
};

/** Null is no data: also where a query gives several series, of which none is the value. */
type Answers = Map<string, number | null>;

/**
 * Answers by key. One bad template spoils its batch: the halves of it are then asked apart. A server
 * that is down or overloaded is not asked again.
 */
async function ask(url: string, asked: readonly Asked[], timeoutMs: number): Promise<Answers> {
  const answers: Answers = new Map();
  try {
    for (const result of await query(url, asked, timeoutMs)) {
      const key = record(result['metric'])[KEY];
      if (typeof key !== 'string') continue;
      answers.set(key, answers.has(key) ? null : valueOf(result['value']));
    }
    return answers;
  } catch (error) {
    if (asked.length === 1 || !(error instanceof QueryRefused)) return new Map();
    const middle = Math.ceil(asked.length / 2);
    const halves = [asked.slice(0, middle), asked.slice(middle)];
    const parts = await Promise.all(halves.map((half) => ask(url, half, timeoutMs)));
    return new Map(parts.flatMap((part) => [...part]));
  }
}

const ratio = (value: number | null): number | null => (value === null ? null : Math.min(1, value));

function readingsOf(values: (quantity: Quantity) => number | null, nowMs: number): Readings {
  const known = QUANTITIES.some((quantity) => values(quantity) !== null);
  const measured = values('measuredAtSeconds');
  // without a time of its own a sample is as old as half of the window it was averaged over
  const atMs = Math.round(measured === null ? nowMs - RATE_WINDOW_MS / 2 : measured * 1000);
  if (!known || !epochMs.safeParse(atMs).success) return unread('prometheus');
  return {
    ...unread('prometheus'),
    measuredAtMs: atMs,
    rates: {
      windowMs: RATE_WINDOW_MS,
      requestsPerSecond: values('requestsPerSecond'),
      lateRatio: ratio(values('lateRatio')),
      failedRatio: ratio(values('failedRatio')),
    },
    latencyP95Ms: values('latencyP95Ms'),
    cpuUtilization: values('cpuUtilization'),
    memoryUtilization: values('memoryUtilization'),
    inFlight: values('inFlight'),
    lagMessages: values('lagMessages'),
  };
}

/**
 * Telemetry from Prometheus servers that the administrator named. Many policies share one query: each
 * expression is tagged and the union is asked. An endpoint that nobody configured gives nothing.
 */
export function prometheusMetrics(options: {
  endpoints: Readonly<Record<string, string>>;
  clock: Clock;
  timeoutMs: number;
}): Metrics {
  const askAll = async (endpoint: string, asked: readonly Asked[]) => {
    const url = options.endpoints[endpoint];
    if (url === undefined) return new Map<string, number | null>();
    const batches = Array.from({ length: Math.ceil(asked.length / BATCH) }, (_, index) =>
      ask(url, asked.slice(index * BATCH, (index + 1) * BATCH), options.timeoutMs),
    );
    return new Map((await Promise.all(batches)).flatMap((answers) => [...answers]));
  };
  return {
    async read(requests) {
      const endpointOf = ({ endpoint }: ReadingsRequest): string => endpoint ?? '';
      const indexed = requests.map((request, index) => ({ request, index }));
      const groups = Object.entries(Object.groupBy(indexed, ({ request }) => endpointOf(request)));
      const answers = await Promise.all(
        groups.map(([endpoint, own]) => {
          const asked = (own ?? []).flatMap(({ request, index }) => {
            const expression = expressionsOf(request);
            return QUANTITIES.map((quantity) => ({
              key: `${index}.${quantity}`,
              promql: expression(request.queries?.[quantity] ?? DEFAULT_QUERIES[quantity]),
            }));
          });
          return askAll(endpoint, asked);
        }),
      );
      const values = new Map(answers.flatMap((part) => [...part]));
      const nowMs = options.clock.nowMs();
      return requests.map((_, index) =>
        readingsOf((quantity) => values.get(`${index}.${quantity}`) ?? null, nowMs),
      );
    },
  };
}
