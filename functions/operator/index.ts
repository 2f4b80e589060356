// operator: every event of the chain → history, API and console. Writes only the kill switch.
import { measure } from '#shared/domain/index.ts';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { isLoopback } from '#shared/runtime/loopback.ts';
import { start } from '#shared/runtime/serve.ts';
import { brokerReader } from './broker-reader.ts';
import { loadConfig } from './config.ts';
import { eventLog } from './event-log.ts';
import { operator } from './handler.ts';
import { clusterPolicies } from './policies.ts';
import { upstream } from './upstream.ts';

const config = loadConfig(process.env);
const { EVENT_LOG_URL, LOAD_GENERATOR_URL, WORKLOAD_URL } = config;

const spec = operator({
  nowMs: Date.now,
  measure,
  broker: brokerReader(config.BROKER_STATS_URL, Date.now),
  eventLog: EVENT_LOG_URL ? eventLog(EVENT_LOG_URL) : undefined,
  policies: clusterPolicies(),
  loadGenerator: LOAD_GENERATOR_URL ? upstream('load generator', LOAD_GENERATOR_URL) : undefined,
  workload: WORKLOAD_URL ? upstream('consumer-workload', WORKLOAD_URL) : undefined,
  loopback: isLoopback(config.HOST),
  page: new URL('./page/', import.meta.url),
});

await start(spec, serveOptionsOf(config));
