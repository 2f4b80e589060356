// The embedded broker as a process: Knative's Broker of class Kafka, with its log in one SQLite file.
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '#shared/runtime/logger.ts';
import { start } from '#shared/runtime/serve.ts';
import { readManifests } from '../manifests/index.ts';
import { Broker } from './broker.ts';
import { loadConfig } from './config.ts';
import { brokerRoutes } from './ingress.ts';
import { openLogFile } from './log-file.ts';
import { EventLog } from './log.ts';
import { resolveTriggers } from './resolve.ts';
import { Sender } from './sender.ts';

const HOST = '127.0.0.1';
/** Deliveries under way get this long at the end; what is not answered then is delivered again. */
const GRACE_MS = 3000;

const config = loadConfig(process.env);
const logger = createLogger({ name: 'broker', level: config.logLevel });
const manifests = readManifests(config.manifests, {
  kinds: ['Broker', 'Trigger', 'ConfigMap'],
});
const triggers = resolveTriggers(manifests, config.subscribers, `http://${HOST}:${config.port}`);

const { db, setAside } = openLogFile(config.stateFile, Date.now());
if (setAside !== null) {
  logger.error(
    { file: setAside.file, reason: setAside.reason },
    'the state file could not be used; it was set aside and a fresh one started',
  );
}
const log = new EventLog(db);
const sender = new Sender();
const ended = new AbortController();
const broker = new Broker(
  manifests,
  log,
  { limits: config.limits, triggers },
  {
    nowMs: () => performance.timeOrigin + performance.now(),
    sleep: (ms) => sleep(ms, undefined, { signal: ended.signal }),
    post: (url, event, timeoutMs, namespace) => sender.send(url, event, timeoutMs, namespace),
    warn: (facts, message) => logger.warn(facts, message),
  },
);

for (const gone of broker.start()) logger.info({ trigger: gone }, 'its cursor was forgotten');
await start(
  {
    name: 'broker',
    accepts: [],
    routes: (app) => brokerRoutes(app, broker, log),
    async close() {
      ended.abort();
      await Promise.race([broker.stop(), sleep(GRACE_MS)]);
      sender.close();
      log.close();
    },
  },
  { port: config.port, host: HOST, logLevel: config.logLevel, graceMs: GRACE_MS },
);
