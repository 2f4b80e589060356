// A HorizontalPodAutoscaler's controller as kube-controller-manager has one: every 15 s it reads the object,
// the pods and their CPU, and writes `/scale`. The algorithm is the peer's of the bench.
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { kubernetesApi, type KubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { DEPLOYMENT, HPA, collectionPath, objectPath } from '#shared/adapters/kinds.ts';
import { podMetrics } from '#shared/adapters/pod-metrics.ts';
import { systemClock } from '#shared/adapters/system.ts';
import { createHpa, newHpaState, type HpaInput } from '#shared/domain/peers/index.ts';
import { messageOf } from '#shared/errors.ts';
import type { ObservedState } from '#shared/events/index.ts';
import type { ReadingsRequest, TargetState } from '#shared/ports.ts';
import { KubeConfig } from '@kubernetes/client-node';

const SYNC_MS = 15_000;
const TIMEOUT_MS = 5000;
const MANAGER = { fieldManager: 'kube-controller-manager' };

type Readings = NonNullable<ObservedState['readings']>;

/**
 * What the HPA sees: pods that got ready since the sync before have no full window of CPU yet and are
 * set aside, as are those that are starting; ready pods that do not answer are missing.
 */
export function hpaInputOf(
  { pods, replicas }: Pick<TargetState, 'pods' | 'replicas'>,
  readings: Pick<Readings, 'cpuUtilization' | 'silentPods'>,
  at: { readonly nowMs: number; readonly previousMs: number | null },
): HpaInput {
  const living = pods.filter(({ draining }) => !draining);
  const ready = living.filter((pod) => pod.ready);
  const sinceMs = at.previousMs ?? at.nowMs;
  const young = ready.filter(({ readyAtMs }) => (readyAtMs ?? at.nowMs) > sinceMs);
  const missing = Math.min(readings.silentPods, ready.length - young.length);
  return {
    atMs: at.nowMs,
    replicas: replicas.desired,
    ready: ready.length - young.length - missing,
    unready: living.length - ready.length + young.length,
    missing,
    utilization: readings.cpuUtilization,
  };
}

export interface HpaOptions {
  /** Of the Kubernetes API. */
  readonly server: string;
  readonly namespace: string;
  /** Of the Deployment, and of the HPA that is made for it. */
  readonly name: string;
  readonly targetPercent: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly say: (line: string) => void;
}

const hpaObject = ({ name, namespace, minReplicas, maxReplicas, targetPercent }: HpaOptions) => ({
  apiVersion: HPA.apiVersion,
  kind: HPA.kind,
  metadata: { name, namespace },
  spec: {
    scaleTargetRef: { apiVersion: DEPLOYMENT.apiVersion, kind: DEPLOYMENT.kind, name },
    minReplicas,
    maxReplicas,
    metrics: [
      {
        type: 'Resource',
        resource: {
          name: 'cpu',
          target: { type: 'Utilization', averageUtilization: targetPercent },
        },
      },
    ],
  },
});

const hpaStatus = (input: HpaInput, desiredReplicas: number) => ({
  currentReplicas: input.replicas,
  desiredReplicas,
  currentMetrics:
    input.utilization === null
      ? []
      : [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              current: { averageUtilization: Math.trunc(input.utilization * 100) },
            },
          },
        ],
});

function apiOf(server: string): KubernetesApi {
  const config = new KubeConfig();
  const name = 'duel';
  config.loadFromClusterAndUser({ name, server, skipTLSVerify: false }, { name });
  return kubernetesApi({ timeoutMs: TIMEOUT_MS, config });
}

/** Writes what the HPA wants, and its status. */
async function write(api: KubernetesApi, options: HpaOptions, input: HpaInput, wanted: number) {
  const { namespace, name } = options;
  const merge = { method: 'PATCH', patch: 'merge', query: MANAGER } as const;
  if (wanted !== input.replicas) {
    const path = `${objectPath(DEPLOYMENT, namespace, name)}/scale`;
    await api.request({ ...merge, path, body: { spec: { replicas: wanted } } });
  }
  const path = `${objectPath(HPA, namespace, name)}/status`;
  await api.request({ ...merge, path, body: { status: hpaStatus(input, wanted) } });
}

/** What the metrics are asked; the rest of a policy is of no use to an HPA. */
const requestFor = ({ namespace, name }: HpaOptions, state: TargetState): ReadingsRequest => ({
  policy: { namespace, name },
  source: 'pods',
  endpoint: undefined,
  port: undefined,
  queries: undefined,
  sloLatencyMs: 500,
  state,
});

/** Makes the HPA and works for it until it is stopped. */
export async function startHpaController(options: HpaOptions): Promise<() => void> {
  const { namespace, name, say } = options;
  const api = apiOf(options.server);
  const cluster = kubernetesCluster(api, { watchNamespaces: [namespace] });
  const metrics = podMetrics({ timeoutMs: 2000, concurrency: 16, clock: systemClock });
  const hpaState = newHpaState();
  const ref = { apiVersion: HPA.apiVersion, kind: HPA.kind, name };
  let previousMs: number | null = null;

  const sync = async (): Promise<void> => {
    const [target] = await cluster.targets([{ namespace, ref }]);
    if (target === undefined || !('found' in target)) return;
    const { autoscaler } = target.found;
    const nowMs = systemClock.nowMs();
    const [readings] = await metrics.read([requestFor(options, target.found)]);
    if (readings === undefined || autoscaler === null) return;
    const input = hpaInputOf(target.found, readings, { nowMs, previousMs });
    previousMs = nowMs;
    const { minReplicas, maxReplicas } = autoscaler; // as they stand now: a floor may be raised
    const targetUtilization = options.targetPercent / 100;
    const hpa = createHpa({ targetUtilization, minReplicas, maxReplicas }, hpaState);
    await write(api, options, input, hpa.decide(input));
  };
  const safely = (): void => {
    sync().catch((error: unknown) => {
      say(`HPA: a sync failed: ${messageOf(error)}`);
    });
  };

  const path = collectionPath(HPA, namespace);
  await api.request({ method: 'POST', path, body: hpaObject(options) });
  safely();
  const timer = setInterval(safely, SYNC_MS);
  return () => {
    clearInterval(timer);
    metrics.close();
    api.close();
  };
}
