// One pod's life: its process is started, probed, restarted when it ends, and stopped in good order.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#shared/errors.ts';
import type { Api } from '../api/api.ts';
import { ApiError } from '../api/errors.ts';
import type { EventRecorder } from '../controllers/events.ts';
import type { Container, ContainerState, Pod } from '../types.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { ContainerConfigError, containerEnv } from './env.ts';
import type { Exit, Launcher, PodProcess } from './launcher.ts';
import { Prober, runProbe } from './probe.ts';
import type { Slots } from './slots.ts';
import { podStatus, type ContainerFacts } from './status.ts';

export interface RunnerDeps {
  readonly api: Api;
  readonly events: EventRecorder;
  readonly launcher: Launcher;
  readonly slots: Slots;
  readonly backoff: BackoffOptions;
  /** Last word on the environment: addresses of this machine, what a webhook would add. */
  readonly podEnv: (env: Record<string, string>, pod: Pod) => Record<string, string>;
  /** Remembers a process, or that it ended, for a later run that finds it still there. */
  readonly remember: (podUid: string, pid: number | undefined) => void;
  readonly onError: (error: unknown, what: string) => void;
}

/** Knative probes eagerly until a container is ready; so does this, and a pod serves at once. */
const EAGER_MS = 250;
const BOOT_LIMIT_MS = 1_000;
const BOOT_CHECK_MS = 50;
const CONFIG_RETRY_MS = 10_000;
const UNWRITTEN_RETRY_MS = 1_000;

const SIGNALS: Record<string, number> = {
  SIGKILL: 9,
  SIGTERM: 15,
  SIGINT: 2,
  SIGABRT: 6,
  SIGSEGV: 11,
};

export class PodRunner {
  readonly #deps: RunnerDeps;
  readonly #ref: { namespace: string; name: string };
  readonly #uid: string;
  readonly #backoff: Backoff;
  #process: PodProcess | undefined;
  #probers: Prober[] = [];
  #retry: NodeJS.Timeout | undefined;
  /** While the status of the pod in the API is not what it should be. */
  #unwritten: NodeJS.Timeout | undefined;
  #startedAtMs = 0;
  #isStopping = false;
  #facts: ContainerFacts;

