import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { NimbusError, messageOf } from '#shared/errors.ts';
import { parseOrThrow, PolicySpec } from '#shared/events/index.ts';
import { readText } from './input.ts';
import { kneeOf } from './simulate.ts';

const share = z.number().min(0).max(100);

/** What a policy must reach on the trace; a bar that is missed makes the replay exit with 1. */
const Bars = z.strictObject({
  /** Defaults: the policy's own SLO. */
  violatingMinutesPercent: share.optional(),
  lateRequestsPercent: share.optional(),
  /** Replica-hours over those of an HPA at the policy's CPU target. */
  replicaHoursOverHpa: z.number().positive().optional(),
  /** Violating minutes over that HPA's. */
  violatingMinutesOverHpa: z.number().min(0).optional(),
  /** Changes of replicas over that HPA's. */
  changesOverHpa: z.number().positive().optional(),
});

/** The `replay:` document: what the bench must know about the workload, and the bars. */
const ReplayDocument = z.strictObject({
  /** Requests/s one pod carries at 100 % CPU. */
  capacityPerPod: z.number().positive().max(1e6).default(50),
  /** Slope of the latency tail; 4.6 × this ÷ the SLO's latency below 100 % is where the SLO breaks. */
  serviceMilliseconds: z.number().positive().max(100).default(20),
  startupSeconds: z.number().min(1).max(600).default(30),
  drainSeconds: z.int().min(0).max(600).default(10),
  telemetry: z.enum(['2s', '15s', 'cpu']).default('15s'),
  seeds: z.int().min(1).max(20).default(1),
  /** `asis`: requests/s as the trace has them. `fit`: the 99.9th percentile needs 35 pods at 70 %. */
  scale: z.enum(['asis', 'fit']).default('asis'),
  /** First share of the trace that is learned on and not scored. */
  warmupShare: z.number().min(0).max(0.9).default(0.4),
  bars: Bars.prefault({}),
});
type ReplayDocument = z.infer<typeof ReplayDocument>;

export interface PolicyFile {
  readonly name: string;
  readonly spec: PolicySpec;
  readonly replay: ReplayDocument;
}

const Manifest = z.looseObject({
  apiVersion: z.literal('nimbusguard.io/v1alpha1').optional(),
  kind: z.literal('ScalingPolicy'),
  metadata: z.looseObject({ name: z.string().min(1) }),
  spec: z.unknown(),
});

const refuse = (path: string, why: string): never => {
  throw new NimbusError('input.invalid', `${path}: ${why}`);
};

function documentsOf(path: string, text: string): unknown[] {
  if (text.trim() === '') refuse(path, 'the file is empty');
  return [...parseAllDocuments(text)].map((document) => {
    const [error] = document.errors;
    if (error !== undefined) refuse(path, error.message);
    try {
      const content = document.toJS() as unknown;
      JSON.stringify(content); // an alias within its own anchor has no end
      return content;
    } catch (cause) {
      return refuse(path, messageOf(cause)); // too many aliases
    }
  });
}

const isReplay = (document: unknown): document is { replay: unknown } =>
  typeof document === 'object' && document !== null && 'replay' in document;

/** First key that was given and means nothing: a typing error would leave a default in its place. */
function unknownKey(given: unknown, read: unknown, path: string): string | null {
  if (typeof given !== 'object' || typeof read !== 'object') return null;
  if (given === null || read === null) return null;
  for (const [key, value] of Object.entries(given)) {
    const place = `${path}.${key}`;
    if (!Object.hasOwn(read, key)) return place;
    const inner = unknownKey(value, (read as Record<string, unknown>)[key], place);
    if (inner !== null) return inner;
  }
  return null;
}

const LEAST_KNEE = 0.05;

/** Where a pod that does next to nothing is too late already, no fleet meets the SLO. */
function refuseHopeless(path: string, { slo }: PolicySpec, replay: ReplayDocument): void {
  const { serviceMilliseconds } = replay;
  const { latencyMilliseconds } = slo;
  const knee = kneeOf({
    serviceSeconds: serviceMilliseconds / 1000,
    lateSeconds: latencyMilliseconds / 1000,
  });
  if (knee >= LEAST_KNEE) return;
  const both = `spec.slo.latencyMilliseconds ${latencyMilliseconds} and replay.serviceMilliseconds ${serviceMilliseconds}`;
  refuse(path, `${both} contradict each other: an idle pod has more than 1 % late requests`);
}

/**
 * Reads a ScalingPolicy manifest and, from a second document `replay:`, the workload and the bars.
 * Everything that is wrong is named with its path, value and what is allowed.
 */
export function parsePolicy(path: string, text: string): PolicyFile {
  const documents = documentsOf(path, text).filter((document) => document !== null);
  if (documents.some((document) => isReplay(document) && 'kind' in document)) {
    refuse(path, '`replay:` needs a document of its own: put a line `---` before it');
  }
  const replays = documents.filter(isReplay);
  const policies = documents.filter((document) => !isReplay(document));
  if (policies.length !== 1) refuse(path, `exactly one ScalingPolicy (got ${policies.length})`);
  if (replays.length > 1) refuse(path, 'more than one document `replay:`');
  const options = { code: 'input.invalid' as const, what: path };
  const manifest = parseOrThrow(Manifest, policies[0], options);
  const spec = parseOrThrow(PolicySpec, manifest.spec, { ...options, prefix: 'spec' });
  const replay = parseOrThrow(ReplayDocument, replays[0]?.replay ?? {}, {
    ...options,
    prefix: 'replay',
  });
  const unknown = unknownKey(manifest.spec, spec, 'spec');
  if (unknown !== null) refuse(path, `${unknown}: no such field`);
  refuseHopeless(path, spec, replay);
  return { name: manifest.metadata.name, spec, replay };
}

export function readPolicy(path: string): PolicyFile {
  return parsePolicy(path, readText(path));
}
