// The broker's HTTP host. Leaner than the functions' own: the loop waits for a killed broker to be
// back, so it loads nothing that it can do without.
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createServer, type Server } from 'node:http';
import type { Logger } from 'pino';
import { NimbusError } from '#shared/errors.ts';
import { problemResponse } from '#shared/runtime/problem.ts';

/** Kafka's default for a record; Knative's ingress takes no more either. */
const MAX_BODY_BYTES = 1_048_576;

/** An app with health, the body limit, and every error as an RFC 9457 problem. */
export function brokerApp(log: Pick<Logger, 'error'>): Hono {
  const app = new Hono();
  app.onError((error) => {
    if (!(error instanceof NimbusError)) log.error({ err: error }, 'a request failed');
    return problemResponse(error);
  });
  app.notFound((c) =>
    problemResponse(
      new NimbusError('route.unknown', `${c.req.method} ${c.req.path.slice(0, 200)} is no route`),
    ),
  );
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new NimbusError('body.oversized', `body: at most ${MAX_BODY_BYTES} bytes`);
      },
    }),
  );
  app.get('/healthz', (c) => c.json({ status: 'ok', function: 'broker' }));
  app.get('/readyz', (c) => c.json({ status: 'ready', function: 'broker' }));
  return app;
}

/** Listens; rejects when the port is taken. */
export async function listen(app: Hono, port: number, host: string): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch, createServer }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

/** Accepts nothing more and finishes what was begun; after `graceMs` connections are cut. */
export async function finish(server: Server, graceMs: number): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(late);
}
