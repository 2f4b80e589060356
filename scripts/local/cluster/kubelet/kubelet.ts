// The one node of the cluster: gives each pod a port and runs it as a process.
import { readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Api } from '../api/api.ts';
import { resourceId } from '../kinds/resource.ts';
import { keyOfMeta, Reconciler, refOfKey } from '../controllers/reconciler.ts';
import { withCondition } from '../controllers/conditions.ts';
import { portFrom } from '../../processes.ts';
import type { Condition, Pod } from '../types.ts';
import { PodRunner, type RunnerDeps } from './runner.ts';

/** Below the ports that the system hands out by itself, so that no connection takes a pod's. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_000;

const NODE_NAME = 'local';

const UNFINISHED_RETRY_MS = 1_000;

export interface KubeletOptions extends RunnerDeps {
  readonly maxPods: number;
}

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #api: Api;
  readonly #runners = new Map<string, PodRunner>();
  readonly #ports = new Map<string, number>();
  readonly #queue: Reconciler;
  readonly #unsubscribe: () => void;
  // Two loops on one machine, a test among them, would else try the same ports at the same moment.
  #nextPort = FIRST_PORT + ((process.pid * 97) % (LAST_PORT - FIRST_PORT));

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#api = options.api;
    this.#queue = new Reconciler({
      name: 'kubelet',
      reconcile: (key) => this.#reconcile(key),
      onError: options.onError,
    });
    this.#announceNode();
    for (const pod of this.#api.store.list(this.#kind) as Pod[]) {
      this.#unready(pod);
      this.#queue.enqueue(keyOfMeta(pod.metadata));
    }
    this.#unsubscribe = this.#api.store.subscribe(({ type, resource, object }) => {
      if (resourceId(resource) !== 'pods') return;
      if (type === 'DELETED') this.#onDeleted(object as Pod);
      else if (this.#needsLook(object as Pod)) this.#queue.enqueue(keyOfMeta(object.metadata));
    });
  }

  get #kind() {
    return this.#api.kind('v1', 'Pod');
  }

  #needsLook({ metadata }: Pod): boolean {
    return !this.#runners.has(metadata.uid) || metadata.deletionTimestamp !== undefined;
  }

  /** Pods of an earlier run have no process: nobody may send them requests. */
  #unready({ metadata, status }: Pod): void {
    const time = this.#api.nowIso();
    const no = {
      status: 'False',
      reason: 'NodeRestarted',
      message: 'the node was restarted',
    } as const;
    const conditions = ['Ready', 'ContainersReady'].reduce<Condition[]>(
      (all, type) => withCondition(all, { type, ...no }, time),
      status?.conditions ?? [],
    );
    this.#api.modify(this.#kind, metadata, {
      manager: 'kubelet',
      subresource: 'status',
      change: (live) => ({ ...live, status: { ...(live as Pod).status, conditions } }),
    });
  }

  /** Stops all processes; the pods stay in the API and start again with the next run. */
  async close(graceSeconds: number): Promise<void> {
    this.#unsubscribe();
    this.#queue.close();
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop(graceSeconds)));
  }

  #announceNode(): void {
    const kind = this.#api.kind('v1', 'Node');
    if (this.#api.find(kind, { name: NODE_NAME }) === undefined) {
      const node = {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: NODE_NAME, labels: { 'kubernetes.io/hostname': NODE_NAME } },
      };
      this.#api.create(kind, node, { manager: 'kubelet' });
    }
    const capacity = { cpu: String(availableParallelism()), pods: String(this.#options.maxPods) };
    this.#api.modify(
      kind,
      { name: NODE_NAME },
      {
        manager: 'kubelet',
        subresource: 'status',
        change: (live) => ({
          ...live,
          status: {
            capacity,
            allocatable: capacity,
            addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
            conditions: withCondition(
              [],
              {
                type: 'Ready',
                status: 'True',
                reason: 'KubeletReady',
                message: 'pods run as processes of this machine',
              },
              this.#api.nowIso(),
            ),
            nodeInfo: {
              kubeletVersion: `node ${process.version}`,
              operatingSystem: process.platform,
              architecture: process.arch,
            },
          },
        }),
      },
    );
  }

  async #reconcile(key: string): Promise<void> {
    const pod = this.#api.find(this.#kind, refOfKey(key)) as Pod | undefined;
    if (pod === undefined) return;
    const { uid, deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    const runner = this.#runners.get(uid);
    if (deletionTimestamp !== undefined) {
      if (runner === undefined) this.#api.delete(this.#kind, pod.metadata, { graceSeconds: 0 });
      else {
        void runner.finish(deletionGracePeriodSeconds ?? 30).catch((error: unknown) => {
          this.#options.onError(error, `pod ${key}`);
          this.#queue.enqueueAfter(key, UNFINISHED_RETRY_MS);
        });
      }
    } else if (runner === undefined) {
      await this.#admit(pod);
    }
  }

  async #admit(pod: Pod): Promise<void> {
    if (this.#runners.size >= this.#options.maxPods) {
      this.#refuse(
        pod,
        `0/1 nodes are available: 1 Too many pods (at most ${this.#options.maxPods}).`,
      );
      return;
    }
    const bound = await this.#bind(pod);
    if (bound === undefined) return;
    const runner = new PodRunner(this.#options, bound);
    this.#runners.set(bound.metadata.uid, runner);
    void runner
      .start()
      .catch((error: unknown) => this.#options.onError(error, `pod ${bound.metadata.name}`));
  }

  #refuse(pod: Pod, message: string): void {
    this.#api.modify(this.#kind, pod.metadata, {
      manager: 'kubelet',
      subresource: 'status',
      change: (live) => ({
        ...live,
        status: {
          ...(live as Pod).status,
          conditions: withCondition(
            (live as Pod).status?.conditions,
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
            this.#api.nowIso(),
          ),
        },
      }),
    });
    this.#options.events.record(pod, { type: 'Warning', reason: 'FailedScheduling', message });
  }

  async #freePort(): Promise<number> {
    const port = await portFrom(this.#nextPort, new Set(this.#ports.values()));
    // Ports are handed out in turn: one that just became free may still be known to a client.
    this.#nextPort = port >= LAST_PORT ? FIRST_PORT : port + 1;
    return port;
  }

  /** Binds the pod to the node and its first port to a real one; undefined if it is gone meanwhile. */
  async #bind(pod: Pod): Promise<Pod | undefined> {
    const port = await this.#freePort();
    const now = this.#api.find(this.#kind, pod.metadata);
    if (now?.metadata.uid !== pod.metadata.uid || now.metadata.deletionTimestamp !== undefined)
      return undefined;
    this.#ports.set(pod.metadata.uid, port);
    const bound = this.#api.modify(this.#kind, pod.metadata, {
      manager: 'kube-scheduler',
      change: (live) => {
        const { spec } = live as Pod;
        const [first, ...others] = spec.containers;
        if (first === undefined) return live;
        const [main, ...ports] = first.ports ?? [];
        const container = {
          ...first,
          ports: [{ ...main, containerPort: port, protocol: 'TCP' }, ...ports],
        };
        return {
          ...live,
          spec: { ...spec, nodeName: NODE_NAME, containers: [container, ...others] },
        };
      },
    });
    if (pod.spec.nodeName === undefined) {
      const where = `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
      this.#options.events.record(bound, {
        type: 'Normal',
        reason: 'Scheduled',
        message: `Successfully assigned ${where} to ${NODE_NAME}, port ${port}`,
      });
    }
    return bound as Pod;
  }

  /** The pod is out of the API; a process that is left was deleted by force. */
  #onDeleted({ metadata }: Pod): void {
    const { uid, name, namespace = '' } = metadata;
    const runner = this.#runners.get(uid);
    this.#runners.delete(uid);
    this.#ports.delete(uid);
    const log = this.#options.launcher.logFile({ namespace, name });
    void (runner?.stop(2) ?? Promise.resolve()).then(() => {
      // Only what a pod wrote: a launcher may log to a device.
      if (statSync(log, { throwIfNoEntry: false })?.isFile() === true) rmSync(log, { force: true });
    });
    this.#retryWaiting();
  }

  /** A pod that had no room may have some now. */
  #retryWaiting(): void {
    for (const object of this.#api.store.list(this.#kind)) {
      if ((object as Pod).spec.nodeName === undefined)
        this.#queue.enqueue(keyOfMeta(object.metadata));
    }
  }

  /** What the pod's process wrote; empty where there is nothing. */
  readLog(pod: { namespace: string; name: string }, tailLines?: number): string {
    try {
      const text = readFileSync(this.#options.launcher.logFile(pod), 'utf8');
      if (tailLines === undefined) return text;
      const lines = text.split('\n');
      return lines.slice(Math.max(0, lines.length - 1 - tailLines)).join('\n');
    } catch {
      return '';
    }
  }
}
