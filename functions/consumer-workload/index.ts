// consumer-workload: work in over HTTP and Kafka, answers out. The demo target; changes nothing.
import { hostname } from 'node:os';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { brokerSender } from './alert.ts';
import { burningWorker } from './burning-worker.ts';
import { loadConfig, queueOf } from './config.ts';
import { consumerWorkload } from './handler.ts';
import { configuredSource } from './kafka.ts';
import { timedWorker } from './timed-worker.ts';

const config = loadConfig(process.env);
const uptimeMs = (): number => performance.now();
const createWorker = config.WORK_MODE === 'burn' ? burningWorker : timedWorker;
const workload = consumerWorkload({
  config,
  worker: createWorker(queueOf(config), uptimeMs),
  source: configuredSource(config),
  sendAlert: brokerSender(config.BROKER_URL ?? config.K_SINK),
  pod: process.env['HOSTNAME'] ?? hostname(),
  uptimeMs,
  wallMs: () => Date.now(),
  newId: () => crypto.randomUUID(),
});

await start(workload, serveOptionsOf(config));
