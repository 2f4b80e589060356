// consumer-workload: a real HTTP service with a real queue. The thing that is scaled.
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { ActionExecuted } from '#shared/events/index.ts';
import { on, type FunctionSpec, type RouteContext } from '#shared/runtime/function.ts';
import { readJson } from '#shared/runtime/json-body.ts';
import { problemResponse } from '#shared/runtime/problem.ts';
import { validTraceparent } from '#shared/runtime/trace.ts';
import { alertOf, TriggerRequest, type SendAlert } from './alert.ts';
import type { Config } from './config.ts';
import type { WorkSource } from './kafka.ts';
import { workloadMetrics } from './metrics.ts';
import { cpuStress, MAX_STRESS_SECONDS, memoryStress, type Stress } from './stress.ts';
import type { Worker } from './worker.ts';

export interface Deps {
  readonly config: Config;
  readonly worker: Worker;
  readonly sendAlert: SendAlert;
  /** Work from Kafka as well; undefined without a topic. */
  readonly source?: WorkSource | undefined;
  /** Name of this pod: a call about the workload reaches one pod, and the answer says which. */
  readonly pod: string;
  /** Milliseconds since this process started. */
  readonly uptimeMs: () => number;
  readonly wallMs: () => number;
  readonly newId: () => string;
}

const StressRequest = z.object({
  /** Percent of this pod's worker slots, or of its memory for the purpose. */
  intensity: z.number().min(1).max(100),
  /** Seconds. */
  duration: z.number().min(1).max(MAX_STRESS_SECONDS),
});

type Metrics = ReturnType<typeof workloadMetrics>;

const startingFor = ({ config, uptimeMs }: Deps): number =>
  Math.max(0, config.STARTUP_DELAY_MS - uptimeMs());

/** Not now, and when to come back. */
const busy = (message: string, retryAfterSeconds: number): Response => {
  const response = problemResponse(new NimbusError('upstream.unavailable', message));
  response.headers.set('retry-after', String(Math.max(1, Math.ceil(retryAfterSeconds))));
  return response;
};

function workRoute(deps: Deps, metrics: Metrics) {
  const refuse = (message: string, retryAfterSeconds: number): Response => {
    metrics.requests.inc({ code: 503 });
    metrics.duration.observe(0);
    return busy(message, retryAfterSeconds);
  };
  return async (c: Context): Promise<Response> => {
    const startingMs = startingFor(deps);
    if (startingMs > 0) return refuse('the pod is starting', startingMs / 1000);
    const serving = deps.worker.serve();
    if (serving === undefined) {
      return refuse(`the queue is full: ${deps.worker.waiting} requests wait`, 1);
    }
    const { queuedMs, totalMs } = await serving;
    metrics.requests.inc({ code: 200 });
    metrics.duration.observe(totalMs / 1000);
    return c.json({ pod: deps.pod, queuedMs: Math.round(queuedMs), totalMs: Math.round(totalMs) });
  };
}

function stressRoutes(app: Hono, pod: string, kinds: Readonly<Record<string, Stress>>): void {
  for (const [kind, stress] of Object.entries(kinds)) {
    const path = `/api/v1/workload/${kind}`;
    const answer = (c: Context, status: object) => c.json({ workload: kind, pod, ...status });
    app.post(`${path}/start`, async (c) => {
      const { intensity, duration } = await readJson(c, StressRequest, `${kind} workload`);
      return answer(c, stress.start(intensity, duration));
    });
    app.post(`${path}/stop`, (c) => answer(c, stress.stop()));
    app.get(`${path}/status`, (c) => answer(c, stress.status()));
  }
}

function triggerRoute(deps: Deps) {
  return async (c: Context): Promise<Response> => {
    const request = await readJson(c, TriggerRequest, 'event');
    const alert = alertOf(request, {
      id: deps.newId(),
      time: new Date(deps.wallMs()).toISOString(),
      namespace: deps.config.NAMESPACE,
      traceparent: validTraceparent(c.req.header('traceparent')),
    });
    await deps.sendAlert(alert);
    return c.json({ id: alert.id, type: alert.type, subject: alert.subject }, 202);
  };
}

function routes(deps: Deps, app: Hono, { registry, stopping, log }: RouteContext): Metrics {
  const metrics = workloadMetrics(registry, deps.worker);
  const work = workRoute(deps, metrics);
  app.on(['GET', 'POST'], '/work', work);
  app.get('/', work);
  const cpu = cpuStress(deps.worker, deps.uptimeMs);
  const memory = memoryStress(deps.config.MEMORY_WORKLOAD_MAX_MB, deps.uptimeMs);
  stressRoutes(app, deps.pod, { cpu, memory });
  app.post('/api/v1/events/trigger', triggerRoute(deps));
  stopping.addEventListener('abort', () => cpu.stop()); // what waits is served at full speed
  deps.source?.start(deps.worker, { log, served: () => metrics.messages.inc() });
  return metrics;
}

/** The demo target. Its capacity is `worker`'s; everything else observes or disturbs that. */
export function consumerWorkload(deps: Deps): FunctionSpec {
  let metrics: Metrics | undefined;
  return {
    name: 'consumer-workload',
    accepts: [
      on(ActionExecuted, (event, { log }) => {
        const { outcome, from, to, reason } = event.data;
        metrics?.scalings.inc({ outcome });
        log.info({ outcome, reason, from, to }, 'scaling event');
        return Promise.resolve(undefined);
      }),
    ],
    routes(app, context) {
      metrics = routes(deps, app, context);
    },
    ready() {
      const startingMs = startingFor(deps);
      if (startingMs === 0) return Promise.resolve();
      return Promise.reject(new Error(`starting, ${Math.ceil(startingMs)} ms to go`));
    },
    async close() {
      await deps.source?.close();
      await deps.worker.close();
    },
  };
}
