// `make k8s-clean`: restores what NimbusGuard changed, then removes what it installed and nothing else.
// Order: the beat stops, originals are put back, policies go, then functions, rights, CRD, and last
// the prerequisites that `make k8s-dev` itself installed, where nobody else uses them. Running it again
// continues.
import { setTimeout as sleep } from 'node:timers/promises';
import { sweep } from '#functions/release/sweep.ts';
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { kubernetesControl } from '#shared/adapters/kubernetes-control.ts';
import { systemClock } from '#shared/adapters/system.ts';
import { endForwarder } from './background.ts';
import { CONTEXT_HELP, refuseForeignContext } from './choices.ts';
import { readContext } from './cluster.ts';
import { readCommandLine } from '../command-line.ts';
import { Failure, run } from './command.ts';
import { get, kubectl, list } from './kubectl.ts';
import { NAMESPACE, PART_OF } from './manifests.ts';
import { restAdapter } from './ping-adapter.ts';
import { createProgress, main } from './progress.ts';
import { readRecord } from './record.ts';
import { removePrerequisites } from './removal.ts';
import { waitGone } from './wait.ts';

readCommandLine({
  command: 'make k8s-clean',
  does: 'Puts back what NimbusGuard changed on the cluster, then removes what make k8s-dev installed.',
  environment: CONTEXT_HELP,
});

const POLICIES = 'scalingpolicies.nimbusguard.io';
const OURS = ['-l', `${PART_OF}=nimbusguard`];
const GONE_TIMEOUT_MS = 180_000;
const DISPATCHER_TIMEOUT_MS = 120_000;

const remove = (resource: string, scope: readonly string[]): Promise<unknown> =>
  run('kubectl', ['delete', resource, ...scope, '--ignore-not-found', '--wait=false']);

/** Puts every original back with the rights of whoever runs this command. */
async function restore(): Promise<string> {
  const api = kubernetesApi({ timeoutMs: 20_000 });
  try {
    const cluster = kubernetesCluster(api, { watchNamespaces: ['*'] });
    const ports = { cluster, control: kubernetesControl(api), clock: systemClock };
    const swept = await sweep(ports, { everything: true });
    const failed = swept.filter((one) => one.failed);
    if (failed.length > 0) {
      throw new Failure('not every original could be put back; nothing was removed yet', {
        why: failed.map(({ policy, message }) => `${policy}: ${message}`).join('\n'),
        remedy: 'Mend what is named above and type make k8s-clean again.',
      });
    }
    return swept.map(({ message }) => message).join('; ');
  } finally {
    api.close();
  }
}

/** Ends pods until none is left: what is being deleted may still make new ones for a moment. */
async function endPods(
  scope: readonly string[],
  timeoutMs: number,
  note: (text: string) => void,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const pods = await list('pods', scope);
    if (pods.length === 0 || performance.now() > deadline) return;
    note(`${pods.length} pods left`);
    const fresh = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const names = (fresh.length > 0 ? fresh : pods).map(({ metadata }) => metadata.name);
    const quickly = ['--grace-period=2', '--wait=false', '--ignore-not-found'];
    await run('kubectl', ['delete', 'pods', '-n', NAMESPACE, ...names, ...quickly]);
    await sleep(1_000);
  }
}

/** Nobody acts any more: without the executor no floor comes back while originals are restored. */
async function stopActing(note: (text: string) => void): Promise<void> {
  const scope = ['-n', NAMESPACE];
  await remove('pingsources.sources.knative.dev', [...scope, '--all']);
  await remove('triggers.eventing.knative.dev', [...scope, 'decider', 'executor']);
  await remove('services.serving.knative.dev', [...scope, 'executor']);
  await endPods([...scope, '-l', 'serving.knative.dev/service=executor'], 60_000, note);
}

async function removePolicies(): Promise<string> {
  const policies = await list(POLICIES, ['-A']);
  await Promise.all(
    policies.map(({ metadata }) =>
      remove(POLICIES, ['-n', metadata.namespace ?? '', metadata.name]),
    ),
  );
  if (await waitGone(POLICIES, ['-A'], 30_000)) return `${policies.length}`;
  throw new Failure('a policy does not go', {
    why: 'a finalizer that is not ours holds it',
    remedy: 'kubectl get scalingpolicies -A -o yaml | grep -A2 finalizers',
  });
}

/** Functions get 30 s and more to end in good order; their work is over, so they get two. */
async function removeFunctions(note: (text: string) => void): Promise<void> {
  const scope = ['-n', NAMESPACE];
  for (const resource of [
    'cronjobs',
    'triggers.eventing.knative.dev',
    'sinkbindings.sources.knative.dev',
    'services.serving.knative.dev',
  ]) {
    await remove(resource, [...scope, '--all']);
  }
  // The Broker's controller takes its topic away meanwhile.
  await remove('brokers.eventing.knative.dev', [...scope, '--all']);
  await waitGone('services.serving.knative.dev', scope, GONE_TIMEOUT_MS);
  await endPods(scope, GONE_TIMEOUT_MS, note); // deleting the namespace waits for the rest
  await waitGone('brokers.eventing.knative.dev', scope, GONE_TIMEOUT_MS);
}

async function removeRights(): Promise<void> {
  for (const { metadata } of await list('rolebindings', ['-A', ...OURS])) {
    await remove('rolebinding', ['-n', metadata.namespace ?? '', metadata.name]);
  }
  await remove('clusterrolebindings', OURS);
  await remove('clusterroles', OURS);
}

async function removeNamespace(): Promise<string> {
  const found = await get('namespace', NAMESPACE);
  if (found === undefined) return 'was gone';
  if (found.metadata.labels?.[PART_OF] !== 'nimbusguard') return 'is not ours, kept';
  await kubectl(['delete', 'namespace', NAMESPACE, '--timeout=240s'], { timeoutMs: 250_000 });
  return '';
}

/** The dispatcher of a class Kafka Broker goes by itself, a moment after the last Trigger. */
async function dispatcherRests(): Promise<void> {
  const brokers = await list('brokers.eventing.knative.dev', ['-A']);
  const scope = ['-n', 'knative-eventing', '-l', 'app=kafka-broker-dispatcher'];
  if (brokers.length === 0) await waitGone('pods', scope, DISPATCHER_TIMEOUT_MS);
}

async function clean(): Promise<void> {
  const progress = createProgress();
  const cluster = await readContext();
  await refuseForeignContext(cluster, {
    what: 'Remove NimbusGuard from',
    command: 'make k8s-clean',
  });
  await endForwarder();
  progress.say(`context ${cluster.context} (${cluster.server})`);
  const record = await readRecord();
  if ((await get('crd', POLICIES)) !== undefined) {
    await progress.step('stop the beat and the executor', stopActing);
    await progress.step('put originals back', restore);
    await progress.step('remove policies', removePolicies);
  }
  await progress.step('remove functions, Triggers and Broker', removeFunctions);
  await progress.step('remove rights', removeRights);
  await progress.step(`remove namespace ${NAMESPACE}`, removeNamespace);
  await progress.step('remove the custom resource definition', async () => {
    await kubectl(['delete', 'crd', POLICIES, '--ignore-not-found', '--timeout=60s']);
  });
  await progress.step('rest the adapter of PingSources', () => restAdapter(record.adapter));
  await progress.step('wait for the Kafka dispatcher to rest', dispatcherRests);
  await removePrerequisites(record, progress);
  progress.say('clean', 'ok');
}

await main(clean);
