// Applies the manifests in an order in which nothing is lost: whoever listens comes before what speaks.
import { run } from './command.ts';
import { apply, type KubeObject } from './kubectl.ts';
import { configVersions, NAMESPACE, render } from './manifests.ts';
import { awaitAdapter } from './ping-adapter.ts';
import type { Progress } from './progress.ts';
import { waitReady, type Wanted } from './wait.ts';

const READY_TIMEOUT_MS = 240_000;
const FIRST_BEAT_TIMEOUT_MS = 90_000;

interface Phase {
  readonly title: string;
  takes(object: KubeObject, bound: ReadonlySet<string>): boolean;
  /** What to wait for; kinds that are ready once they are stored have none. */
  readonly resource?: string;
  readonly condition?: string;
  /** Which of its objects are waited for; all unless given. */
  awaits?(object: KubeObject): boolean;
  /** Resolves when what it wakes runs as well. */
  running?(timeoutMs: number): Promise<void>;
}

const ofKinds =
  (...kinds: string[]) =>
  ({ kind }: KubeObject): boolean =>
    kinds.includes(kind);

const KSVC = 'services.serving.knative.dev';
const BROKER = 'brokers.eventing.knative.dev';

/**
 * A Broker is ready only when its dead letter sink has an address: Services come before it. Those
 * that a SinkBinding gives the Broker's address come after: each gets one revision and not two.
 * Triggers before the beat: a Trigger sees only what comes after it is ready.
 */
const PHASES: readonly Phase[] = [
  {
    title: 'custom resource definition',
    takes: ofKinds('CustomResourceDefinition'),
    resource: 'customresourcedefinitions',
    condition: 'Established',
  },
  {
    title: 'accounts, rights, settings and policies',
    takes: ofKinds(
      ...['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
      ...['ConfigMap', 'CronJob', 'ScalingPolicy'],
    ),
  },
  {
    title: 'functions that need no Broker',
    takes: ({ kind, metadata }, bound) => kind === 'Service' && !bound.has(metadata.name),
  },
  {
    title: 'Broker and sink bindings',
    takes: ofKinds('Broker', 'SinkBinding'),
    resource: BROKER,
    awaits: ofKinds('Broker'),
  },
  { title: 'functions', takes: ofKinds('Service'), resource: KSVC },
  { title: 'Triggers', takes: ofKinds('Trigger'), resource: 'triggers.eventing.knative.dev' },
  {
    title: 'beat',
    takes: ofKinds('PingSource'),
    resource: 'pingsources.sources.knative.dev',
    running: awaitAdapter,
  },
];

/** Services whose environment a SinkBinding completes. */
const boundServices = (objects: readonly KubeObject[]): Set<string> =>
  new Set(
    objects
      .filter(({ kind }) => kind === 'SinkBinding')
      .map(({ spec }) => (spec as { subject: { name: string } }).subject.name),
  );

function wantedOf(phase: Phase, objects: readonly KubeObject[]): Wanted | undefined {
  if (phase.resource === undefined) return undefined;
  return {
    resource: phase.resource,
    namespace: NAMESPACE,
    names: objects
      .filter((object) => phase.awaits?.(object) ?? true)
      .map(({ metadata }) => metadata.name),
    ...(phase.condition === undefined ? {} : { condition: phase.condition }),
  };
}

/** A Broker's class cannot be changed: an earlier one of another class is replaced, and said so. */
async function replaceOtherBroker(broker: KubeObject, progress: Progress): Promise<void> {
  const key = 'eventing.knative.dev/broker.class';
  const { name } = broker.metadata;
  const path = `{.metadata.annotations.${key.replaceAll('.', '\\.')}}`;
  const args = ['get', 'broker', name, '-n', NAMESPACE, '-o', `jsonpath=${path}`];
  const ran = await run('kubectl', args);
  const wanted = broker.metadata.annotations?.[key];
  if (ran.code !== 0 || ran.stdout === wanted) return;
  progress.say(`the Broker is of class ${ran.stdout}: replaced by one of class ${wanted}`, 'warn');
  await run('kubectl', ['delete', 'broker', name, '-n', NAMESPACE, '--timeout=90s']);
}

/** Waits until the demo's policies were looked at: then the whole chain runs. */
export async function awaitFirstLook(
  manifests: readonly KubeObject[],
  progress: Progress,
): Promise<void> {
  const policies = manifests.filter(({ kind }) => kind === 'ScalingPolicy');
  const wanted = {
    resource: 'scalingpolicies.nimbusguard.io',
    namespace: NAMESPACE,
    names: policies.map(({ metadata }) => metadata.name),
  };
  await progress.step('first beat', (note) => waitReady(wanted, FIRST_BEAT_TIMEOUT_MS, note));
}

/** Applies everything and waits until every part says that it is ready. */
export async function rollOut(
  manifests: readonly KubeObject[],
  images: ReadonlyMap<string, string>,
  secrets: ReadonlyMap<string, string>,
  progress: Progress,
): Promise<void> {
  const versions = new Map([...configVersions(manifests), ...secrets]);
  const rendered = render(manifests, images, versions);
  const bound = boundServices(rendered);
  const strange = rendered.filter(
    (object) => object.kind !== 'Namespace' && !PHASES.some((phase) => phase.takes(object, bound)),
  );
  for (const { kind, metadata } of strange) {
    progress.say(`not applied: ${kind} ${metadata.name}`, 'warn');
  }
  for (const phase of PHASES) {
    const objects = rendered.filter((object) => phase.takes(object, bound));
    if (objects.length === 0) continue;
    await progress.step(phase.title, async (note) => {
      const [broker] = objects.filter(({ kind }) => kind === 'Broker');
      if (broker !== undefined) await replaceOtherBroker(broker, progress);
      const changed = await apply(objects);
      const wanted = wantedOf(phase, objects);
      if (wanted !== undefined) await waitReady(wanted, READY_TIMEOUT_MS, note);
      await phase.running?.(READY_TIMEOUT_MS);
      return changed.length === 0 ? 'unchanged' : `${changed.length} changed`;
    });
  }
}
