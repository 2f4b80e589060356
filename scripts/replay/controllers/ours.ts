import { createModel, decide, learn, parseModel, score, type Model } from '#shared/domain/index.ts';
import type { ModelOptions, Sample } from '#shared/domain/index.ts';
import { PolicySpec } from '#shared/events/index.ts';
import { createRandom } from '../random.ts';
import type { Controller, View } from '../simulate.ts';
import type { Grade } from '../telemetry.ts';

export interface OurSettings {
  readonly name: string;
  readonly spec: PolicySpec;
  readonly model: ModelOptions;
  readonly grade: Grade;
  readonly seed: number;
  /** HPA sync that stands between a floor and pods, seconds; mode `floor` alone. */
  readonly applySeconds?: number;
  /** Full records, as live; the decisions are the same. */
  readonly record?: boolean;
}

/** The beat that goes with a telemetry grade: every new number at once, or the default of 5 s. */
const beatOf = (grade: Grade): number => (grade === '2s' ? 2 : 5);

/** A policy as the bench uses it; what is not given has the CRD's default. */
export const benchPolicy = (fields: Partial<PolicySpec> = {}): PolicySpec =>
  PolicySpec.parse({
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'replay' },
    mode: 'act',
    ...fields,
  });

/** What the observer and `measure` would hand to the core; unknown stays null. */
export function sampleOf(view: View, intervalSeconds: number): Sample {
  const { fleet, telemetry } = view;
  const reading = telemetry.read(view.now);
  const startups = fleet.startups;
  fleet.startups = [];
  const sample: Sample = {
    atMs: view.atMs,
    measuredAtMs: null,
    windowMs: null,
    requestsPerSecond: null,
    requests: null,
    lateRatio: null,
    failedRatio: null,
    latencyP95Ms: null,
    cpuUtilization: null,
    memoryUtilization: null,
    inFlight: null,
    lagMessages: null,
    replicas: {
      desired: view.desired,
      ready: fleet.ready,
      starting: fleet.starting,
      draining: fleet.draining,
    },
    startups,
    intervalMs: intervalSeconds * 1000,
  };
  if (reading === null) return sample;
  sample.measuredAtMs = view.atMs - (view.now - reading.measuredAt) * 1000;
  sample.windowMs = reading.windowSeconds * 1000;
  sample.cpuUtilization = reading.cpuUtilization;
  if (telemetry.grade === 'cpu') return sample;
  sample.requests = reading.requests;
  sample.requestsPerSecond = reading.requests / reading.windowSeconds;
  if (reading.requests === 0) return sample;
  sample.lateRatio = reading.late / reading.requests;
  sample.failedRatio = reading.failed / reading.requests;
  return sample;
}

/** A controller whose model can be looked at. */
export type OurController = Controller & { readonly model: () => Model };

export const isOurs = (controller: Controller): controller is OurController =>
  'model' in controller;

/** NimbusGuard's core, called exactly as the live functions call it; learns inside the run. */
export function nimbusguard(settings: OurSettings): OurController {
  const { spec, grade } = settings;
  const random = createRandom(settings.seed, `exploration ${settings.name}`);
  const intervalSeconds = beatOf(grade);
  let model = createModel(settings.model);
  const options = {
    random: () => random.next(),
    record: settings.record ?? false,
    explore: 'safe' as const,
    ...(settings.applySeconds === undefined ? {} : { applySeconds: settings.applySeconds }),
  };
  return {
    name: settings.name,
    intervalSeconds,
    model: () => model,
    decide(view) {
      const verdict = decide(model, sampleOf(view, intervalSeconds), spec, options);
      if (verdict.matured.length > 0) {
        learn(
          model,
          verdict.matured.map((matured) => score(matured, spec)),
          spec,
        );
      }
      return verdict.to;
    },
    restart(kept) {
      // A kept state was written and read, as it is live.
      model = kept ? parseModel(JSON.stringify(model)) : createModel(settings.model);
    },
  };
}
