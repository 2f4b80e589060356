// What the live measurements share: a local loop, its demo target, and a bill of pod-seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { liveSupervisor, readRunState } from '../local/run-state.ts';

/** A pod of the demo, as knative/60-consumer-workload.yaml has it; the SLO of 500 ms holds up to its knee. */
export const DEMO_POD = { capacityPerSecond: 50, knee: 0.816, startupSeconds: 8 };
/** Requests/s that one of them takes within the SLO. */
export const SLO_RATE_PER_POD = DEMO_POD.capacityPerSecond * DEMO_POD.knee;

const SAMPLE_MS = 500;
/** For so many pods to get ready, or to go. */
const SETTLE_MS = 60_000;
const TARGET = '/apis/apps/v1/namespaces/nimbusguard/deployments/consumer-workload';
const POLICY =
  '/apis/nimbusguard.io/v1alpha1/namespaces/nimbusguard/scalingpolicies/consumer-workload';
const PODS =
  '/api/v1/namespaces/nimbusguard/pods?labelSelector=serving.knative.dev/service%3Dconsumer-workload';

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
  sendLagMs: z.object({ p99: z.number().nullable() }),
  seconds: z.array(
    z.looseObject({ second: z.number(), offered: z.number(), violating: z.boolean() }),
  ),
});
export type Report = z.infer<typeof Report>;

const Started = z.object({ durationSeconds: z.number() });

/** The fleet at one instant. */
export interface Sample {
  /** Since the load began. */
  readonly atSeconds: number;
  readonly desired: number;
  readonly ready: number;
  /** From creation to the end of draining. */
  readonly pods: number;
}

export interface Outcome {
  readonly report: Report;
  /** Seconds of every pod from its creation to the end of its draining. */
  readonly podSeconds: number;
  readonly samples: readonly Sample[];
}

/** Pod-seconds that were paid after `fromSeconds`: each sample stands for the time since the one before. */
export function podSecondsOf(samples: readonly Sample[], fromSeconds = 0): number {
  let beforeSeconds = fromSeconds;
  let sum = 0;
  for (const { atSeconds, pods } of samples) {
    if (atSeconds <= beforeSeconds) continue;
    sum += pods * (atSeconds - beforeSeconds);
    beforeSeconds = atSeconds;
  }
  return sum;
}

export class LiveLoop {
  readonly #urls: Readonly<Record<string, string>>;

  constructor(urls: Readonly<Record<string, string>>) {
    this.#urls = urls;
  }

  /** The local loop of this checkout; throws with the remedy when none runs. */
  static running(): LiveLoop {
    const state = readRunState();
    if (state === undefined || liveSupervisor(state) === undefined) {
      throw new NimbusError(
        'upstream.unavailable',
        'no local loop is running: start `make local` in another terminal',
      );
    }
    return new LiveLoop(state.urls);
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
    return this.setPolicy({ mode });
  }

  /** Merges into the spec of the demo's policy. */
  setPolicy(spec: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#patch(POLICY, { spec });
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
  async settle(replicas: number): Promise<void> {
    const giveUpAt = performance.now() + SETTLE_MS;
    while (performance.now() < giveUpAt) {
      const now = await this.replicas();
      if (now.ready === replicas && now.desired === replicas) return;
      await sleep(SAMPLE_MS);
    }
    throw new Error(`${replicas} replicas are not ready after ${SETTLE_MS / 1000} s`);
  }

  async #sample(startedAtMs: number): Promise<Sample> {
    const [pods, { desired, ready }] = await Promise.all([
      this.get('kubernetes', PODS),
      this.replicas(),
    ]);
    const { items } = z.object({ items: z.array(z.unknown()) }).parse(pods);
    const atSeconds = (performance.now() - startedAtMs) / 1000;
    return { atSeconds, desired, ready, pods: items.length };
  }

  /** Runs one load to its end and adds up what it cost. `seen` is told of every sample. */
  async run(
    load: Readonly<Record<string, unknown>>,
    seen: (sample: Sample) => void = () => undefined,
  ): Promise<Outcome> {
    const response = await fetch(`${this.#urls['load-generator'] ?? ''}/load/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(load),
    });
    if (!response.ok) throw new Error(`the load was refused: ${await response.text()}`);
    const { durationSeconds } = Started.parse(await response.json());
    const startedAtMs = performance.now();
    const samples: Sample[] = [];
    for (;;) {
      await sleep(SAMPLE_MS);
      const sample = await this.#sample(startedAtMs);
      samples.push(sample);
      seen(sample);
      if (sample.atSeconds < durationSeconds) continue; // a report costs the generator: none before
      const report = Report.parse(await this.get('load-generator', '/load/report'));
      if (report.state === 'done' || report.state === 'stopped') {
        return { report, podSeconds: podSecondsOf(samples), samples };
      }
    }
  }
}
