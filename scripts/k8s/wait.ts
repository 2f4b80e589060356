// Waits for objects to become ready, and says early why one never will.
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './command.ts';
import { conditionOf, describe, isReady, kubectl, list, type KubeObject } from './kubectl.ts';

const POLL_MS = 700;
/** A kubelet that is only slow names the same troubles for a moment. */
const TROUBLE_LASTS_MS = 20_000;

export interface Wanted {
  /** Full resource name, such as `services.serving.knative.dev`. */
  readonly resource: string;
  readonly namespace: string;
  readonly names: readonly string[];
  /** Condition that must be True; `Ready` unless given. */
  readonly condition?: string;
}

interface Waiting {
  readonly name: string;
  readonly why: string;
}

/** Those of `wanted` that are not ready, each with its controller's reason. */
export function notReady(wanted: Wanted, found: readonly KubeObject[]): Waiting[] {
  const type = wanted.condition ?? 'Ready';
  return wanted.names.flatMap((name) => {
    const object = found.find(({ metadata }) => metadata.name === name);
    if (object === undefined) return [{ name, why: 'does not exist' }];
    if (isReady(object, type)) return [];
    const condition = conditionOf(object, type);
    return [{ name, why: condition?.message ?? condition?.reason ?? 'no status yet' }];
  });
}

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

const HOPELESS: Readonly<Record<string, string>> = {
  ErrImagePull: 'The image is not on the node: check IMAGE_LOAD_CMD, or that the cluster can pull.',
  ImagePullBackOff:
    'The image is not on the node: check IMAGE_LOAD_CMD, or that the cluster can pull.',
  ErrImageNeverPull: 'The image is not on the node: check IMAGE_LOAD_CMD.',
  InvalidImageName: 'Check IMAGE_REGISTRY.',
  CreateContainerConfigError: 'A ConfigMap or Secret that the pod refers to is missing.',
};
const RESTARTS_TO_GIVE_UP = 2;

interface Trouble {
  readonly what: string;
  readonly remedy: string;
}

/** The trouble of a container that will not run without somebody's help. */
function troubleOf(pod: KubeObject, { name, restartCount, state }: ContainerStatus): Trouble[] {
  const { reason = '', message = '' } = state?.waiting ?? {};
  const what = `${describe(pod)}, container ${name}: ${reason} ${message}`.trim();
  const remedy = HOPELESS[reason];
  if (remedy !== undefined) return [{ what, remedy }];
  if (reason !== 'CrashLoopBackOff' || restartCount < RESTARTS_TO_GIVE_UP) return [];
  const logs = `kubectl logs -n ${pod.metadata.namespace ?? ''} ${pod.metadata.name} -c ${name} --previous`;
  return [{ what, remedy: `It ends by itself; its last words: ${logs}` }];
}

/** The first trouble among the pods; pods that are going already do not count. */
export const hopeless = (pods: readonly KubeObject[]): Trouble | undefined =>
  pods
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .flatMap((pod) =>
      ((pod.status?.['containerStatuses'] ?? []) as ContainerStatus[]).flatMap((status) =>
        troubleOf(pod, status),
      ),
    )[0];

const lastWords = async (namespace: string, pod: string): Promise<string> => {
  const args = ['logs', '-n', namespace, pod, '--all-containers', '--tail=5'];
  return kubectl(args, { timeoutMs: 10_000 }).catch(() => '');
};

/** Resolves when all are ready. Throws after `timeoutMs`, or at once when a pod cannot ever run. */
export async function waitReady(
  wanted: Wanted,
  timeoutMs: number,
  note: (text: string) => void,
): Promise<void> {
  if (wanted.names.length === 0) return;
  const deadline = performance.now() + timeoutMs;
  let wellAt = performance.now();
  for (;;) {
    const scope = ['-n', wanted.namespace];
    const waiting = notReady(wanted, await list(wanted.resource, scope));
    if (waiting.length === 0) return;
    note(waiting.map(({ name }) => name).join(', '));
    const trouble = hopeless(await list('pods', scope));
    if (trouble === undefined) wellAt = performance.now();
    else if (performance.now() - wellAt > TROUBLE_LASTS_MS) {
      throw new Failure(`${waiting.map(({ name }) => name).join(', ')} cannot become ready`, {
        why: trouble.what,
        remedy: trouble.remedy,
      });
    }
    if (performance.now() > deadline) await giveUp(wanted, waiting, timeoutMs);
    await sleep(POLL_MS);
  }
}

/** The command that shows more: of the StatefulSet that a reason blames, else of the first object. */
export function lookAt(wanted: Wanted, waiting: readonly Waiting[]): string {
  const [first] = waiting;
  const blamed = /StatefulSet (?<namespace>[a-z0-9-]+)\/(?<name>[a-z0-9-]+)/.exec(first?.why ?? '');
  if (blamed?.groups === undefined) {
    return `kubectl describe ${wanted.resource} -n ${wanted.namespace} ${first?.name ?? ''}`;
  }
  return `kubectl describe statefulset -n ${blamed.groups['namespace']} ${blamed.groups['name']}`;
}

async function giveUp(wanted: Wanted, waiting: readonly Waiting[], timeoutMs: number) {
  const pods = (await list('pods', ['-n', wanted.namespace])).filter(
    (pod) => !isReady(pod) && waiting.some(({ name }) => pod.metadata.name.startsWith(name)),
  );
  const words = await Promise.all(
    pods.slice(0, 3).map((pod) => lastWords(wanted.namespace, pod.metadata.name)),
  );
  throw new Failure(`not ready after ${timeoutMs / 1000} s`, {
    why: [...waiting.map(({ name, why }) => `${name}: ${why}`), ...words].join('\n').trim(),
    remedy: `${lookAt(wanted, waiting)}\nRun the same command again: it continues.`,
  });
}

/** Waits until none of the objects exists any more. */
export async function waitGone(
  resource: string,
  scope: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if ((await list(resource, scope)).length === 0) return true;
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
}
