// observer: a beat or an alert → one state.observed per policy. Reads the cluster; changes nothing.
import { brokerSink } from '#shared/adapters/event-sink.ts';
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { targetMetrics } from '#shared/adapters/target-metrics.ts';
import { systemClock } from '#shared/adapters/system.ts';
import { encodeEvent } from '#shared/runtime/envelope.ts';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { observer } from './handler.ts';

const config = loadConfig(process.env);
const timeoutMs = config.SCRAPE_TIMEOUT_MS;
const api = kubernetesApi({ timeoutMs });
const cluster = kubernetesCluster(api, { watchNamespaces: config.WATCH_NAMESPACES });
const metrics = targetMetrics({
  api,
  clock: systemClock,
  timeoutMs,
  endpoints: config.METRICS_ENDPOINTS,
});
const sink = brokerSink({ url: config.K_SINK, timeoutMs, encode: encodeEvent });
const close = () => [api, metrics, sink].forEach((one) => one.close());

await start(
  observer({ clock: systemClock, cluster, metrics, sink, close }),
  serveOptionsOf(config),
);
