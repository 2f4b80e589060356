// Health of an installation on a cluster: every part with its reason, and what to type next.
import { Failure } from './command.ts';
import { readCluster, type Cluster, type Installed } from './cluster.ts';
import { conditionOf, isReady, list, type KubeObject } from './kubectl.ts';
import { NAMESPACE } from './manifests.ts';
import { explain } from './progress.ts';

interface Line {
  readonly well: boolean;
  readonly text: string;
  /** The command to type when it is not well. */
  readonly next?: string;
}

type Say = (text: string) => void;

const age = (object: KubeObject, nowMs: number): string => {
  const seconds = (nowMs - Date.parse(object.metadata.creationTimestamp ?? '')) / 1000;
  if (Number.isNaN(seconds)) return '-';
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
};

/** Columns as wide as their widest cell, as kubectl and kn print them. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

const nodeLines = (nodes: readonly KubeObject[]): Line[] =>
  nodes.map((node) => {
    const well = conditionOf(node, 'Ready')?.status === 'True';
    const name = node.metadata.name;
    return {
      well,
      text: `node ${name}: ${well ? 'ready' : 'NOT ready'}`,
      next: `kubectl describe node ${name}`,
    };
  });

const partLine = ({ name, state, version, missing }: Installed): Line => ({
  well: state === 'whole',
  text: `${name}: ${state === 'whole' ? (version ?? 'runs') : `${state}: ${missing.join('; ')}`}`,
  next: state === 'absent' ? 'make k8s-dev' : 'kubectl get pods -A | grep -v Running',
});

const objectLine = (object: KubeObject, nowMs: number): Line => {
  const ready = conditionOf(object, 'Ready');
  const well = isReady(object);
  const { kind } = object;
  const { name } = object.metadata;
  const reason = well ? 'ready' : (ready?.message ?? ready?.reason ?? 'no status yet');
  return {
    well,
    text: `${kind} ${name} (${age(object, nowMs)}): ${reason}`,
    next: `kubectl describe ${kind.toLowerCase()} -n ${NAMESPACE} ${name}`,
  };
};

function serviceRow(service: KubeObject, nowMs: number): string[] {
  const ready = conditionOf(service, 'Ready');
  const { url, latestReadyRevisionName, conditions } = (service.status ?? {}) as {
    url?: string;
    latestReadyRevisionName?: string;
    conditions?: { status: string }[];
  };
  const all = conditions ?? [];
  const good = all.filter(({ status }) => status === 'True').length;
  const name = service.metadata.name;
  const health = [`${good} OK / ${all.length}`, ready?.status ?? 'Unknown', ready?.reason ?? ''];
  return [name, url ?? '', latestReadyRevisionName ?? '', age(service, nowMs), ...health];
}

const serviceTable = (services: readonly KubeObject[], nowMs: number): string =>
  table(
    ['NAME', 'URL', 'LATEST', 'AGE', 'CONDITIONS', 'READY', 'REASON'],
    services.map((service) => serviceRow(service, nowMs)),
  );

interface LastAction {
  readonly outcome: string;
  readonly reason: string;
  readonly from: number;
  readonly to: number;
  readonly at: string;
}

const lastDecision = (policy: KubeObject): string => {
  const action = policy.status?.['lastAction'] as LastAction | null | undefined;
  return action
    ? `last decision ${action.from} → ${action.to} (${action.reason}) at ${action.at}`
    : 'no decision yet';
};

function policyLine(policy: KubeObject): Line {
  const { namespace = '', name } = policy.metadata;
  const { mode, targetRef } = policy.spec as {
    mode: string;
    targetRef: { kind: string; name: string };
  };
  const ready = conditionOf(policy, 'Ready');
  const well = ready?.status === 'True';
  const trouble = well ? '' : `; ${ready?.reason ?? 'not looked at yet'} ${ready?.message ?? ''}`;
  const who = `policy ${namespace}/${name} → ${targetRef.kind} ${targetRef.name}, mode ${mode}`;
  return {
    well,
    text: `${who}: ${lastDecision(policy)}${trouble}`,
    next: `kubectl describe scalingpolicy -n ${namespace} ${name}`,
  };
}

const clusterLines = (cluster: Cluster): Line[] => [
  ...nodeLines(cluster.nodes),
  ...[cluster.serving, cluster.ingress, cluster.eventing].map(partLine),
];

const missingKind = (kind: string, found: readonly KubeObject[]): Line[] =>
  found.length > 0
    ? []
    : [{ well: false, text: `no ${kind} in ${NAMESPACE}`, next: 'make k8s-dev' }];

/**
 * Prints the state of the installation on the current context. False when something is not well; the
 * last line then is the command to type next. Throws a Failure when there is no cluster to ask.
 */
async function reportCluster(say: Say, nowMs: number): Promise<boolean> {
  const scope = ['-n', NAMESPACE];
  const cluster = await readCluster();
  const [brokers, triggers, services, pings, policies] = await Promise.all([
    list('brokers.eventing.knative.dev', scope),
    list('triggers.eventing.knative.dev', scope),
    list('services.serving.knative.dev', scope),
    list('pingsources.sources.knative.dev', scope),
    list('scalingpolicies.nimbusguard.io', ['-A']),
  ]);
  say(`context ${cluster.context} (${cluster.server}), Kubernetes ${cluster.version}`);
  const lines = [
    ...clusterLines(cluster),
    ...missingKind('Broker', brokers),
    ...missingKind('Knative Service', services),
    ...[...brokers, ...triggers, ...pings].map((object) => objectLine(object, nowMs)),
    ...policies.map(policyLine),
  ];
  for (const { well, text } of lines) say(`${well ? '✓' : '✗'} ${text}`);
  if (services.length > 0) say(`\n${serviceTable(services, nowMs)}`);
  const bad = [
    ...lines.filter(({ well }) => !well),
    ...services.filter((service) => !isReady(service)).map((service) => objectLine(service, nowMs)),
  ];
  if (bad.length > 0) say(`\n${bad.length} not well. Next: ${bad[0]?.next ?? 'make k8s-dev'}`);
  return bad.length === 0;
}

/** `make status` for a cluster: prints the report; false when something is not well or unreachable. */
export async function clusterStatus(): Promise<boolean> {
  try {
    return await reportCluster((text) => void process.stdout.write(`${text}\n`), Date.now());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stdout.write(`${explain(error)}\n`);
    return false;
  }
}
