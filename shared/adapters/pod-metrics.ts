import http from 'node:http';
import type { Readings } from '../events/index.ts';
import type { Clock, Metrics, Pod, ReadingsRequest } from '../ports.ts';
import { exchange } from './http.ts';
import { inParallel } from './in-parallel.ts';
import {
  cpuUtilization,
  inFlightOf,
  latencyP95Ms,
  memoryUtilization,
  scrapeOf,
  type Pair,
  type Scrape,
} from './pod-scrape.ts';

const MAX_BYTES = 1_048_576;
const MAX_PODS = 500; // what an event carries
const FORGET_AFTER_MS = 600_000;
/** Time-outs that a whole look may take: with the default it ends before the next beat. */
const LOOK_TIMEOUTS = 2;

/** One pod to scrape, and how many pods of its target come before it. */
interface Job {
  readonly request: ReadingsRequest;
  readonly pod: Pod;
  readonly round: number;
}

const jobsOf = (request: ReadingsRequest): Job[] =>
  request.state.pods
    .filter((pod) => pod.ready && !pod.draining)
    .slice(0, MAX_PODS)
    .map((pod, round) => ({ request, pod, round }));

/** The scrapes of the look before, by pod. */
class Memory {
  readonly #scrapes = new Map<string, Scrape>();
  /** When those that did not answer were tried last. */
  readonly #silent = new Map<string, number>();

  tried({ uid }: Pod, scrape: Scrape | null, atMs: number): void {
    if (scrape === null) this.#silent.set(uid, atMs);
    else this.#silent.delete(uid);
  }

  /** Those that were silent come last, and of them the one that was left out longest first. */
  inOrder(jobs: readonly Job[]): Job[] {
    const silentMs = ({ pod }: Job): number => this.#silent.get(pod.uid) ?? 0;
    return jobs.toSorted((a, b) => silentMs(a) - silentMs(b) || a.round - b.round);
  }

  /** Pairs each new scrape with the one before, and keeps the new one. */
  pair(pods: readonly Pod[], scrapes: readonly (Scrape | null)[]): Pair[] {
    return pods.flatMap((pod, index): Pair[] => {
      const now = scrapes[index] ?? null;
      if (now === null) return [];
      const before = this.#scrapes.get(pod.uid);
      this.#scrapes.set(pod.uid, now);
      return [[now, before]];
    });
  }

  forget(beforeMs: number): void {
    for (const [uid, { atMs }] of this.#scrapes) if (atMs < beforeMs) this.#scrapes.delete(uid);
    for (const [uid, atMs] of this.#silent) if (atMs < beforeMs) this.#silent.delete(uid);
  }
}

function readingsOf(pods: readonly Pod[], scrapes: (Scrape | null)[], pairs: Pair[]): Readings {
  const answered = scrapes.filter((scrape) => scrape !== null);
  const telling = answered.filter(
    (scrape) => scrape.counters !== null || scrape.cpuSeconds !== null,
  );
  const counters = answered.flatMap((scrape) => scrape.counters ?? []);
  return {
    source: 'pods',
    measuredAtMs: telling.length === 0 ? null : Math.max(...telling.map(({ atMs }) => atMs)),
    counters: counters.length === 0 ? null : counters,
    rates: null,
    latencyP95Ms: latencyP95Ms(pairs),
    // Few pods that answer say nothing about the others.
    cpuUtilization: 2 * telling.length < scrapes.length ? null : cpuUtilization(pairs),
    memoryUtilization: memoryUtilization(pods, scrapes),
    inFlight: inFlightOf(answered),
    lagMessages: null,
    silentPods: scrapes.length - telling.length,
  };
}

/**
 * Scrapes `/metrics` of each ready pod. The counters go into the event as they are; p95 and CPU are
 * taken since the scrape before, which this process remembers: after a restart they are unknown once.
 * `concurrency` bounds the connections over all targets of a look, `timeoutMs` each scrape, and twice
 * that all of them: pods that hang keep no other target waiting.
 */
export function podMetrics(options: {
  timeoutMs: number;
  concurrency: number;
  clock: Clock;
}): Metrics & { close(): void } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: options.concurrency });
  const memory = new Memory();

  const scrape = async ({ pod, request }: Job, timeoutMs: number): Promise<Scrape | null> => {
    const port = request.port ?? pod.port;
    if (pod.ip === null || port === null) return null;
    const host = pod.ip.includes(':') ? `[${pod.ip}]` : pod.ip;
    try {
      const signal = AbortSignal.timeout(timeoutMs); // the whole answer, not its first byte
      const asked = { agent, signal, maxBytes: MAX_BYTES };
      const { status, text } = await exchange(`http://${host}:${port}/metrics`, asked);
      const when = { atMs: options.clock.nowMs(), sloLatencyMs: request.sloLatencyMs };
      return status === 200 ? scrapeOf(text, pod, when) : null;
    } catch {
      return null; // counted as silent: the pod may be starting, dying or stuck
    }
  };

  /** Those for whom no time was left have no entry. */
  const scrapeAll = async (jobs: readonly Job[]): Promise<Map<Job, Scrape | null>> => {
    const results = new Map<Job, Scrape | null>();
    const endMs = performance.now() + LOOK_TIMEOUTS * options.timeoutMs;
    const run = async (job: Job): Promise<void> => {
      const leftMs = Math.floor(Math.min(options.timeoutMs, endMs - performance.now()));
      if (leftMs <= 0) return;
      const result = await scrape(job, leftMs);
      memory.tried(job.pod, result, options.clock.nowMs());
      results.set(job, result);
    };
    await inParallel(memory.inOrder(jobs), options.concurrency, run);
    return results;
  };

  return {
    async read(requests) {
      const wanted = requests.map(jobsOf);
      const results = await scrapeAll(wanted.flat());
      memory.forget(options.clock.nowMs() - FORGET_AFTER_MS);
      return wanted.map((jobs) => {
        const pods = jobs.map(({ pod }) => pod);
        const own = jobs.map((job) => results.get(job) ?? null);
        return readingsOf(pods, own, memory.pair(pods, own));
      });
    },
    close: () => agent.destroy(),
  };
}
