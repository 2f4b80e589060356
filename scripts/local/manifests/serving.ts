// Knative Serving: one Service is one function, or the demo workload.
import { z } from 'zod';
import { goDurationMs } from './duration.ts';
import { EnvEntry, EnvFrom, resolveEnv, type EnvSources } from './env.ts';
import type { HttpProbe, KnativeService, KubeObject } from './types.ts';

const Probe = z.object({
  httpGet: z.object({ path: z.string().startsWith('/').default('/') }).prefault({}),
  initialDelaySeconds: z.int().nonnegative().default(0),
  periodSeconds: z.int().positive().default(10),
  timeoutSeconds: z.int().positive().default(1),
  failureThreshold: z.int().positive().default(3),
});

const count = z
  .string('must be a quoted whole number')
  .regex(/^\d+$/, 'must be a quoted whole number')
  .transform(Number);
const duration = z.string().transform((text, context) => {
  const ms = goDurationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue(`must be a duration such as 30s (got ${text})`);
  return z.NEVER;
});

const Annotations = z.object({
  'autoscaling.knative.dev/min-scale': count.default(0),
  'autoscaling.knative.dev/max-scale': count.default(0),
  'autoscaling.knative.dev/window': duration.default(60_000),
  'autoscaling.knative.dev/scale-down-delay': duration.default(0),
  'autoscaling.knative.dev/scale-to-zero-pod-retention-period': duration.default(0),
});

const Container = z.object({
  image: z.string().min(1),
  env: z.array(EnvEntry).default([]),
  envFrom: z.array(EnvFrom).default([]),
  readinessProbe: Probe.optional(),
  livenessProbe: Probe.optional(),
});

const ServiceObject = z.object({
  spec: z.object({
    template: z.object({
      metadata: z.object({ annotations: Annotations.prefault({}) }).prefault({}),
      spec: z.object({
        containerConcurrency: z.int().nonnegative().default(0),
        timeoutSeconds: z.int().positive().default(300),
        containers: z.array(Container).length(1, 'the local runtime runs exactly one container'),
      }),
    }),
  }),
});

/** `registry/path/nimbusguard-observer:1.2` → `observer`. */
const bundleOf = (image: string): string =>
  (image.split('@')[0] ?? '')
    .replace(/^.*\//, '')
    .replace(/:.*$/, '')
    .replace(/^nimbusguard-/, '');

const probeOf = (probe: z.infer<typeof Probe> | undefined): HttpProbe | null => {
  if (probe === undefined) return null;
  const { httpGet, ...times } = probe;
  return { path: httpGet.path, ...times };
};

const scaleOf = (annotations: z.infer<typeof Annotations>): KnativeService['scale'] => ({
  min: annotations['autoscaling.knative.dev/min-scale'],
  max: annotations['autoscaling.knative.dev/max-scale'],
  // Knative waits for a quiet stable window, then for whichever of the two delays is longer.
  idleMs:
    annotations['autoscaling.knative.dev/window'] +
    Math.max(
      annotations['autoscaling.knative.dev/scale-down-delay'],
      annotations['autoscaling.knative.dev/scale-to-zero-pod-retention-period'],
    ),
});

/** Reads one `serving.knative.dev/v1` Service. Errors: what does not fit, one line each. */
export function readService(
  object: KubeObject,
  named: { name: string; namespace: string; where: string },
  sources: EnvSources,
): { service?: KnativeService; errors: readonly string[] } {
  const parsed = ServiceObject.safeParse(object);
  if (!parsed.success) return { errors: z.prettifyError(parsed.error).split('\n') };
  const { metadata, spec } = parsed.data.spec.template;
  const [container] = spec.containers;
  if (container === undefined) return { errors: ['no container'] };
  const { env, errors } = resolveEnv(container, sources);
  const scale = scaleOf(metadata.annotations);
  if (scale.max > 0 && scale.min > scale.max) {
    return { errors: [`min-scale ${scale.min} is above max-scale ${scale.max}`] };
  }
  const readiness = probeOf(container.readinessProbe);
  return {
    errors,
    service: {
      ...named,
      bundle: bundleOf(container.image),
      image: container.image,
      env,
      clusterLocal:
        object.metadata.labels?.['networking.knative.dev/visibility'] === 'cluster-local',
      scale,
      containerConcurrency: spec.containerConcurrency,
      timeoutMs: spec.timeoutSeconds * 1000,
      readinessPath: readiness?.path ?? '/readyz',
      readiness,
      liveness: probeOf(container.livenessProbe),
      object,
    },
  };
}
