// load-generator: open-loop traffic for the demo target. One load at a time.
import type { Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { Gauge, type Registry } from 'prom-client';
import { NimbusError } from '#shared/errors.ts';
import type { FunctionSpec } from '#shared/runtime/function.ts';
import { readJson } from '#shared/runtime/json-body.ts';
import type { Config } from './config.ts';
import { PATTERNS, preview, summaryOf, totalSecondsOf, type Plan } from './pattern.ts';
import { LoadRequest, planOf } from './request.ts';
import { Run } from './run.ts';
import type { Sender } from './sender.ts';
import { chooseTarget, type Resolve, type Target } from './target.ts';

export interface Deps {
  readonly config: Config;
  readonly resolve: Resolve;
  /** Opens the way to a target; `runId` is 16 hex digits. */
  readonly connect: (target: Target, runId: string) => Promise<Sender>;
  /** The text of a trace by its file name; rejects with the reason. */
  readonly readTrace: (name: string) => Promise<string>;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** 16 hex digits. */
  readonly newId: () => string;
}

const PREVIEW_POINTS = 300;
const STREAM_PERIOD_MS = 1000;

const IDLE = { state: 'idle' } as const;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The one load that runs, or the last one that ran. */
class Runner {
  readonly #deps: Deps;
  #run: Run | undefined;
  #key: string | undefined;
  /** The load that is on its way: to reach Kafka can take seconds. */
  #starting: { stopped: boolean } | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  get run(): Run | undefined {
    return this.#run;
  }

  async planOf(request: LoadRequest): Promise<Plan> {
    const { trace } = request;
    const inline = trace === undefined || trace.includes('\n');
    const csv = inline ? trace : await this.#deps.readTrace(trace);
    return planOf(request, this.#deps.config.MAX_RATE, csv);
  }

  /** Starts a load; one that was asked for with the same key before is returned again. */
  async start(request: LoadRequest, key: string | undefined): Promise<Run> {
    if (key !== undefined && key === this.#key && this.#run !== undefined) return this.#run;
    this.#refuseWhileBusy();
    const starting = (this.#starting = { stopped: false });
    try {
      this.#run = await this.#begin(request, starting);
      this.#key = key;
      return this.#run;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Stops sending; a load that is on its way does not begin. */
  stop(): void {
    if (this.#starting !== undefined) this.#starting.stopped = true;
    this.#run?.stop();
  }

  /** Resolves when the last answer is in or was given up. */
  async close(): Promise<void> {
    this.stop();
    await this.#run?.finished;
  }

  #refuseWhileBusy(): void {
    if (this.#starting === undefined && this.#run?.active !== true) return;
    const id = this.#run?.options.id ?? 'one';
    throw new NimbusError('state.conflict', `a load is running (${id}): POST /load/stop ends it`);
  }

  async #begin(request: LoadRequest, starting: { readonly stopped: boolean }): Promise<Run> {
    const { config, connect, newId, nowMs, wallMs, resolve } = this.#deps;
    const plan = await this.planOf(request);
    const allowed = {
      targetUrl: config.TARGET_URL,
      others: config.ALLOWED_TARGETS ?? [],
      kafka: config.KAFKA_TOPIC !== undefined,
    };
    const target = await chooseTarget(request.target, allowed, resolve);
    const id = newId();
    const sender = await connect(target, id);
    if (starting.stopped) {
      sender.close().catch(() => undefined); // nobody waits for it
      throw new NimbusError('state.conflict', 'the load was stopped before it began');
    }
    return new Run({
      id,
      plan,
      target: target.kind === 'http' ? target.url.href : target.kind,
      sloMs: request.sloMilliseconds,
      maxInFlight: config.MAX_IN_FLIGHT,
      sender,
      nowMs,
      wallMs,
    });
  }
}

function metricsOf(registry: Registry, runner: Runner): void {
  const gauge = (name: string, help: string, read: (run: Run) => number): void => {
    new Gauge({
      name: `nimbusguard_load_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(runner.run === undefined ? 0 : read(runner.run));
      },
    });
  };
  gauge('running', '1 while a load runs', (run) => (run.active ? 1 : 0));
  gauge(
    'offered_requests',
    'Requests that were due in this load',
    (run) => run.recorder.totals().offered,
  );
  gauge(
    'achieved_requests',
    'Requests that were answered well',
    (run) => run.recorder.totals().achieved,
  );
  gauge('late_requests', 'Answered later than the SLO allows', (run) => run.recorder.totals().late);
  gauge('failed_requests', 'Not answered well', (run) => run.recorder.totals().failed);
  gauge('dropped_requests', 'Not sent: too many under way', (run) => run.recorder.totals().dropped);
  gauge('generator_saturated', '1 when the generator itself sends late', (run) =>
    run.recorder.times().generatorSaturated ? 1 : 0,
  );
}

const statusOf = (runner: Runner) => runner.run?.status() ?? IDLE;

/** One status per second until the caller leaves or the process stops. */
const streamRoute = (runner: Runner, stopping: AbortSignal) => (c: Context) =>
  streamSSE(c, async (stream) => {
    for (let id = 1; !stream.aborted && !stopping.aborted; id += 1) {
      await stream.writeSSE({
        event: 'status',
        id: String(id),
        data: JSON.stringify(statusOf(runner)),
      });
      await sleep(STREAM_PERIOD_MS);
    }
  });

function loadRoutes(app: Hono, runner: Runner, maxRate: number): void {
  app.post('/load/generate', async (c) => {
    const request = await readJson(c, LoadRequest, 'load');
    const run = await runner.start(request, c.req.header('idempotency-key'));
    return c.json(run.status(), 202);
  });
  app.post('/load/preview', async (c) => {
    const plan = await runner.planOf(await readJson(c, LoadRequest, 'load'));
    return c.json({
      pattern: plan.pattern,
      durationSeconds: totalSecondsOf(plan),
      ...summaryOf(plan),
      series: preview(plan, PREVIEW_POINTS),
    });
  });
  app.post('/load/stop', (c) => {
    runner.stop();
    return c.json(statusOf(runner));
  });
  app.get('/load/status', (c) => c.json(statusOf(runner)));
  app.get('/load/report', (c) => c.json(runner.run?.report() ?? IDLE));
  app.get('/load/patterns', (c) => c.json({ patterns: PATTERNS, maxRatePerSecond: maxRate }));
}

/** Sends the load that it is asked for, to the targets that are allowed. */
export function loadGenerator(deps: Deps): FunctionSpec {
  const runner = new Runner(deps);
  return {
    name: 'load-generator',
    accepts: [],
    routes(app, { registry, stopping }) {
      metricsOf(registry, runner);
      loadRoutes(app, runner, deps.config.MAX_RATE);
      app.get('/load/stream', streamRoute(runner, stopping));
      stopping.addEventListener('abort', () => runner.stop());
    },
    close: () => runner.close(),
  };
}
