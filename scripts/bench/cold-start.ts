// Cold start of a function that rests at zero, beside a bare HTTP server in the same node image: event in
// → reply out through the cluster's ingress, images present. Both are asked once they have no pod left, in
// turn, and the medians are compared.
// The function is the advisor, the one that rests; images are those of `make k8s-dev`.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeEvent } from '#shared/runtime/envelope.ts';
import { aDecisionEvent } from '#shared/testing/decisions.ts';
import { integerOf, readCommandLine } from '../command-line.ts';
import { findWay } from '../k8s/tunnel.ts';
import { throughIngress } from '../k8s/gateway.ts';
import { apply, get, kubectl, list, type KubeObject } from '../k8s/kubectl.ts';
import { NAMESPACE } from '../k8s/manifests.ts';
import { waitReady } from '../k8s/wait.ts';

const BAR = 1.5;
const settings = readCommandLine(
  {
    command: 'node scripts/bench/cold-start.ts',
    does: `On the cluster of make k8s-dev: a function at zero beside a bare HTTP server in the same image. Exit code 1 when it takes more than ${BAR} × as long.`,
    options: {
      rounds: { value: 'N', help: 'cold starts of each (10)' },
      namespace: { value: 'NAME', help: 'made for it, and removed (cold-start)' },
    },
  },
  (given) => ({
    rounds: integerOf(given, 'rounds', 10, [1, 1000]),
    namespace: given.values.namespace ?? 'cold-start',
  }),
);
const REST_TIMEOUT_MS = 180_000;
const BARE =
  "require('node:http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT)";

interface Revision {
  readonly spec: { readonly containers: readonly Record<string, unknown>[] };
}

/** The container that runs now, with nothing changed but what it executes. */
async function container(): Promise<Record<string, unknown>> {
  const service = await get('services.serving.knative.dev', 'advisor', NAMESPACE);
  const template = service?.spec?.['template'] as Revision | undefined;
  const [found] = template?.spec.containers ?? [];
  if (found === undefined) throw new Error('the advisor is not installed: make k8s-dev');
  return { ...found, env: [] };
}

const service = (name: string, own: Record<string, unknown>): KubeObject => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: {
    name,
    namespace: settings.namespace,
    labels: { 'networking.knative.dev/visibility': 'cluster-local' },
  },
  spec: {
    template: {
      metadata: { annotations: { 'autoscaling.knative.dev/window': '6s' } },
      spec: { containerConcurrency: 0, containers: [{ ...own, name }] },
    },
  },
});

/** Waits until a Service has no pod that is not going already. */
async function atRest(name: string): Promise<void> {
  const deadline = performance.now() + REST_TIMEOUT_MS;
  for (;;) {
    const pods = await list('pods', [
      '-n',
      settings.namespace,
      '-l',
      `serving.knative.dev/service=${name}`,
    ]);
    if (pods.every(({ metadata }) => metadata.deletionTimestamp !== undefined)) break;
    if (performance.now() > deadline) throw new Error(`${name} does not go to zero`);
    await sleep(1000);
  }
  await sleep(2000); // the activator has taken over
}

const event = aDecisionEvent();
const { headers, body } = encodeEvent(event);

/** Milliseconds from sending the event to the whole answer. */
function ask(address: { host: string; port: number }, host: string): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...address, method: 'POST', headers: { ...headers, host } },
      (answer) => {
        answer.resume();
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve(performance.now() - startedMs);
          else reject(new Error(`${host} answered ${answer.statusCode}`));
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const own = await container();
const names = ['bare', 'function'] as const;
await kubectl(['create', 'namespace', settings.namespace]);
try {
  const bare = { ...own, command: ['/usr/local/bin/node'], args: ['-e', BARE] };
  const probe = { httpGet: { path: '/' } };
  await apply([
    service('bare', { ...bare, readinessProbe: probe, livenessProbe: probe }),
    service('function', own),
  ]);
  const wanted = { resource: 'services.serving.knative.dev', namespace: settings.namespace, names };
  await waitReady(wanted, 120_000, () => undefined);
  const way = await findWay(await throughIngress('advisor'), () => undefined);
  const address = await way.address(5000);
  const tookMs = { bare: [] as number[], function: [] as number[] };
  for (let round = 0; round < settings.rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      await atRest(name);
      const host = `${name}.${settings.namespace}.svc.cluster.local`;
      tookMs[name].push(await ask(address, host));
    }
    console.log(
      `round ${round + 1}: ${names.map((name) => `${name} ${tookMs[name].at(-1)?.toFixed(0)} ms`).join(', ')}`,
    );
  }
  way.close();
  const [bareMs, functionMs] = [median(tookMs.bare), median(tookMs.function)];
  const ratio = functionMs / bareMs;
  console.log(
    `median of ${settings.rounds}: bare ${bareMs.toFixed(0)} ms, function ${functionMs.toFixed(0)} ms: ${ratio.toFixed(2)} × (bar ${BAR})`,
  );
  process.exitCode = ratio <= BAR ? 0 : 1;
} finally {
  await kubectl(['delete', 'namespace', settings.namespace, '--wait=false']);
}
process.exit();
