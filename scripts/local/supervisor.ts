// The supervisor of the local loop: the embedded Kubernetes API with its controllers, the ingress,
// the broker process and one process per function.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  destinationUrl,
  findAddresses,
  functionEnv,
  localUrl,
  writeKubeconfig,
  type Addresses,
} from './addresses.ts';
import { messageOf } from '#shared/errors.ts';
import { setAsideFiles } from './broker/log-file.ts';
import { Ingress } from './ingress.ts';
import { Instances, type InstanceEvents } from './instances.ts';
import {
  isScaled,
  type Destination,
  type KnativeService,
  type Manifests,
} from './manifests/index.ts';
import { startPingSources, type Pings } from './ping.ts';
import { identityOf, rotate } from './processes.ts';
import { STATE_DIR, writeRunState, type RunState } from './run-state.ts';
import { bundleLauncher, startCluster, type Cluster, type Pod } from './cluster/index.ts';
import { PodUpstreams } from './pod-upstreams.ts';

const SERVICE_LABEL = 'serving.knative.dev/service';
const GRACE_MS = 5000;
/** Made by scripts/build/main.ts. */
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const BUNDLES = join(DIST, 'functions');
const scriptOf = ({ bundle }: KnativeService): string => join(BUNDLES, bundle, 'index.mjs');

export interface LoopOptions {
  readonly manifests: Manifests;
  readonly manifestsDir: string;
  /** One line for the person at the terminal. */
  readonly say: (line: string) => void;
}

export class LocalLoop {
  readonly #options: LoopOptions;
  readonly #children = new Map<number, { name: string; identity: string }>();
  readonly #instances = new Map<string, Instances>();
  readonly #ingresses: Ingress[] = [];
  readonly #startedAtMs = Date.now();
  #addresses: Addresses | undefined;
  #cluster: Cluster | undefined;
  readonly #pods: PodUpstreams[] = [];
  #broker: Instances | undefined;
  #pings: Pings | undefined;
  #housekeeping: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  get addresses(): Addresses {
    if (this.#addresses === undefined) throw new Error('the loop is not started');
    return this.#addresses;
  }

