import type { Decision, ObservedState } from '#shared/events/index.ts';
import { demandAt } from './world.ts';

/** One beat as the stand-in saw it. */
export interface Seen {
  readonly atMs: number;
  readonly demand: number;
  readonly late: number;
  readonly replicas: number;
  readonly ready: number;
  readonly p95Ms: number;
}

const POD = 50;
const KNEE = 0.82;
const HORIZON_SECONDS = 18;
const SIGMA = 0.14;
const K = 13;

/** Upper tail of a logistic with about a normal's spread. */
const tail = (z: number): number => 1 / (1 + Math.exp(1.702 * z));

const quantiles = (median: number) => ({
  q02: median * Math.exp(-2.05 * SIGMA),
  q10: median * Math.exp(-1.28 * SIGMA),
  q50: median,
  q80: median * Math.exp(0.84 * SIGMA),
  q90: median * Math.exp(1.28 * SIGMA),
  q98: median * Math.exp(2.05 * SIGMA),
});

const pathOf = (atMs: number, now: number, then: number) =>
  Array.from({ length: 13 }, (_, i) => {
    const part = i / 12;
    const median = now + (then - now) * part;
    const width = SIGMA * Math.sqrt(part);
    const at = (z: number): number => median * Math.exp(z * width);
    return {
      atMs: Math.round(atMs + part * HORIZON_SECONDS * 1000),
      q02: at(-2.05),
      q10: at(-1.28),
      q50: median,
      q90: at(1.28),
      q98: at(2.05),
    };
  });

const optionsOf = (median: number, mean: number): Decision['options'] => {
  const centre = Math.round(median / (POD * KNEE));
  const first = Math.max(1, centre - 5);
  return Array.from({ length: 13 }, (_, i) => {
    const replicas = first + i;
    const overloadProbability = tail(Math.log((POD * KNEE * replicas) / median) / SIGMA);
    const cost = replicas / mean;
    const risk = K * overloadProbability;
    return { replicas, cost, risk, total: cost + risk, overloadProbability };
  });
};

/** What a Q-table could look like after `beat` beats. */
export const learningOf = (beat: number): NonNullable<Decision['learning']> => ({
  action: 11,
  multiplier: 1.5,
  epsilon: Math.max(0.01, 0.995 ** beat),
  explored: beat % 37 === 0,
  qValues: Array.from(
    { length: 21 },
    (_, a) => -1.06 - 0.004 * (a - 11) ** 2 - 0.01 * Math.sin(a + beat / 50),
  ),
  updates: Math.floor(beat / 12),
  coverage: [0.5, 0.8, 0.9, 0.95, 0.98, 0.99].map((level) => ({
    level,
    observed: Math.min(1, level + 0.012 * Math.sin(level * 40 + beat / 60)),
    samples: beat,
  })),
  modelVersion: '1.0.0',
  ageSeconds: beat * 5,
});

const inputsOf = (state: ObservedState, now: Seen): NonNullable<Decision['inputs']> => ({
  atMs: now.atMs,
  telemetryAgeMs: 40,
  requestsPerSecond: now.demand,
  lateRatio: now.late,
  failedRatio: 0,
  latencyP95Ms: now.p95Ms,
  cpuUtilization: Math.min(1, now.demand / (POD * now.ready)),
  memoryUtilization: 0.31,
  lagMessages: null,
  replicas: state.replicas ?? { desired: 0, ready: 0, starting: 0, draining: 0 },
  capacityPerPod: { value: POD, low: 47.5, high: 52.1, samples: 340 },
  knee: { value: KNEE, low: 0.78, high: 0.87, samples: 120 },
  startupSeconds: { value: 8.2, low: 7.1, high: 9.6, samples: 14 },
  controlDelay: {
    telemetrySeconds: 0.1,
    intervalSeconds: 5,
    chainSeconds: 0.1,
    applySeconds: 0.2,
    startupSeconds: 9.6,
  },
});

