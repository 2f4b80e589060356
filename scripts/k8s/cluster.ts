// What stands on the cluster: one reading that pre-flight, installation and status judge.
import { Failure, run } from './command.ts';
import { conditionOf, get, kubectl, list, type KubeObject } from './kubectl.ts';

/** A part that may have been installed by somebody: kept as it is where it is whole. */
export interface Installed {
  readonly name: string;
  /** `absent`; `whole`: everything runs; `partial`: something is missing or does not run. */
  readonly state: 'absent' | 'whole' | 'partial';
  readonly version: string | null;
  /** What is missing, in words. */
  readonly missing: readonly string[];
}

export interface Cluster {
  readonly context: string;
  readonly server: string;
  readonly user: string;
  /** Kubernetes 1.`minor`. */
  readonly minor: number;
  readonly version: string;
  readonly nodes: readonly KubeObject[];
  readonly serving: Installed;
  readonly ingress: Installed;
  readonly eventing: Installed;
  readonly channel: Installed;
  readonly mtBroker: Installed;
  readonly kafkaBroker: Installed;
  readonly keda: Installed;
}

interface Part {
  readonly name: string;
  readonly namespace: string;
  readonly crd?: string;
  readonly deployments: readonly string[];
}

const PARTS = {
  serving: {
    name: 'Knative Serving',
    namespace: 'knative-serving',
    crd: 'services.serving.knative.dev',
    deployments: ['controller', 'webhook', 'autoscaler', 'activator'],
  },
  eventing: {
    name: 'Knative Eventing',
    namespace: 'knative-eventing',
    crd: 'brokers.eventing.knative.dev',
    deployments: ['eventing-controller', 'eventing-webhook'],
  },
  channel: {
    name: 'In-memory channel',
    namespace: 'knative-eventing',
    crd: 'inmemorychannels.messaging.knative.dev',
    deployments: ['imc-controller', 'imc-dispatcher'],
  },
  mtBroker: {
    name: 'Multi-tenant broker',
    namespace: 'knative-eventing',
    deployments: ['mt-broker-controller', 'mt-broker-ingress', 'mt-broker-filter'],
  },
  kafkaBroker: {
    name: 'Knative’s Kafka broker',
    namespace: 'knative-eventing',
    deployments: ['kafka-controller', 'kafka-webhook-eventing', 'kafka-broker-receiver'],
  },
  keda: {
    name: 'KEDA',
    namespace: 'keda',
    crd: 'scaledobjects.keda.sh',
    deployments: ['keda-operator'],
  },
} as const satisfies Record<string, Part>;

const VERSION_LABELS = ['app.kubernetes.io/version', 'kafka.eventing.knative.dev/release'];

const versionOf = (deployment: KubeObject | undefined): string | null => {
  const labels = deployment?.metadata.labels ?? {};
  return VERSION_LABELS.map((name) => labels[name]).find((value) => value !== undefined) ?? null;
};

/** Judges one part by its CRD and its Deployments. */
export function judge(
  part: Part,
  deployments: readonly KubeObject[],
  crds: ReadonlySet<string>,
): Installed {
  const own = part.deployments.map((name) => ({
    name,
    found: deployments.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === part.namespace,
    ),
  }));
  const crdMissing = part.crd !== undefined && !crds.has(part.crd);
  const missing = [
    ...(crdMissing ? [`the CRD ${part.crd}`] : []),
    ...own.flatMap(({ name, found }) => {
      if (found === undefined) return [`Deployment ${part.namespace}/${name}`];
      const available = conditionOf(found, 'Available');
      return available?.status === 'True'
        ? []
        : [
            `Deployment ${part.namespace}/${name} does not run: ${available?.message ?? 'no status'}`,
          ];
    }),
  ];
  const nothing = own.every(({ found }) => found === undefined);
  const noCrd = part.crd === undefined || crdMissing;
  const state = missing.length === 0 ? 'whole' : nothing && noCrd ? 'absent' : 'partial';
  return { name: part.name, state, version: versionOf(own[0]?.found), missing };
}

/** What Serving uses where its settings name no class. */
const DEFAULT_INGRESS = 'istio.ingress.networking.knative.dev';

/**
 * Serving needs one networking layer; which one is its administrator's choice. `settings` is the data of
 * `config-network`. A class that is named is trusted, except Kourier's, which we would install ourselves.
 */
export function judgeIngress(
  serving: Installed,
  settings: Readonly<Record<string, string>>,
  deployments: readonly KubeObject[],
): Installed {
  const named = settings['ingress-class'] ?? settings['ingress.class'];
  const chosen = named ?? DEFAULT_INGRESS;
  const runs = (deployment: string): boolean =>
    deployments.some(({ metadata }) => metadata.name === deployment);
  const there = chosen.startsWith('kourier')
    ? runs('3scale-kourier-gateway')
    : named !== undefined || runs('net-istio-controller');
  const found = serving.state !== 'absent' && there;
  return {
    name: 'Ingress of Knative Serving',
    state: found ? 'whole' : 'absent',
    version: found ? chosen : null,
    missing: [],
  };
}

async function currentContext(): Promise<string> {
  const ran = await run('kubectl', ['config', 'current-context'], { timeoutMs: 10_000 });
  const context = ran.stdout.trim();
  if (ran.code === 0 && context !== '') return context;
  throw new Failure('no cluster is chosen', {
    why: ran.stderr.trim() || 'the kubeconfig has no current context',
    remedy:
      'Start one (kind create cluster, minikube start) or choose one: kubectl config get-contexts, then kubectl config use-context NAME.',
  });
}

async function whoAmI(): Promise<string> {
  const ran = await run('kubectl', ['auth', 'whoami', '-o', 'json'], { timeoutMs: 20_000 });
  if (ran.code !== 0) return 'unknown';
  const review = JSON.parse(ran.stdout) as { status?: { userInfo?: { username?: string } } };
  return review.status?.userInfo?.username ?? 'unknown';
}

/** The cluster that kubectl would talk to, by its configuration alone. */
export async function readContext(): Promise<Pick<Cluster, 'context' | 'server'>> {
  const context = await currentContext();
  const minified = ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'];
  return { context, server: (await kubectl(minified)).trim() };
}

/** Reads everything in a few calls. Throws a Failure where the cluster does not answer. */
export async function readCluster(): Promise<Cluster> {
  const { context, server } = await readContext();
  const versionText = await kubectl(['version', '-o', 'json'], { timeoutMs: 20_000 });
  const { serverVersion } = JSON.parse(versionText) as {
    serverVersion?: { minor: string; gitVersion: string };
  };
  const [user, nodes, crds, deployments] = await Promise.all([
    whoAmI(),
    list('nodes', []),
    kubectl(['get', 'crd', '-o', 'name']),
    list('deployments', ['-A']),
  ]);
  const names = new Set(crds.split('\n').map((line) => line.slice(line.indexOf('/') + 1)));
  const part = (name: keyof typeof PARTS): Installed => judge(PARTS[name], deployments, names);
  const found = part('serving');
  const network = await get('configmap', 'config-network', 'knative-serving');
  return {
    context,
    server,
    user,
    minor: Number.parseInt(serverVersion?.minor ?? '0', 10),
    version: serverVersion?.gitVersion ?? 'unknown',
    nodes,
    serving: found,
    ingress: judgeIngress(found, network?.data ?? {}, deployments),
    eventing: part('eventing'),
    channel: part('channel'),
    mtBroker: part('mtBroker'),
    kafkaBroker: part('kafkaBroker'),
    keda: part('keda'),
  };
}
