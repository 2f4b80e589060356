// kubectl, typed: the cluster commands use the user's own client, context and rights.
import { complaint, Failure, run, type RunOptions } from './command.ts';

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    deletionTimestamp?: string;
    creationTimestamp?: string;
    ownerReferences?: { kind: string; name: string }[];
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  data?: Record<string, string>;
  [field: string]: unknown;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

const REMEDIES: readonly [pattern: RegExp, remedy: string][] = [
  [
    /current-context is not set|no configuration has been provided|connection refused.*localhost:8080/i,
    'No cluster is chosen: kubectl config get-contexts, then kubectl config use-context NAME.',
  ],
  [
    /connection refused|was refused|no route to host|i\/o timeout|deadline exceeded|no such host/i,
    'The cluster does not answer: check with kubectl cluster-info that it runs and the context is right.',
  ],
  [/forbidden|unauthorized/i, 'Ask an administrator of the cluster for the rights named above.'],
  [
    /x509|certificate/i,
    'The certificate does not fit the address: check the context’s kubeconfig.',
  ],
];

export const remedyFor = (text: string): string =>
  REMEDIES.find(([pattern]) => pattern.test(text))?.[1] ??
  'Mend what is named above and run the same command again: it continues.';

/** Runs kubectl and gives its output. Throws a Failure that says why and what to do. */
export async function kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const ran = await run('kubectl', args, options);
  if (ran.code === 0) return ran.stdout;
  const why = ran.code === 124 ? 'it took too long' : complaint(ran);
  throw new Failure(`kubectl ${args.slice(0, 4).join(' ')} failed`, {
    why,
    remedy: remedyFor(why),
  });
}

const ABSENT = /NotFound|not found|doesn't have a resource type|could not find the requested/;

/** One object, or undefined where it, or its whole kind, does not exist. */
export async function get(
  kind: string,
  name: string,
  namespace?: string,
): Promise<KubeObject | undefined> {
  const scope = namespace === undefined ? [] : ['-n', namespace];
  const args = ['get', kind, name, ...scope, '-o', 'json'];
  const ran = await run('kubectl', args, { timeoutMs: 30_000 });
  if (ran.code === 0) return JSON.parse(ran.stdout) as KubeObject;
  if (ABSENT.test(ran.stderr)) return undefined;
  const why = complaint(ran);
  throw new Failure(`cannot read ${kind} ${name}`, { why, remedy: remedyFor(why) });
}

/** All objects of a kind; empty where the kind does not exist. `scope`: `-A`, `-n …`, `-l …`. */
export async function list(kind: string, scope: readonly string[]): Promise<KubeObject[]> {
  const args = ['get', kind, ...scope, '-o', 'json'];
  const ran = await run('kubectl', args, { timeoutMs: 30_000 });
  if (ran.code === 0) return (JSON.parse(ran.stdout) as { items: KubeObject[] }).items;
  if (ABSENT.test(ran.stderr)) return [];
  const why = complaint(ran);
  throw new Failure(`cannot list ${kind}`, { why, remedy: remedyFor(why) });
}

const itemsOf = (text: string): KubeObject[] => {
  if (text.trim() === '') return [];
  const read = JSON.parse(text) as KubeObject & { items?: KubeObject[] };
  return read.items ?? [read];
};

/** What tells two states of an object apart: its generation, or its version where it has none. */
const stateOf = ({ metadata }: KubeObject): string => {
  const { uid, generation, resourceVersion } = metadata;
  return `${uid ?? ''} ${generation ?? resourceVersion ?? ''}`;
};

/** Names of the objects that are new or other than before. */
export function changedObjects(
  before: readonly KubeObject[],
  after: readonly KubeObject[],
): string[] {
  const known = new Set(before.map(stateOf));
  return after.filter((object) => !known.has(stateOf(object))).map(describe);
}

/**
 * Applies objects in the order given; unchanged ones stay untouched. Names of changed ones: compared, as
 * kubectl says `configured` wherever a webhook has filled in defaults.
 */
export async function apply(objects: readonly KubeObject[]): Promise<string[]> {
  if (objects.length === 0) return [];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const json = ['-f', '-', '-o', 'json'];
  const before = await run('kubectl', ['get', ...json, '--ignore-not-found'], { input });
  const after = await kubectl(['apply', ...json], { input });
  return changedObjects(before.code === 0 ? itemsOf(before.stdout) : [], itemsOf(after));
}

export const conditionOf = (object: KubeObject, type: string): Condition | undefined =>
  (object.status?.['conditions'] as Condition[] | undefined)?.find((each) => each.type === type);

/** True once the controller has looked at the present spec and found it good. */
export function isReady(object: KubeObject, type = 'Ready'): boolean {
  const seen = object.status?.['observedGeneration'];
  const wanted = object.metadata.generation;
  if (typeof seen === 'number' && wanted !== undefined && seen < wanted) return false;
  return conditionOf(object, type)?.status === 'True';
}

export const describe = (object: KubeObject): string =>
  `${object.kind} ${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name}`;
