import { serve, type ServerType } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import type { FunctionSpec } from './function.ts';
import { createLogger } from './logger.ts';

export { createApp } from './app.ts';

export interface ServeOptions {
  /** 0 picks a free port. */
  readonly port: number;
  readonly host?: string;
  readonly logLevel?: string;
  /** Time to finish what was begun after SIGTERM; less than the platform's grace period (30 s). */
  readonly graceMs?: number;
  /** Time to go on accepting after SIGTERM, until every proxy knows that this pod leaves. */
  readonly drainMs?: number;
}

export interface Running {
  readonly port: number;
  /** Stops accepting, finishes, closes the function. Resolves when all is done. */
  stop(): Promise<void>;
}

/**
 * Longer than any proxy keeps an idle connection (Go's 90 s). Node's own 5 s is as long as the beat: a
 * proxy would send the next event into the very connection that is being closed, and get a reset.
 */
const KEEP_ALIVE_MS = 120_000;

const listen = (app: ReturnType<typeof createApp>, options: ServeOptions): Promise<ServerType> =>
  new Promise((resolve, reject) => {
    const server = serve(
      { fetch: app.fetch, port: options.port, hostname: options.host ?? '0.0.0.0' },
      () => resolve(server),
    );
    if ('keepAliveTimeout' in server) server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.once('error', reject);
  });

const finish = (server: ServerType, graceMs: number, abort: AbortController): Promise<void> =>
  new Promise((resolve) => {
    const late = setTimeout(() => {
      abort.abort();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }, graceMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
  });

/** Runs `stop` once for SIGTERM or SIGINT and exits 0; exits 1 on what nobody caught. */
function handleSignals(stop: () => Promise<void>, log: Logger): void {
  const leave = (signal: string): void => {
    log.info({ signal }, 'stopping');
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', leave);
  process.once('SIGINT', leave);
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'unexpected error');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

/**
 * Serves a function until it is stopped. Rejects when the port is taken.
 * Requests still running after `graceMs` are cut off; their events are delivered again.
 */
export async function listenTo(spec: FunctionSpec, options: ServeOptions): Promise<Running> {
  const log = createLogger({ name: spec.name, level: options.logLevel ?? 'info' });
  const stopping = new AbortController();
  const abort = new AbortController();
  const app = createApp(spec, { log, stopping: stopping.signal, abort: abort.signal });
  const server = await listen(app, options);
  const { port } = server.address() as AddressInfo;
  log.info({ port }, 'listening');

  let stopped: Promise<void> | undefined;
  const stopOnce = async (): Promise<void> => {
    stopping.abort(); // first: /readyz is what tells the proxies
    await sleep(options.drainMs ?? 0);
    await finish(server, options.graceMs ?? 10_000, abort);
    await spec.close?.();
    log.flush();
  };
  return { port, stop: () => (stopped ??= stopOnce()) };
}

/** Serves a function as this process: SIGTERM stops it in order. For a composition root. */
export async function start(spec: FunctionSpec, options: ServeOptions): Promise<Running> {
  const log = createLogger({ name: spec.name, level: options.logLevel ?? 'info' });
  const running = await listenTo(spec, options);
  handleSignals(() => running.stop(), log);
  return running;
}
