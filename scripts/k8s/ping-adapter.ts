// Knative Eventing starts the adapter that fires PingSources when the first one appears, and leaves it
// running when the last one goes. Where our beat was the first, `make k8s-clean` puts it back to rest.
import { run } from './command.ts';
import { get, kubectl, list, type KubeObject } from './kubectl.ts';
import { readRecord, writeRecord, type RestingAdapter } from './record.ts';

const NAME = 'pingsource-mt-adapter';
const NAMESPACE = 'knative-eventing';
const SCOPE = ['-n', NAMESPACE];

const rolledOut = (timeoutMs: number): string[] => [
  ...['rollout', 'status', `deployment/${NAME}`, ...SCOPE],
  `--timeout=${Math.round(timeoutMs / 1000)}s`,
];

const ownReplicaSets = async (): Promise<string[]> =>
  (await list('replicasets', SCOPE))
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === NAME) === true)
    .map(({ metadata }) => metadata.name);

/** Notes the adapter if it rests: to be called before our PingSource is made. */
export async function noteRestingAdapter(): Promise<void> {
  const record = await readRecord();
  if (record.adapter !== undefined) return;
  const adapter = await get('deployment', NAME, NAMESPACE);
  const isResting = adapter?.spec?.['replicas'] === 0;
  const template = adapter?.spec?.['template'];
  const resting = isResting ? { template, replicaSets: await ownReplicaSets() } : null;
  await writeRecord({ ...record, adapter: resting });
}

/**
 * Waits until the adapter runs. A PingSource that woke it says ready at first, of the adapter at
 * rest: its Deployment of no pods has all it wants.
 */
export async function awaitAdapter(timeoutMs: number): Promise<void> {
  await kubectl(rolledOut(timeoutMs), { timeoutMs });
}

/** Puts the adapter back to rest, unless it never rested or somebody else's PingSource needs it. */
export async function restAdapter(resting: RestingAdapter | null | undefined): Promise<string> {
  if (resting === null || resting === undefined) return 'it was at work before';
  if ((await list('pingsources.sources.knative.dev', ['-A'])).length > 0) return 'others need it';
  const adapter = await get('deployment', NAME, NAMESPACE);
  if (adapter === undefined) return 'it is gone';
  const rested: KubeObject = {
    ...adapter,
    spec: { ...adapter.spec, replicas: 0, template: resting.template },
  };
  await kubectl(['replace', '-f', '-'], { input: JSON.stringify(rested) });
  await run('kubectl', rolledOut(60_000));
  const pods = ['-l', `eventing.knative.dev/source=ping-source-controller`, ...SCOPE];
  await run('kubectl', ['delete', 'pods', ...pods, '--grace-period=2', '--ignore-not-found']);
  const added = (await ownReplicaSets()).filter((name) => !resting.replicaSets.includes(name));
  for (const name of added) {
    await kubectl(['delete', 'replicaset', name, ...SCOPE, '--ignore-not-found']);
  }
  return '';
}
