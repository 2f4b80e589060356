// The embedded cluster: the Kubernetes REST API on 127.0.0.1 with the controllers behind it that make
// pods of Deployments, and processes of pods.
import { availableParallelism } from 'node:os';
import { Api } from './api/api.ts';
import { Database } from './api/database.ts';
import { Store } from './api/store.ts';
import { DefinitionController } from './controllers/definitions.ts';
import { DeploymentController } from './controllers/deployment.ts';
import { EventRecorder } from './controllers/events.ts';
import { GarbageController } from './controllers/garbage.ts';
import { ReplicaSetController } from './controllers/replicaset.ts';
import { ServingController } from './controllers/serving.ts';
import type { ServiceReport } from './controllers/serving-objects.ts';
import { ApiServer } from './http/server.ts';
import { Catalogue } from './kinds/catalogue.ts';
import { KUBELET_BACKOFF, type BackoffOptions } from './kubelet/backoff.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import type { Launcher } from './kubelet/launcher.ts';
import { endOrphans, rememberProcess } from './kubelet/orphans.ts';
import { Slots } from './kubelet/slots.ts';
import { applyManifests } from './manifests.ts';
import { watchReadyPods, type ReadyPod } from './ready-pods.ts';
import type { LabelSelector, NewObject, Pod } from './types.ts';

export {
  bundleLauncher,
  type Launcher,
  type PodLaunch,
  type PodProcess,
} from './kubelet/launcher.ts';
export type { Api } from './api/api.ts';
export type { ServiceReport } from './controllers/serving-objects.ts';
export type { ReadyPod } from './ready-pods.ts';
export type { KubeObject, NewObject, Pod } from './types.ts';

export interface ClusterOptions {
  /** Port of the API on 127.0.0.1; 0 for any. */
  readonly port: number;
  /** SQLite file of all objects, or `:memory:`. */
  readonly stateFile: string;
  /** Objects to have in the cluster, such as those of knative/*.yaml. */
  readonly manifests: readonly NewObject[];
  readonly launcher: Launcher;
  /** Knative Services whose pods run here, behind a Deployment of the same name. */
  readonly isPodBacked?: (service: { namespace: string; name: string }) => boolean;
  /** Address at which people reach a Knative Service. */
  readonly urlOf?: (service: { namespace: string; name: string }) => string | undefined;
  /** Last word on a pod's environment: addresses of this machine, K_SINK, KUBECONFIG. */
  readonly podEnv?: (env: Record<string, string>, pod: Pod) => Record<string, string>;
  /** Pods that fit on the node; more stay Pending. 110, as a kubelet's default, unless given. */
  readonly maxPods?: number;
  /** Pods whose processes may boot at the same time: as many as there are cores unless given. */
  readonly bootAtOnce?: number;
  /** No process of a pod boots before this; at once unless given. */
  readonly bootAfter?: Promise<unknown>;
  readonly backoff?: BackoffOptions;
  readonly nowMs?: () => number;
  /** Said to the user: a corrupt state file, orphans of an earlier run. */
  readonly warn?: (message: string) => void;
  readonly onError?: (error: unknown, what: string) => void;
}

export interface Cluster {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Reads and writes objects with all rules of the API, within this process. */
  readonly api: Api;
  /** Kinds in the manifests that are not served, as `apiVersion/kind`. */
  readonly unserved: readonly string[];
  /** Follows the pods that can take requests; see ready-pods.ts. */
  watchReadyPods(
    namespace: string,
    selector: LabelSelector,
    callback: (pods: readonly ReadyPod[]) => void,
  ): () => void;
  /** Shows how a Knative Service is that is not backed by pods here. */
  reportService(service: { namespace: string; name: string }, report: ServiceReport): void;
  /** Stops the API and all pods' processes; the objects stay on disk. */
  close(graceSeconds?: number): Promise<void>;
}

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'knative-eventing', 'knative-serving'];
/** A kubelet's own default. */
const DEFAULT_MAX_PODS = 110;
/** Nothing reaches the pods of a node that died: they need no time to drain. */
const ORPHAN_GRACE_MS = 300;
const CLOSE_GRACE_SECONDS = 5;

function ensureNamespaces(api: Api): void {
  const kind = api.kind('v1', 'Namespace');
  for (const name of SYSTEM_NAMESPACES) {
    if (api.find(kind, { name }) !== undefined) continue;
    api.create(
      kind,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
      { manager: 'kube-apiserver' },
    );
  }
}

interface Running {
  readonly api: Api;
  readonly database: Database;
  readonly onError: (error: unknown, what: string) => void;
}

/** Starts what acts on the objects. Order: definitions first, the node last. */
function startControllers(running: Running, options: ClusterOptions) {
  const { api, database, onError } = running;
  const maxPods = options.maxPods ?? DEFAULT_MAX_PODS;
  const garbage = new GarbageController(api, onError);
  const deployments = new DeploymentController(api, onError);
  const replicaSets = new ReplicaSetController(api, { maxPods, onError });
  const serving = new ServingController(api, {
    isPodBacked: options.isPodBacked ?? (() => false),
    urlOf: options.urlOf ?? (() => undefined),
    onError,
  });
  const kubelet = new Kubelet({
    api,
    events: new EventRecorder(api, 'kubelet'),
    launcher: options.launcher,
    slots: new Slots(options.bootAtOnce ?? Math.max(2, availableParallelism()), options.bootAfter),
    backoff: options.backoff ?? KUBELET_BACKOFF,
    podEnv: options.podEnv ?? ((env) => env),
    remember: (podUid, pid) => rememberProcess(database, podUid, pid),
    maxPods,
    onError,
  });
  const close = async (graceSeconds: number): Promise<void> => {
    for (const controller of [garbage, deployments, replicaSets, serving]) controller.close();
    await kubelet.close(graceSeconds);
  };
  return { serving, kubelet, close };
}

/** Opens the state, applies the manifests, starts the controllers and listens. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const nowMs = options.nowMs ?? (() => Date.now());
  const warn = options.warn ?? ((message) => process.stderr.write(`${message}\n`));
  const onError = options.onError ?? ((error, what) => warn(`cluster: ${what}: ${String(error)}`));
  const database = Database.open(options.stateFile, { warn, nowMs: nowMs() });
  const orphans = await endOrphans(database, ORPHAN_GRACE_MS);
  if (orphans > 0) warn(`ended ${orphans} pod process(es) that an earlier run had left behind`);
  const api = new Api(new Store(database, nowMs()), new Catalogue(), nowMs);
  ensureNamespaces(api);
  const definitions = new DefinitionController(api, onError);
  const { unserved } = applyManifests(api, database, options.manifests);
  const running = startControllers({ api, database, onError }, options);
  const server = new ApiServer(api, {
    port: options.port,
    readLog: (pod, tailLines) => running.kubelet.readLog(pod, tailLines),
    onBug: onError,
  });
  const port = await server.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    api,
    unserved,
    watchReadyPods: (namespace, selector, callback) =>
      watchReadyPods(api, { namespace, selector }, callback),
    reportService: (service, report) => running.serving.report(service, report),
    async close(graceSeconds = CLOSE_GRACE_SECONDS) {
      await server.close();
      definitions.close();
      await running.close(graceSeconds);
      database.close();
    },
  };
}
