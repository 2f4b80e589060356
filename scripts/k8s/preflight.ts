// Checks before anything is written: who, where, versions, rights, room, and what is already there.
import { quantity } from '#shared/adapters/objects.ts';
import { environment, Failure, run } from './command.ts';
import type { Cluster, Installed } from './cluster.ts';
import { get, list } from './kubectl.ts';
import { NAMESPACE, PART_OF, podTemplate, type BrokerKind } from './manifests.ts';
import type { KubeObject } from './kubectl.ts';
import { knativeFor, OLDEST_KUBERNETES_MINOR } from './versions.ts';

export interface Verdict {
  readonly mark: 'ok' | 'warn' | 'fail';
  readonly text: string;
  readonly remedy?: string;
}

const RIGHTS: readonly [verb: string, resource: string][] = [
  ['create', 'namespaces'],
  ['create', 'customresourcedefinitions.apiextensions.k8s.io'],
  ['create', 'clusterroles.rbac.authorization.k8s.io'],
  ['bind', 'clusterroles.rbac.authorization.k8s.io'],
  ['create', 'services.serving.knative.dev'],
];

async function rights(): Promise<Verdict> {
  const answers = await Promise.all(
    RIGHTS.map(async ([verb, resource]) => {
      const ran = await run('kubectl', ['auth', 'can-i', verb, resource, '-A']);
      return ran.stdout.trim().startsWith('yes') ? [] : [`${verb} ${resource}`];
    }),
  );
  const refused = answers.flat();
  return refused.length === 0
    ? { mark: 'ok', text: 'rights: all that are needed' }
    : {
        mark: 'fail',
        text: `rights: you may not ${refused.join(', ')}`,
        remedy: 'Ask for cluster-admin, or have an administrator run this command.',
      };
}

/** Cores or bytes of a Kubernetes quantity; what is none asks for nothing. */
const amountOf = (text = '0'): number => quantity(text) ?? 0;

interface Room {
  readonly cores: number;
  readonly bytes: number;
}