  /**
   * Starts everything; the first beat goes out once the chain is ready. The target's first pod may
   * still be starting: requests wait for it, as they would behind Knative's activator.
   */
  async start(): Promise<void> {
    const { manifests, say } = this.#options;
    mkdirSync(join(STATE_DIR, 'logs'), { recursive: true });
    const addresses = (this.#addresses = await findAddresses(manifests));
    for (const line of addresses.moved) say(line);
    const kubeconfig = join(STATE_DIR, 'kubeconfig');
    writeKubeconfig(kubeconfig, addresses, manifests.namespaces[0] ?? 'default');
    this.#save();

    // The chain first: after a crash at a peak the pods of the last run would all boot beside it.
    const chain = Promise.withResolvers<undefined>();
    const cluster = (this.#cluster = await this.#startCluster(chain.promise));
    await Promise.all(manifests.services.map((service) => this.#serve(service, cluster)));
    // What an earlier run left in the log may arrive before a function is there: the ingress holds it.
    await Promise.all([
      this.#startBroker(),
      ...[...this.#instances.values()].map((instances) => instances.start()),
    ]);
    chain.resolve(undefined);
    for (const service of manifests.services) {
      cluster.reportService(service, { isReady: true, url: this.#url(service.name) ?? '' });
    }
    this.#pings = startPingSources(manifests.pingSources, {
      sinkUrl: (sink) => this.#required(sink),
      lost: (source, reason) => say(`the beat of ${source.name} was lost: ${reason}`),
    });
    this.#pings.fireNow(); // who starts the loop need not wait for the schedule to see it decide
    this.#housekeeping = setInterval(() => this.#rotateLogs(), 60_000);
    this.#housekeeping.unref();
  }

  /** Stops the beat first, then what answers it, then what carries it. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#housekeeping);
    this.#pings?.stop();
    await Promise.all([
      ...[...this.#instances.values()].map((instances) => instances.stop()),
      this.#cluster?.close(GRACE_MS / 1000),
    ]);
    await this.#broker?.stop();
    await Promise.all(this.#ingresses.map((ingress) => ingress.close()));
    for (const pods of this.#pods) pods.close();
  }

  #startCluster(bootAfter: Promise<unknown>): Promise<Cluster> {
    const { manifests, say } = this.#options;
    return startCluster({
      port: this.addresses.apiPort,
      stateFile: join(STATE_DIR, 'cluster.sqlite'),
      manifests: manifests.objects,
      launcher: bundleLauncher({ directory: BUNDLES, logDirectory: join(STATE_DIR, 'logs') }),
      isPodBacked: ({ name }) => this.#isScaled(name),
      urlOf: ({ name }) => this.#url(name),
      podEnv: (env, pod) => this.#podEnv(env, pod),
      bootAfter,
      warn: say,
    });
  }

  /** A service that a policy scales as a Deployment has its pods in the embedded cluster. */
  #isScaled(name: string): boolean {
    return isScaled(name, this.#options.manifests.policies);
  }

  #url(service: string): string | undefined {
    const port = this.addresses.services.get(service);
    return port === undefined ? undefined : localUrl(port);
  }

  /** A pod's environment with addresses of this run, and what a SinkBinding would add. */
  #podEnv(env: Record<string, string>, pod: Pod): Record<string, string> {
    const { manifests } = this.#options;
    const name = pod.metadata.labels?.[SERVICE_LABEL];
    const service = manifests.services.find((each) => each.name === name);
    const added =
      service === undefined ? {} : functionEnv({ ...service, env }, manifests, this.addresses);
    return { ...env, ...added, HOST: '127.0.0.1', KUBECONFIG: join(STATE_DIR, 'kubeconfig') };
  }

  async #serve(service: KnativeService, cluster: Cluster): Promise<void> {
    if (!existsSync(scriptOf(service))) {
      throw new Error(`${service.where}: image ${service.image}: there is no bundle of this name`);
    }
    const port = this.addresses.services.get(service.name);
    if (port === undefined) throw new Error(`no port for ${service.name}`);
    const ingress = new Ingress({
      name: service.name,
      port,
      upstreams: this.#isScaled(service.name)
        ? this.#podsOf(service, cluster)
        : this.#functionOf(service),
      timeoutMs: service.timeoutMs,
    });
    await ingress.listen();
    this.#ingresses.push(ingress);
  }

  #podsOf(service: KnativeService, cluster: Cluster): PodUpstreams {
    const pods = new PodUpstreams(service, (callback) =>
      cluster.watchReadyPods(
        service.namespace,
        { matchLabels: { [SERVICE_LABEL]: service.name } },
        callback,
      ),
    );
    this.#pods.push(pods);
    return pods;
  }

  #functionOf(service: KnativeService): Instances {
    const instances = new Instances(
      {
        name: service.name,
        script: scriptOf(service),
        env: {
          ...functionEnv(service, this.#options.manifests, this.addresses),
          HOST: '127.0.0.1',
          KUBECONFIG: join(STATE_DIR, 'kubeconfig'),
        },
        logFile: this.#logFile(service.name),
        minScale: service.scale.min,
        maxScale: service.scale.max === 0 ? Infinity : service.scale.max,
        containerConcurrency: service.containerConcurrency,
        readinessPath: service.readinessPath,
        liveness: service.liveness,
        idleMs: service.scale.idleMs,
        graceMs: GRACE_MS,
      },
      this.#events(),
    );
    this.#instances.set(service.name, instances);
    return instances;
  }

  async #startBroker(): Promise<void> {
    const { brokerPort } = this.addresses;
    const stateFile = join(STATE_DIR, 'broker.sqlite');
    const before = new Set(setAsideFiles(stateFile));
    this.#broker = new Instances(
      {
        name: 'broker',
        script: join(DIST, 'local-broker/index.mjs'),
        env: {
          HOST: '127.0.0.1',
          MANIFESTS: this.#options.manifestsDir,
          STATE_FILE: stateFile,
          SUBSCRIBERS: JSON.stringify(
            Object.fromEntries(
              [...this.addresses.services].map(([name, port]) => [name, localUrl(port)]),
            ),
          ),
        },
        logFile: this.#logFile('broker'),
        port: brokerPort,
        minScale: 1,
        maxScale: 1,
        containerConcurrency: 0,
        readinessPath: '/readyz',
        idleMs: Infinity,
        graceMs: GRACE_MS,
      },
      this.#events(),
    );
    await this.#broker.start();
    for (const file of setAsideFiles(stateFile).filter((each) => !before.has(each))) {
      const why = `why: ${this.#logFile('broker')}`;
      this.#options.say(
        `the Broker's log could not be used; it was set aside as ${file} and a fresh one was begun (${why})`,
      );
    }
  }

  #required(to: Destination): string {
    const url = destinationUrl(to, this.addresses);
    if (url === undefined) throw new Error(`no such destination: ${JSON.stringify(to)}`);
    return url;
  }

  #logFile(name: string): string {
    return join(STATE_DIR, 'logs', `${name}.log`);
  }

  #rotateLogs(): void {
    try {
      for (const name of ['broker', ...this.#instances.keys()]) rotate(this.#logFile(name));
    } catch (error) {
      this.#options.say(`a log could not be cut: ${messageOf(error)}`);
    }
  }

  /** Keeps run.json true, and says when a process ended that should not have. */
  #events(): InstanceEvents {
    return {
      started: (name, pid) => {
        this.#children.set(pid, { name, identity: identityOf(pid) ?? '' });
        this.#saveOrSay();
      },
      exited: (name, pid, why, expected) => {
        this.#children.delete(pid);
        if (this.#stopping) return;
        this.#saveOrSay();
        if (!expected) this.#options.say(`${name} ended (${why}); it is started again`);
      },
    };
  }

  /** A full disk is no reason to end what runs: its own guard ends a process that run.json does not know. */
  #saveOrSay(): void {
    try {
      this.#save();
    } catch (error) {
      this.#options.say(`run.json could not be written: ${messageOf(error)}`);
    }
  }

  #save(): void {
    const { services, brokerPort, apiPort } = this.addresses;
    const state: RunState = {
      supervisor: { pid: process.pid, identity: identityOf(process.pid) ?? '' },
      startedAtMs: this.#startedAtMs,
      urls: {
        ...Object.fromEntries([...services].map(([name, port]) => [name, localUrl(port)])),
        broker: localUrl(brokerPort),
        kubernetes: localUrl(apiPort),
      },
      children: [...this.#children].map(([pid, child]) => ({ pid, ...child })),
    };
    writeRunState(state);
  }
}
