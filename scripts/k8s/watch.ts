// `make k8s-watch NAMESPACE=shop`: lets NimbusGuard watch and act in one namespace of the user's.
// What it gives is two RoleBindings in that namespace: the observer may read targets and their pods,
// the executor, and the CronJob that releases expired floors, may write the one field of each. `--remove` takes them away again.
import { CONTEXT_HELP, refuseForeignContext } from './choices.ts';
import { readContext } from './cluster.ts';
import { readCommandLine } from '../command-line.ts';
import { Failure } from './command.ts';
import { apply, get, kubectl, list, type KubeObject } from './kubectl.ts';
import { NAMESPACE, PART_OF } from './manifests.ts';
import { holders } from './policies.ts';
import { createProgress, main } from './progress.ts';

const { flags, argument } = readCommandLine({
  command: 'make k8s-watch NAMESPACE=shop, or node scripts/k8s/watch.ts shop',
  does: 'Lets NimbusGuard watch and act in one namespace of yours: two RoleBindings.',
  argument: { name: 'NAMESPACE', help: 'an existing namespace' },
  options: { remove: 'take the rights back' },
  environment: CONTEXT_HELP,
});

const GRANTS = [
  { role: 'nimbusguard-observe', accounts: ['observer'] },
  { role: 'nimbusguard-act', accounts: ['executor', 'release'] },
] as const;

const binding = (namespace: string, { role, accounts }: (typeof GRANTS)[number]): KubeObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: role, namespace, labels: { [PART_OF]: 'nimbusguard' } },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: accounts.map((name) => ({ kind: 'ServiceAccount', name, namespace: NAMESPACE })),
});

async function checked(namespace: string | undefined): Promise<string> {
  if (namespace === undefined || namespace === '') {
    throw new Failure('no namespace was named', {
      why: 'NAMESPACE is empty',
      remedy: 'make k8s-watch NAMESPACE=shop',
    });
  }
  if ((await get('namespace', namespace)) === undefined) {
    throw new Failure(`namespace ${namespace} does not exist`, {
      why: 'only an existing namespace can be watched',
      remedy: `kubectl create namespace ${namespace}, or look at kubectl get ns`,
    });
  }
  if ((await get('clusterrole', GRANTS[0].role)) === undefined) {
    throw new Failure('NimbusGuard is not installed on this cluster', {
      why: `the ClusterRole ${GRANTS[0].role} is missing`,
      remedy: 'make k8s-dev',
    });
  }
  return namespace;
}

async function unwatch(namespace: string): Promise<void> {
  const held = holders(await list('scalingpolicies.nimbusguard.io', ['-n', namespace]));
  if (held.length > 0) {
    throw new Failure(`NimbusGuard still holds floors or replicas in ${namespace}`, {
      why: held.map((name) => `policy ${name}`).join(', '),
      remedy: `Let it put the originals back first: kubectl delete scalingpolicies -n ${namespace} --all`,
    });
  }
  for (const { role } of GRANTS) {
    await kubectl(['delete', 'rolebinding', role, '-n', namespace, '--ignore-not-found']);
  }
}

async function watch(): Promise<void> {
  const progress = createProgress();
  const command = flags.has('remove')
    ? `node scripts/k8s/watch.ts ${argument ?? ''} --remove`
    : `make k8s-watch NAMESPACE=${argument ?? ''}`;
  const what = 'Change what NimbusGuard may do on';
  await refuseForeignContext(await readContext(), { what, command });
  const namespace = await checked(argument);
  if (flags.has('remove')) {
    await progress.step(`stop watching ${namespace}`, () => unwatch(namespace));
    return;
  }
  await progress.step(`watch ${namespace}`, async () => {
    await apply(GRANTS.map((grant) => binding(namespace, grant)));
  });
  progress.say(`
  Next: a policy beside your workload. knative/examples/ has one for each kind of target:
    kubectl apply -n ${namespace} -f scalingpolicy.yaml
    kubectl get scalingpolicies -n ${namespace} -w
  Take the rights back: npx node scripts/k8s/watch.ts ${namespace} --remove
`);
}

await main(watch);
