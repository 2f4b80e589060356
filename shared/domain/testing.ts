// What the tests of the core share: a service of 50 req/s pods with a knee at 0.816, beats of 5 s.
import { PolicySpec, type Matured } from '../events/index.ts';
import { createModel, decide, shippedPrior } from './index.ts';
import type { DecideOptions, Model, Sample } from './index.ts';

export const T0 = 1_700_000_000_000;
export const BEAT = 5;
export const STARTUP = 8;
export const POD = 50; // req/s
export const KNEE = 0.816;

export const aPolicy = (fields: object = {}): PolicySpec =>
  PolicySpec.parse({
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    mode: 'act',
    maxReplicas: 20,
    cooldownSeconds: 30,
    seasonSeconds: 600,
    ...fields,
  });

export const aSample = (fields: Partial<Sample> = {}): Sample => ({
  atMs: T0,
  measuredAtMs: T0 - 100,
  windowMs: BEAT * 1000,
  requestsPerSecond: 200,
  requests: 200 * BEAT,
  lateRatio: 0,
  failedRatio: 0,
  latencyP95Ms: 40,
  cpuUtilization: 0.5,
  memoryUtilization: 0.3,
  inFlight: 2,
  lagMessages: null,
  replicas: { desired: 8, ready: 8, starting: 0, draining: 0 },
  startups: [],
  intervalMs: BEAT * 1000,
  ...fields,
});

/** xorshift32: a seeded stream, so that a failure comes again. */
export function randomOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

export const options = (seed = 1, fields: Partial<DecideOptions> = {}): DecideOptions => ({
  random: randomOf(seed),
  record: false,
  ...fields,
});

/** One sample at second `t` of a fleet that serves what arrives. */
export function sampleAt(
  t: number,
  rate: number,
  ready: number,
  fields: Partial<Sample> = {},
): Sample {
  const use = rate / (ready * POD);
  const atMs = T0 + t * 1000;
  return aSample({
    atMs,
    measuredAtMs: atMs - 100,
    requestsPerSecond: rate,
    requests: rate * BEAT,
    lateRatio: Math.min(1, 0.01 * Math.exp(25 * (use - KNEE))),
    cpuUtilization: Math.min(1, use),
    replicas: { desired: ready, ready, starting: 0, draining: 0 },
    ...fields,
  });
}

const ODDITIES = [Number.NaN, Infinity, -Infinity, -1, null, 1e300, 0];
const BEATS_PER_STREAM = 25;

/**
 * Whether any number of the sample cannot be true, its demand is missing, or its age is not known
 * or beyond 30 s. A service that began with CPU alone has its demand in CPU.
 */
function broken(sample: Sample, ageMs: number | null, unit: Model['demandUnit']): boolean {
  const { requestsPerSecond: rate, cpuUtilization, lateRatio } = sample;
  const untrue = (x: number | null): boolean => x !== null && !(x >= 0 && x < Infinity);
  if ((unit === 'requests' ? rate : cpuUtilization) === null) return true;
  if (untrue(rate) || (rate ?? 0) > 1e9) return true;
  if (ageMs === null || !(ageMs <= 30_000 && ageMs >= -5000)) return true;
  return untrue(cpuUtilization) || untrue(lateRatio);
}

/**
 * Feeds `streams` streams of BEATS_PER_STREAM samples with random rates and fleets, a quarter of the numbers odd
 * and a tenth of the samples stale. `scaledDown` names each scale-down on a broken sample.
 */
export function fuzzTelemetry(
  streams: number,
  seed: number,
): { bad: number; scaledDown: string[] } {
  const random = randomOf(seed);
  const odd = <T>(value: T): T | number | null =>
    random() < 0.25 ? (ODDITIES[Math.floor(random() * ODDITIES.length)] ?? null) : value;
  const spec = aPolicy();
  const found = { bad: 0, scaledDown: [] as string[] };
  for (let stream = 0; stream < streams; stream++) {
    const model = createModel({ prior: shippedPrior });
    for (let beat = 1; beat <= BEATS_PER_STREAM; beat++) {
      const ready = 1 + Math.floor(random() * 19);
      const sample = sampleAt(beat * BEAT, random() * 800, ready);
      const ageMs = odd(random() < 0.1 ? 50_000 : 100);
      sample.measuredAtMs = ageMs === null ? null : sample.atMs - ageMs;
      sample.requestsPerSecond = odd(sample.requestsPerSecond);
      sample.cpuUtilization = odd(sample.cpuUtilization);
      sample.lateRatio = odd(sample.lateRatio);
      const { from, to } = decide(model, sample, spec, options(stream + 1));
      if (!broken(sample, ageMs, model.demandUnit)) continue;
      found.bad++;
      if (!(to >= from)) found.scaledDown.push(`stream ${stream}, beat ${beat}: ${from} -> ${to}`);
    }
  }
  return found;
}

/** The outcome of a decision: ten pods of 50 req/s, two of them new, at a use of 0.7: 0.1 below the knee. */
export const aMatured = (fields: Partial<Matured> = {}): Matured => ({
  decisionId: 'd1',
  sequence: 1,
  decidedAtMs: 1000,
  maturedAtMs: 40_000,
  action: 10,
  from: 8,
  to: 10,
  demandPerSecond: 350,
  lateRatio: 0,
  capacityPerPod: 50,
  knee: 0.8,
  kneeSlope: 25,
  whatIfReplicas: Array.from({ length: 21 }, (_, i) => i + 1),
  meanReplicas: 5,
  k: 13,
  intervalSeconds: 15,
  ...fields,
});
