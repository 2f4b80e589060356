// `make k8s-dev`: from a kubectl context to a running chain, step by step; running it again continues.
import { chooseBroker, CONTEXT_HELP, refuseForeignContext } from './choices.ts';
import { readCluster, readContext, type Cluster } from './cluster.ts';
import { readCommandLine } from '../command-line.ts';
import { Failure, run, type Ran } from './command.ts';
import { forwardInBackground } from './background.ts';
import { buildImages, findLoader, imageNames } from './images.ts';
import { apply, type KubeObject } from './kubectl.ts';
import { clusterManifests, functionsOf, NAMESPACE, ROOT, type BrokerKind } from './manifests.ts';
import { modelStoreSecret } from './model-store.ts';
import { openAiKey } from './openai-key.ts';
import { noteRestingAdapter } from './ping-adapter.ts';
import { preflight, refuseOn } from './preflight.ts';
import { installMissing } from './prerequisites.ts';
import { createProgress, main, type Progress } from './progress.ts';
import { readRecord, writeRecord } from './record.ts';
import { awaitFirstLook, rollOut } from './rollout.ts';

const { flags } = readCommandLine({
  command: 'make k8s-dev, or node scripts/k8s/dev.ts',
  does: 'Checks the current kubectl context, installs what is missing, builds, applies, forwards. Running it again continues.',
  options: {
    'skip-install': 'install no prerequisites: what is missing is an error',
    'no-forward': 'do not forward ports at the end',
  },
  environment: {
    ...CONTEXT_HELP,
    BROKER: 'class of the Broker: kafka (unless said otherwise) or mt',
    IMAGE_LOAD_CMD: 'loads an image, its last argument or in place of {}, into the cluster',
    IMAGE_REGISTRY: 'registry that images are named after and pushed to',
    DOCKER: 'what builds images: docker unless said otherwise',
    OPENAI_API_KEY: 'lets the advisor ask a language model',
    MODEL_STORE_URL: 'redis://… or rediss://…; configmaps goes back',
    MODEL_STORE_PASSWORD: 'of that store',
    MODEL_STORE_CA_FILE: 'authority of that store',
  },
});

async function check(
  cluster: Cluster,
  manifests: readonly KubeObject[],
  broker: BrokerKind,
  progress: Progress,
): Promise<void> {
  const verdicts = await preflight(cluster, manifests, {
    broker,
    install: !flags.has('skip-install'),
  });
  for (const { text, mark } of verdicts) progress.say(text, mark);
  refuseOn(verdicts);
}

/** Bundles, images of what changed, and their way into the cluster. */
async function images(
  bundling: Promise<Ran>,
  functions: readonly string[],
  cluster: Cluster,
  progress: Progress,
): Promise<Map<string, string>> {
  const labels = new Set(cluster.nodes.flatMap((n) => Object.keys(n.metadata.labels ?? {})));
  const loader = findLoader(cluster.context, labels);
  await progress.step('bundle the functions', async () => {
    const ran = await bundling;
    if (ran.code === 0) return;
    throw new Failure('the build failed', {
      why: (ran.stderr || ran.stdout).trim(),
      remedy: 'Mend it and run the same command again.',
    });
  });
  const names = imageNames(functions);
  const record = await readRecord();
  const changed = [...names].filter(([name, image]) => record.images[name] !== image);
  await progress.step('build images', async () => {
    const built = await buildImages(new Map(changed));
    return built.length === 0 ? 'nothing changed' : built.join(', ');
  });
  if (changed.length > 0) {
    await progress.step(`load images by ${loader.how}`, async () => {
      await loader.load(changed.map(([, image]) => image));
      return `${changed.length}`;
    });
    await writeRecord({ ...(await readRecord()), images: Object.fromEntries(names) });
  }
  return names;
}

const NEXT = `
  make status                                  health of every part
  kubectl get scalingpolicies -A -w            what NimbusGuard does
  kn service list -n ${NAMESPACE}
  make forward                                 the ports again, until Ctrl-C
  make k8s-watch NAMESPACE=shop                let it watch a namespace of yours
  make k8s-clean                               restore what it changed, remove it
`;

async function dev(): Promise<void> {
  const started = performance.now();
  const progress = createProgress();
  await refuseForeignContext(await readContext(), {
    what: 'Install NimbusGuard on',
    command: 'make k8s-dev',
  });
  const bundling = run(process.execPath, [`${ROOT}scripts/build/main.ts`]); // beside the checks
  const cluster = await progress.step('look at the cluster', readCluster);
  const broker = chooseBroker();
  const manifests = clusterManifests(broker);
  await check(cluster, manifests, broker, progress);

  const namespace = manifests.filter(({ kind }) => kind === 'Namespace');
  await apply(namespace);
  const secrets = new Map([
    ['Secret openai', await openAiKey(progress)],
    ['Secret model-store', await modelStoreSecret(progress)],
  ]);
  if (!flags.has('skip-install')) await installMissing(cluster, broker, progress);
  const built = await images(bundling, functionsOf(manifests), cluster, progress);
  await noteRestingAdapter();
  await rollOut(manifests, built, secrets, progress);
  await awaitFirstLook(manifests, progress);
  const points = flags.has('no-forward') ? [] : await forwardInBackground(progress);
  const total = (performance.now() - started) / 1000;
  progress.say(`ready after ${total.toFixed(1)} s`, 'ok');
  progress.say('');
  for (const point of points) progress.say(`  ${point}`);
  progress.say(NEXT);
}

await main(dev);
