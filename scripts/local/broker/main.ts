// The embedded broker as a process: Knative's Broker of class Kafka, with its log in one SQLite file.
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '#shared/runtime/logger.ts';
import { readManifests } from '../manifests/index.ts';
import { Broker } from './broker.ts';
import { fineClock } from './clock.ts';
import { loadConfig } from './config.ts';
import { brokerApp, finish, listen } from './host.ts';
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
    nowMs: fineClock(),
    sleep: (ms) => sleep(ms, undefined, { signal: ended.signal }),
    post: (url, event, timeoutMs, namespace) => sender.send(url, event, timeoutMs, namespace),
    warn: (facts, message) => logger.warn(facts, message),
  },
);

const crash = (error: unknown): void => {
  logger.fatal({ err: error }, 'unexpected error');
  process.exit(1); // the log is safe at any instant; whoever started us starts us again
};
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

const app = brokerApp(brokerRoutes(broker, log), logger);
for (const gone of broker.start()) logger.info({ trigger: gone }, 'its cursor was forgotten');
const server = await listen(app, config.port, HOST);
logger.info({ port: config.port }, 'listening');

async function stop(signal: string): Promise<void> {
  logger.info({ signal }, 'stopping');
  await finish(server, GRACE_MS);
  ended.abort();
  await Promise.race([broker.stop(), sleep(GRACE_MS)]);
  sender.close();
  log.close();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    stop(signal).catch(crash);
  });
}
