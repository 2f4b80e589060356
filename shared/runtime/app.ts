import { Hono, type Context } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { NimbusError, messageOf } from '../errors.ts';
import { deliverTo } from './deliver.ts';
import type { FunctionSpec } from './function.ts';
import { silentLogger } from './logger.ts';
import { functionMetrics } from './metrics.ts';
import { DELIVERY_ANSWER_MAX_BYTES, logFailure, problemResponse } from './problem.ts';
import { limitBody } from './request.ts';

export interface AppDeps {
  readonly log?: Logger;
  readonly registry?: Registry;
  /** Aborted when the process is asked to stop: `/readyz` turns 503, connections are closed. */
  readonly stopping?: AbortSignal;
  /** Aborted when the grace period is over: handlers give up, their events are delivered again. */
  readonly abort?: AbortSignal;
}

const healthRoutes = (app: Hono, spec: FunctionSpec, stopping: AbortSignal): void => {
  app.get('/healthz', (c) => c.json({ status: 'ok', function: spec.name }));
  app.get('/readyz', async (c) => {
    if (stopping.aborted) throw new NimbusError('upstream.unavailable', 'shutting down');
    try {
      await spec.ready?.();
    } catch (cause) {
      const reason = messageOf(cause);
      throw new NimbusError('upstream.unavailable', `not ready: ${reason}`, { cause });
    }
    return c.json({ status: 'ready', function: spec.name });
  });
};

/** RFC 9110: an answer 405 names the methods that the path has. */
function onMethodNotAllowed(c: Context, methods: readonly string[]): Response {
  const allow = methods.join(', ');
  const what = `${c.req.method} ${c.req.path.slice(0, 200)}: must be ${allow}`;
  const response = problemResponse(new NimbusError('method.unsupported', what));
  response.headers.set('allow', allow);
  return response;
}

/**
 * The HTTP application of a function, for a server or for `app.request` in a test:
 * `POST /` takes events, beside `/healthz`, `/readyz`, `/metrics` and the function's own routes.
 * Every error leaves as an RFC 9457 problem. The registry already holds `process_cpu_seconds_total`,
 * `process_resident_memory_bytes` and `process_start_time_seconds`.
 */
export function createApp(spec: FunctionSpec, deps: AppDeps = {}): Hono {
  const log = deps.log ?? silentLogger();
  const registry = deps.registry ?? new Registry();
  const stopping = deps.stopping ?? new AbortController().signal;
  const abort = deps.abort ?? new AbortController().signal;
  const app = new Hono();

  app.onError((error, c) => {
    logFailure(log, error);
    return problemResponse(error, c.req.path === '/' ? DELIVERY_ANSWER_MAX_BYTES : Infinity);
  });
  app.notFound((c) =>
    problemResponse(
      new NimbusError('route.unknown', `${c.req.method} ${c.req.path.slice(0, 200)} is no route`),
    ),
  );
  app.use(async function closeWhenStopping(c, next) {
    await next();
    if (stopping.aborted) c.header('connection', 'close');
  });
  app.use(methodNotAllowed({ app, onMethodNotAllowed }));
  app.use(limitBody());
  healthRoutes(app, spec, stopping);
  app.get('/metrics', async (c) =>
    c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  );
  const metrics = functionMetrics(registry);
  if (spec.accepts.length > 0) app.post('/', deliverTo(spec, { log, metrics, abort }));
  spec.routes?.(app, { log, registry, stopping });
  return app;
}
