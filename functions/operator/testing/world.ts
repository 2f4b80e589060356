// A small seeded world for tests of the console: spikes of demand, pods that take their time to start.
import type { PodCounters } from '#shared/events/index.ts';

const POD_CAPACITY = 50; // requests/s
const STARTUP_MS = 8000;

/** Mulberry32: 32 bits of state, good enough to make noise. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ease = (x: number): number => x * x * (3 - 2 * x);
const between = (t: number, from: number, to: number): number =>
  Math.min(1, Math.max(0, (t - from) / (to - from)));

/** Requests/s at `t` seconds: a slow wave, and every ten minutes a spike to 15 times the calm. */
function demandAt(t: number): number {
  const wave = 60 + 22 * Math.sin((t / 600) * 2 * Math.PI) + 8 * Math.sin(t / 23);
  const inCycle = t % 600;
  const spike = ease(between(inCycle, 240, 262)) - ease(between(inCycle, 380, 440));
  return wave + 520 * spike;
}

interface Pod {
  readonly uid: string;
  readonly createdAtMs: number;
  readonly readyAtMs: number;
  counters: PodCounters;
}

/** What a step was like. */
export interface Step {
  readonly demand: number;
  readonly late: number;
  readonly p95Ms: number;
  readonly utilization: number;
}

export interface World {
  readonly pods: readonly Pod[];
  /** Moves on to `atMs`; returns what the last step was like. */
  step(atMs: number): Step;
  scale(to: number, atMs: number): void;
  ready(atMs: number): Pod[];
}

const latencyAt = (utilization: number): { late: number; p95Ms: number } => {
  if (utilization < 0.98) {
    const p95Ms = 22 + (20 * utilization) / (1.02 - utilization);
    return { late: utilization > 0.9 ? (utilization - 0.9) / 4 : 0, p95Ms };
  }
  return {
    late: Math.min(1, 0.1 + (utilization - 0.98) * 2),
    p95Ms: 900 + 2500 * (utilization - 0.98),
  };
};

/** Starts with two ready pods. `random` in [0, 1). */
export function createWorld(startMs: number, random: () => number): World {
  let pods: Pod[] = [];
  let launched = 0;
  let nowMs = startMs;
  const launch = (createdAtMs: number, readyAtMs: number): void => {
    launched += 1;
    const uid = `pod-${String(launched).padStart(4, '0')}`;
    const counters = {
      pod: uid,
      startedAtMs: createdAtMs,
      requests: 0,
      inFlight: null,
      late: 0,
      failed: 0,
    };
    pods.push({ uid, createdAtMs, readyAtMs, counters });
  };
  launch(startMs - 60_000, startMs - 52_000);
  launch(startMs - 60_000, startMs - 52_000);
  const ready = (atMs: number): Pod[] => pods.filter((pod) => pod.readyAtMs <= atMs);
  return {
    get pods() {
      return pods;
    },
    ready,
    step(atMs) {
      const seconds = (atMs - nowMs) / 1000;
      const noise = 1 + 0.1 * (random() + random() - 1);
      const demand = demandAt((atMs - startMs) / 1000) * noise;
      const serving = ready(atMs);
      const utilization = demand / (POD_CAPACITY * Math.max(1, serving.length));
      const { late, p95Ms } = latencyAt(utilization);
      for (const pod of serving) {
        const requests = Math.round((demand / serving.length) * seconds);
        const was = pod.counters;
        pod.counters = {
          ...was,
          requests: was.requests + requests,
          late: (was.late ?? 0) + Math.round(requests * late),
        };
      }
      nowMs = atMs;
      return { demand, late, p95Ms, utilization };
    },
    scale(to, atMs) {
      while (pods.length < to) launch(atMs, atMs + STARTUP_MS * (0.85 + 0.3 * random()));
      pods = pods.slice(0, Math.max(1, to));
    },
  };
}