const requestsOf = (
  containers: readonly { resources?: { requests?: Record<string, string> } }[],
): Room => ({
  cores: sum(containers.map(({ resources }) => amountOf(resources?.requests?.['cpu']))),
  bytes: sum(containers.map(({ resources }) => amountOf(resources?.requests?.['memory']))),
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** What is left on the nodes after the requests of the pods that are there (ours not counted). */
export function freeRoom(nodes: readonly KubeObject[], pods: readonly KubeObject[]): Room {
  const taken = pods
    .filter(({ status }) => status?.['phase'] === 'Running' || status?.['phase'] === 'Pending')
    .filter(({ metadata }) => metadata.namespace !== NAMESPACE)
    .map(({ spec }) => requestsOf((spec?.['containers'] ?? []) as never));
  const offered = nodes.map(({ status }) => status?.['allocatable'] as Record<string, string>);
  return {
    cores: sum(offered.map(({ cpu }) => amountOf(cpu))) - sum(taken.map((t) => t.cores)),
    bytes: sum(offered.map(({ memory }) => amountOf(memory))) - sum(taken.map((t) => t.bytes)),
  };
}

// A queue-proxy asks for 25m beside each function; parts that are still to be installed ask for more.
const QUEUE_PROXY_CORES = 0.025;
const KNATIVE: Room = { cores: 1, bytes: 1.2 * 2 ** 30 };
const KAFKA: Room = { cores: 0.6, bytes: 1.5 * 2 ** 30 };

async function room(
  cluster: Cluster,
  manifests: readonly KubeObject[],
  broker: BrokerKind,
): Promise<Verdict> {
  const free = freeRoom(cluster.nodes, await list('pods', ['-A']));
  const own = manifests.flatMap((object) => podTemplate(object)?.spec.containers ?? []);
  const asked = requestsOf(own);
  const missing = cluster.serving.state === 'absent' ? KNATIVE : { cores: 0, bytes: 0 };
  const kafka =
    broker === 'kafka' && cluster.kafkaBroker.state === 'absent' ? KAFKA : { cores: 0, bytes: 0 };
  const need = {
    cores: asked.cores + own.length * QUEUE_PROXY_CORES + missing.cores + kafka.cores,
    bytes: asked.bytes + missing.bytes + kafka.bytes,
  };
  const shown = ({ cores, bytes }: Room): string =>
    `${Math.max(0, cores).toFixed(2)} cores, ${(Math.max(0, bytes) / 2 ** 30).toFixed(1)} GiB`;
  const waiting = free.cores < 0 || free.bytes < 0 ? ' (pods wait for room already)' : '';
  return free.cores >= need.cores && free.bytes >= need.bytes
    ? { mark: 'ok', text: `room: ${shown(free)} free, ${shown(need)} needed` }
    : {
        mark: 'fail',
        text: `room: ${shown(free)} free${waiting}, but ${shown(need)} needed`,
        remedy: 'Give the cluster more CPU or memory, or remove what is not needed on it.',
      };
}

function kubernetesVersion({ version, minor }: Cluster): Verdict {
  const knative = knativeFor(minor);
  return knative === undefined
    ? {
        mark: 'fail',
        text: `Kubernetes ${version} is too old: 1.${OLDEST_KUBERNETES_MINOR} or newer is needed`,
        remedy: 'Upgrade the cluster, or make a new one: kind create cluster.',
      }
    : { mark: 'ok', text: `Kubernetes ${version} (goes with Knative ${knative})` };
}

function part(installed: Installed, needed: boolean, install: boolean): Verdict {
  const { name, state, version, missing } = installed;
  if (state === 'whole')
    return { mark: 'ok', text: `${name}: ${version ?? 'there'}, kept as it is` };
  if (state === 'partial') {
    return {
      mark: needed ? 'fail' : 'warn',
      text: `${name} is half installed: ${missing.join('; ')}`,
      remedy: `Finish or remove that installation; kubectl get pods -A shows what does not run.`,
    };
  }
  if (!needed) return { mark: 'ok', text: `${name}: not there, not needed` };
  return install
    ? { mark: 'ok', text: `${name}: not there, will be installed` }
    : {
        mark: 'fail',
        text: `${name}: not there, and --skip-install was given`,
        remedy: 'Install it, or run without --skip-install.',
      };
}

async function namespace(): Promise<Verdict> {
  const found = await get('namespace', NAMESPACE);
  if (found === undefined) return { mark: 'ok', text: `namespace ${NAMESPACE}: will be made` };
  if (found.metadata.deletionTimestamp !== undefined) {
    return {
      mark: 'fail',
      text: `namespace ${NAMESPACE} is being deleted`,
      remedy: `Wait until it is gone: kubectl wait --for=delete ns/${NAMESPACE} --timeout=5m`,
    };
  }
  return found.metadata.labels?.[PART_OF] === 'nimbusguard'
    ? { mark: 'ok', text: `namespace ${NAMESPACE}: ours from an earlier run, continued` }
    : {
        mark: 'fail',
        text: `namespace ${NAMESPACE} exists and is not ours`,
        remedy: `If nothing of yours is in it: kubectl label ns ${NAMESPACE} ${PART_OF}=nimbusguard, then again.`,
      };
}

/** Measured: a target costs its ConfigMaps a write of 4 KiB about every four seconds, all of it etcd's. */
const WRITES_PER_TARGET = 0.23;
const BYTES_PER_TARGET = 0.9 * 2 ** 10;
const CONFIG_MAP_TARGETS = 100;

/** Whether the model store is fit for so many targets. */
export function storeVerdict(targets: number, redis: boolean): Verdict {
  const count = `${targets} ${targets === 1 ? 'target' : 'targets'}`;
  if (redis) return { mark: 'ok', text: `model store: Redis, ${count}` };
  const writes = (targets * WRITES_PER_TARGET).toFixed(1);
  const kib = ((targets * BYTES_PER_TARGET) / 2 ** 10).toFixed(0);
  const text = `model store: ConfigMaps, ${count}: ${writes} writes/s, ${kib} KiB/s to the API server`;
  if (targets <= CONFIG_MAP_TARGETS) return { mark: 'ok', text };
  const remedy = 'MODEL_STORE_URL=redis://host:6379 make k8s-dev';
  return { mark: 'warn', text: `${text}; above ${CONFIG_MAP_TARGETS} use Redis: ${remedy}` };
}

async function store(): Promise<Verdict> {
  const asked = environment('MODEL_STORE_URL');
  const stored = await get('secret', 'model-store', NAMESPACE);
  const policies = await list('scalingpolicies.nimbusguard.io', ['-A']);
  const redis = asked?.startsWith('redis') ?? stored?.data?.['url'] !== undefined;
  return storeVerdict(policies.length, redis);
}

/** What keeps the events of a broker that is there is its administrator's choice. */
const partsOfMt = ({ channel, mtBroker }: Cluster, install: boolean): Verdict[] => [
  ...(mtBroker.state === 'absent' ? [part(channel, true, install)] : []),
  part(mtBroker, true, install),
];

/** Every verdict, in the order of printing. */
export async function preflight(
  cluster: Cluster,
  manifests: readonly KubeObject[],
  options: { broker: BrokerKind; install: boolean },
): Promise<Verdict[]> {
  const { broker, install } = options;
  return [
    { mark: 'ok', text: `context ${cluster.context} (${cluster.server}) as ${cluster.user}` },
    kubernetesVersion(cluster),
    await rights(),
    await room(cluster, manifests, broker),
    part(cluster.serving, true, install),
    part(cluster.ingress, true, install),
    part(cluster.eventing, true, install),
    part(cluster.kafkaBroker, broker === 'kafka', install),
    ...(broker === 'mt' ? partsOfMt(cluster, install) : []),
    part(cluster.keda, false, install),
    await store(),
    await namespace(),
  ];
}

/** Throws when a verdict forbids to go on. */
export function refuseOn(verdicts: readonly Verdict[]): void {
  const failed = verdicts.filter(({ mark }) => mark === 'fail');
  if (failed.length === 0) return;
  throw new Failure('this cluster cannot take NimbusGuard as it is; nothing was changed', {
    why: failed.map(({ text }) => text).join('\n'),
    remedy: failed.flatMap(({ remedy }) => remedy ?? []).join('\n'),
  });
}
