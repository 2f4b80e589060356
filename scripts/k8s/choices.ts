// What has to be chosen before a run: the broker's class, and whether this is the cluster that is meant.
import { createInterface } from 'node:readline/promises';
import type { Cluster } from './cluster.ts';
import { Failure } from './command.ts';
import type { BrokerKind } from './manifests.ts';

/** BROKER=kafka|mt; class Kafka unless it is said otherwise. */
export function chooseBroker(wish: string | undefined = process.env['BROKER']): BrokerKind {
  if (wish === 'kafka' || wish === 'mt') return wish;
  if (wish !== undefined && wish !== '') {
    throw new Failure(`BROKER=${wish} is not known`, {
      why: 'there are two: kafka (durable, ordered) and mt (Knative’s own, in memory)',
      remedy: 'BROKER=kafka make k8s-dev, or BROKER=mt make k8s-dev',
    });
  }
  return 'kafka';
}

const LOCAL_CONTEXT = /^(kind-|minikube|docker-desktop|k3d-|rancher-desktop|colima|orbstack)/;
const PRIVATE_HOST =
  /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[?::1|\[?f[cd]|[^.]+$|.*\.(local|internal)$)/;

/** True for clusters on this machine or in its private network, by context name or address. */
export function looksLocal({ context, server }: Pick<Cluster, 'context' | 'server'>): boolean {
  if (LOCAL_CONTEXT.test(context)) return true;
  const host = URL.canParse(server) ? new URL(server).hostname : server;
  return PRIVATE_HOST.test(host);
}

/** In the environment of every command that changes a cluster. */
export const CONTEXT_HELP = {
  CONTEXT: 'the context that is meant; confirms a cluster at a public address',
} as const;

/** A change of a cluster, and the command that makes it. */
export interface Intent {
  /** In words that a context's name may follow: `Install NimbusGuard on`. */
  readonly what: string;
  readonly command: string;
}

/** Refuses a context other than CONTEXT, and asks before a cluster at a public address is changed. */
export async function refuseForeignContext(
  cluster: Pick<Cluster, 'context' | 'server'>,
  { what, command }: Intent,
  wish: string | undefined = process.env['CONTEXT'],
): Promise<void> {
  const { context, server } = cluster;
  if (wish !== undefined && wish !== '' && wish !== context) {
    throw new Failure(`the current context is ${context}, not ${wish}`, {
      why: 'CONTEXT names the context that is meant',
      remedy: `kubectl config use-context ${wish}`,
    });
  }
  if (wish === context || looksLocal(cluster)) return;
  const question = `${what} ${context} (${server})? [y/N] `;
  if (process.stdin.isTTY && process.stdout.isTTY) {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await terminal.question(question);
    terminal.close();
    if (/^y(es)?$/i.test(answer.trim())) return;
  }
  throw new Failure(`${context} is a cluster at a public address`, {
    why: `${server} is neither this machine nor a private network, and nobody said yes`,
    remedy: `If it is the right one: CONTEXT=${context} ${command}`,
  });
}