  /** `restarts`: a pod that ran before this process did goes on counting. */
  constructor(deps: RunnerDeps, pod: Pod) {
    this.#deps = deps;
    this.#ref = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
    this.#uid = pod.metadata.uid;
    this.#backoff = new Backoff(deps.backoff);
    const before = pod.status?.containerStatuses?.[0];
    this.#facts = {
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: before?.lastState ?? {},
      isReady: false,
      restartCount:
        before?.containerID === undefined ? (before?.restartCount ?? 0) : before.restartCount + 1,
      pid: undefined,
    };
    this.#report({});
  }

  /** The pod as stored, unless it is gone or is another one of the same name. */
  #pod(): Pod | undefined {
    const pod = this.#deps.api.find(this.#deps.api.kind('v1', 'Pod'), this.#ref) as Pod | undefined;
    return pod?.metadata.uid === this.#uid ? pod : undefined;
  }

  #container(pod: Pod): Container {
    const [container] = pod.spec.containers;
    if (container === undefined) throw new ContainerConfigError('the pod has no container');
    return container;
  }

  /** A write that fails, as on a full disk, is told: what becomes of the process hangs on no write. */
  #tried(write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      this.#failed(error);
      return false;
    }
  }

  #report(change: Partial<ContainerFacts>): void {
    this.#facts = { ...this.#facts, ...change };
    clearTimeout(this.#unwritten);
    const isWritten = this.#tried(() => this.#writeStatus());
    if (isWritten || this.#isStopping) return;
    this.#unwritten = setTimeout(() => this.#report({}), UNWRITTEN_RETRY_MS);
  }

  #writeStatus(): void {
    const pod = this.#pod();
    if (pod === undefined) return;
    const status = podStatus(pod, this.#facts, this.#deps.api.nowIso());
    this.#deps.api.modify(this.#deps.api.kind('v1', 'Pod'), this.#ref, {
      manager: 'kubelet',
      subresource: 'status',
      change: (live) => ({ ...live, status }),
    });
  }

  #record(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const pod = this.#pod();
    if (pod === undefined) return;
    this.#tried(() => this.#deps.events.record(pod, { type, reason, message }));
  }

  #remember(pid: number | undefined): void {
    this.#tried(() => this.#deps.remember(this.#uid, pid));
  }

  #wait(reason: string, message: string): void {
    this.#report({ state: { waiting: { reason, message } }, isReady: false, pid: undefined });
  }

  /** Starts the container, or says in the status why it cannot be and tries again later. */
  async start(): Promise<void> {
    const release = await this.#deps.slots.take();
    const pod = this.#pod();
    if (this.#isStopping || pod === undefined) {
      release();
      return;
    }
    try {
      await this.#spawn(pod);
    } catch (error) {
      if (this.#process !== undefined) throw error;
      this.#notStarted(error);
    } finally {
      release();
    }
  }

  /** What is missing may come; what the system refuses (an environment too large) may be changed. */
  #notStarted(error: unknown): void {
    const isConfig = error instanceof ContainerConfigError;
    const why = messageOf(error);
    this.#wait(isConfig ? 'CreateContainerConfigError' : 'CreateContainerError', why);
    this.#record('Warning', 'Failed', `Error: ${why}`);
    this.#retryIn(CONFIG_RETRY_MS);
  }

  #retryIn(ms: number): void {
    this.#retry = setTimeout(() => {
      this.start().catch((error: unknown) => this.#failed(error));
    }, ms);
  }

  #failed(error: unknown): void {
    this.#deps.onError(error, `pod ${this.#ref.namespace}/${this.#ref.name}`);
  }

  async #spawn(pod: Pod): Promise<void> {
    const { api, launcher, podEnv } = this.#deps;
    const container = this.#container(pod);
    const missing = launcher.missing(container.image);
    if (missing !== undefined) {
      this.#wait('ErrImageNeverPull', missing);
      this.#record('Warning', 'ErrImageNeverPull', missing);
      this.#retryIn(CONFIG_RETRY_MS);
      return;
    }
    const port = container.ports?.[0]?.containerPort ?? 8080;
    const env = podEnv(
      { ...containerEnv(api, pod, container), PORT: String(port), HOSTNAME: this.#ref.name },
      pod,
    );
    const child = launcher.start({ ...this.#ref, image: container.image, port, env });
    this.#process = child;
    this.#startedAtMs = api.nowMs();
    this.#remember(child.pid);
    child.exited
      .then((exit) => this.#onExit(exit, child))
      .catch((error: unknown) => this.#failed(error));
    this.#report({ state: { running: { startedAt: api.nowIso() } }, pid: child.pid });
    this.#record(
      'Normal',
      'Started',
      `Started container ${container.name} as process ${child.pid}`,
    );
    this.#probe(container, port);
    await this.#booted(port, child);
  }

  /** Resolves when the process listens, ends, or has had its time: then the next one may boot. */
  async #booted(port: number, child: PodProcess): Promise<void> {
    let hasEnded = false;
    void child.exited.then(() => (hasEnded = true));
    const giveUpAt = performance.now() + BOOT_LIMIT_MS;
    while (!(hasEnded as boolean) && performance.now() < giveUpAt) {
      await sleep(BOOT_CHECK_MS);
      if ((await runProbe({ tcpSocket: {} }, port)) === undefined) return;
    }
  }

  #probe(container: Container, port: number): void {
    const { readinessProbe, livenessProbe } = container;
    if (readinessProbe === undefined) this.#report({ isReady: true });
    else {
      this.#probers.push(
        new Prober({
          spec: readinessProbe,
          port,
          firstEveryMs: EAGER_MS,
          onResult: (isReady, why) => {
            this.#report({ isReady });
            if (!isReady) this.#record('Warning', 'Unhealthy', `Readiness probe failed: ${why}`);
          },
        }),
      );
    }
    if (livenessProbe === undefined) return;
    const onResult = (isAlive: boolean, why: string): void => {
      if (isAlive) return;
      this.#record('Warning', 'Unhealthy', `Liveness probe failed: ${why}`);
      this.#record(
        'Normal',
        'Killing',
        `Container ${container.name} failed liveness probe, will be restarted`,
      );
      this.#endProcess(5);
    };
    const periodMs = (livenessProbe.periodSeconds ?? 10) * 1000;
    this.#probers.push(new Prober({ spec: livenessProbe, port, firstEveryMs: periodMs, onResult }));
  }

  #stopProbes(): void {
    for (const prober of this.#probers) prober.stop();
    this.#probers = [];
  }

  #onExit({ code, signal }: Exit, child: PodProcess): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#stopProbes();
    this.#remember(undefined);
    if (this.#isStopping) return;
    const terminated: ContainerState = {
      terminated: {
        exitCode: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0),
        reason: code === 0 ? 'Completed' : 'Error',
        ...(signal === null ? {} : { signal: SIGNALS[signal] ?? 0 }),
        startedAt: new Date(this.#startedAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
        finishedAt: this.#deps.api.nowIso(),
      },
    };
    this.#report({ state: terminated, lastState: terminated, isReady: false, pid: undefined });
    const waitMs = this.#backoff.afterRun(this.#deps.api.nowMs() - this.#startedAtMs);
    const restartCount = this.#facts.restartCount + 1;
    if (waitMs > 0) {
      const message = `back-off ${waitMs / 1000}s restarting failed container`;
      this.#wait('CrashLoopBackOff', message);
      this.#record('Warning', 'BackOff', 'Back-off restarting failed container');
    }
    this.#report({ restartCount });
    this.#retryIn(waitMs);
  }

  #endProcess(graceSeconds: number): void {
    const child = this.#process;
    if (child === undefined) return;
    child.signal('SIGTERM');
    const kill = setTimeout(() => child.signal('SIGKILL'), graceSeconds * 1000);
    void child.exited.then(() => clearTimeout(kill));
  }

  /** SIGTERM, SIGKILL after the grace; resolves when the process is gone. Nothing starts it again. */
  async stop(graceSeconds: number): Promise<void> {
    const isFirst = !this.#isStopping;
    this.#isStopping = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#unwritten);
    this.#stopProbes();
    const child = this.#process;
    if (child === undefined) return;
    if (isFirst) this.#record('Normal', 'Killing', `Stopping container as process ${child.pid}`);
    this.#endProcess(graceSeconds);
    await child.exited;
    this.#remember(undefined);
  }

  /** Stops and takes the pod out of the API: its deletion is complete. */
  async finish(graceSeconds: number): Promise<void> {
    await this.stop(graceSeconds);
    const pod = this.#pod();
    if (pod === undefined) return;
    try {
      const { uid } = pod.metadata;
      this.#deps.api.delete(this.#deps.api.kind('v1', 'Pod'), this.#ref, {
        graceSeconds: 0,
        preconditions: { uid },
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  }
}
