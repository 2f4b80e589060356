// What the live measurements share: the running local loop, its demo target, and a bill of pod-seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { liveSupervisor, readRunState } from '../local/run-state.ts';

const SAMPLE_MS = 500;
const TARGET = '/apis/apps/v1/namespaces/nimbusguard/deployments/consumer-workload';
const POLICY =
  '/apis/nimbusguard.io/v1alpha1/namespaces/nimbusguard/scalingpolicies/consumer-workload';
const PODS = '/api/v1/namespaces/nimbusguard/pods';

const Report = z.object({
  state: z.string(),
  offered: z.number(),
  achieved: z.number(),
  late: z.number(),
  failed: z.number(),
  dropped: z.number(),
  generatorSaturated: z.boolean(),
  latencyMs: z.object({
    p50: z.number().nullable(),
    p95: z.number().nullable(),
    p99: z.number().nullable(),
  }),
  slo: z.object({ violatingSeconds: z.number(), lateRatio: z.number().nullable() }),
  seconds: z.array(z.looseObject({ second: z.number(), offered: z.number() })),
});
export type Report = z.infer<typeof Report>;

export interface Outcome {
  readonly report: Report;
  /** Seconds of every pod from its creation to the end of its draining. */
  readonly podSeconds: number;
  /** Pods wanted at each sample, `[seconds since the load began, replicas]`. */
  readonly replicas: readonly (readonly [number, number])[];
}

/** The local loop of this checkout; throws with the remedy when none runs. */
export class LiveLoop {
  readonly #urls: Readonly<Record<string, string>>;

  constructor() {
    const state = readRunState();
    if (state === undefined || liveSupervisor(state) === undefined) {
      throw new Error('no local loop is running: start `make local` in another terminal');
    }
    this.#urls = state.urls;
  }

  async get(name: string, path: string): Promise<unknown> {
    const response = await fetch(`${this.#urls[name] ?? ''}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async #patch(path: string, body: unknown): Promise<void> {
    const response = await fetch(`${this.#urls['kubernetes'] ?? ''}${path}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  setMode(mode: 'off' | 'shadow' | 'act'): Promise<void> {
    return this.#patch(POLICY, { spec: { mode } });
  }

  setReplicas(replicas: number): Promise<void> {
    return this.#patch(`${TARGET}/scale`, { spec: { replicas } });
  }

  async replicas(): Promise<{ desired: number; ready: number }> {
    const found = z
      .object({
        spec: z.object({ replicas: z.number() }),
        status: z.object({ readyReplicas: z.number().default(0) }),
      })
      .parse(await this.get('kubernetes', TARGET));
    return { desired: found.spec.replicas, ready: found.status.readyReplicas };
  }

  /** Waits until exactly `replicas` are ready. */
  async settle(replicas: number, timeoutMs = 60_000): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    while (performance.now() < giveUpAt) {
      const now = await this.replicas();
      if (now.ready === replicas && now.desired === replicas) return;
      await sleep(SAMPLE_MS);
    }
    throw new Error(`${replicas} replicas are not ready after ${timeoutMs / 1000} s`);
  }

  async #podCount(): Promise<number> {
    const Pods = z.object({
      items: z.array(
        z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()) }) }),
      ),
    });
    const { items } = Pods.parse(await this.get('kubernetes', PODS));
    return items.filter(
      ({ metadata }) => metadata.labels['serving.knative.dev/service'] === 'consumer-workload',
    ).length;
  }

  /** Runs one load to its end and adds up what it cost. */
  async run(load: Readonly<Record<string, unknown>>): Promise<Outcome> {
    const response = await fetch(`${this.#urls['load-generator'] ?? ''}/load/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(load),
    });
    if (!response.ok) throw new Error(`the load was refused: ${await response.text()}`);
    const startedAt = performance.now();
    let podSeconds = 0;
    let lastAt = startedAt;
    const replicas: [number, number][] = [];
    for (;;) {
      await sleep(SAMPLE_MS);
      const [pods, { desired }] = await Promise.all([this.#podCount(), this.replicas()]);
      const now = performance.now();
      podSeconds += (pods * (now - lastAt)) / 1000;
      lastAt = now;
      replicas.push([(now - startedAt) / 1000, desired]);
      const report = Report.parse(await this.get('load-generator', '/load/report'));
      if (report.state === 'done' || report.state === 'stopped') {
        return { report, podSeconds, replicas };
      }
    }
  }
}