const hpaOf = (memory: readonly Seen[]): number => {
  const wanted = memory.slice(-60).map((seen) => {
    const utilization = Math.min(1, seen.demand / (POD * seen.ready));
    return Math.max(1, Math.ceil((utilization * seen.ready) / 0.7));
  });
  const now = wanted.at(-4) ?? wanted.at(-1) ?? 1;
  return Math.min(20, Math.max(now, ...wanted.slice(0, -4)));
};

const maturedOf = (open: Decision[], now: Seen, mean: number): Decision['matured'] =>
  open
    .splice(0, open.findLastIndex((each) => (each.inputs?.atMs ?? 0) < now.atMs - 20_000) + 1)
    .map((each) => ({
      decisionId: each.id,
      sequence: each.sequence,
      decidedAtMs: each.inputs?.atMs ?? 0,
      maturedAtMs: now.atMs,
      action: 11,
      from: each.from,
      to: each.to,
      demandPerSecond: now.demand,
      lateRatio: now.late,
      capacityPerPod: POD,
      knee: KNEE,
      whatIfReplicas: Array.from({ length: 21 }, (_, a) =>
        Math.max(1, each.to + Math.round((a - 10) / 4)),
      ),
      meanReplicas: mean,
      k: K,
      intervalSeconds: 15,
    }));

const constraintsOf = (from: number, best: number, to: number): Decision['constraints'] =>
  to === best
    ? []
    : [{ name: 'cooldown', from: best, to, detail: `a drop of ${String(from - best)} waits 30 s` }];

const reasonOf = (from: number, to: number, rests: boolean): Decision['reason'] => {
  if (to !== from) return to > from ? 'demand' : 'spare';
  return rests ? 'cooldown' : 'at-target';
};

/** The decision of one beat: a plain newsvendor on a forecast that peeks a little ahead. */
export function decisionOf(given: {
  memory: readonly Seen[];
  state: ObservedState;
  sequence: number;
  beat: number;
  open: Decision[];
}): Decision {
  const { memory, state, sequence, beat, open } = given;
  const now = memory.at(-1) as Seen;
  const trend = (now.demand - (memory.at(-3) ?? now).demand) * 1.2;
  const peek = demandAt(beat * 5 + 10);
  const median = Math.max(5, 0.6 * (now.demand + trend) + 0.4 * peek);
  const mean = memory.reduce((sum, seen) => sum + seen.replicas, 0) / memory.length;
  const options = optionsOf(median, mean);
  const best = options.reduce((a, b) => (b.total < a.total ? b : a)).replicas;
  const from = state.replicas?.desired ?? 1;
  const rests = best < from && memory.slice(-6).some((seen) => seen.replicas < from);
  const to = Math.min(20, rests ? from : best);
  const scaled = to !== from;
  return {
    id: `${state.tick}.target-1.decider`,
    sequence,
    tick: state.tick,
    policy: { namespace: 'nimbusguard', name: 'consumer-workload', uid: 'policy-1', generation: 1 },
    target: state.target,
    mode: 'act',
    kind: scaled ? 'scale' : 'hold',
    reason: reasonOf(from, to, rests),
    from,
    to,
    sentence: scaled
      ? `${String(from)} → ${String(to)} pods: demand in ${String(HORIZON_SECONDS)} s is ${median.toFixed(0)} req/s, at most ${(median * Math.exp(2.05 * SIGMA)).toFixed(0)} with 98 %.`
      : `Holding ${String(from)} pods: they carry the ${median.toFixed(0)} req/s expected in ${String(HORIZON_SECONDS)} s.`,
    inputs: inputsOf(state, now),
    forecast: {
      horizonSeconds: HORIZON_SECONDS,
      up: quantiles(median),
      keep: quantiles(median * 1.05),
      path: pathOf(now.atMs, now.demand, median),
    },
    price: { k: K, k0: 13, lambda: 0, budgetBurn: 0.62, sloReachable: true },
    learning: learningOf(beat),
    options,
    constraints: constraintsOf(from, best, to),
    counterfactual: {
      hpa: hpaOf(memory),
      keda: Math.max(1, Math.ceil(now.demand / 35)),
      kpa: Math.max(1, Math.ceil(now.demand / 35)),
    },
    problem: null,
    holdsSince: 0,
    matured: maturedOf(open, now, mean),
  };
}
