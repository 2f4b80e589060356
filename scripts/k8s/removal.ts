// Takes away the prerequisites that `make k8s-dev` had installed, unless somebody else uses them by now:
// with its definitions Knative would take along every Service and every Broker of the cluster.
import { Failure } from './command.ts';
import { describe, kubectl, list, type KubeObject } from './kubectl.ts';
import type { Progress } from './progress.ts';
import type { InstallRecord } from './record.ts';

const SERVING = ['services.serving.knative.dev', 'domainmappings.serving.knative.dev'];
const EVENTING = [
  ...['brokers.eventing.knative.dev', 'triggers.eventing.knative.dev'],
  ...['channels', 'inmemorychannels', 'subscriptions'].map(
    (kind) => `${kind}.messaging.knative.dev`,
  ),
  ...['pingsources', 'sinkbindings', 'apiserversources', 'containersources', 'kafkasources'].map(
    (kind) => `${kind}.sources.knative.dev`,
  ),
];
const OF_SERVING = ['Knative Serving', 'Kourier (ingress)'];

/** What uses the parts that others may use, as it stands on the cluster once nothing of ours is there. */
export interface Users {
  readonly serving: readonly KubeObject[];
  readonly eventing: readonly KubeObject[];
}

async function readUsers(): Promise<Users> {
  const all = (kinds: readonly string[]) => Promise.all(kinds.map((kind) => list(kind, ['-A'])));
  const [serving, eventing] = await Promise.all([all(SERVING), all(EVENTING)]);
  return { serving: serving.flat(), eventing: eventing.flat() };
}

/** Who uses a part, in words; undefined where nobody does. */
export function usersOf(part: string, { serving, eventing }: Users): string | undefined {
  const [first, ...others] = OF_SERVING.includes(part) ? serving : eventing;
  if (first === undefined) return undefined;
  return others.length === 0 ? describe(first) : `${describe(first)} and ${others.length} more`;
}

const command = (files: readonly string[]): string =>
  files.map((file) => `kubectl delete -f ${file} --ignore-not-found`).join('\n');

/** `later` are files that were to go afterwards: who is left alone with a failure is told those too. */
async function remove(files: readonly string[], later: readonly string[]): Promise<void> {
  for (const [index, file] of files.entries()) {
    try {
      await kubectl(['delete', '-f', file, '--ignore-not-found', '--timeout=240s'], {
        timeoutMs: 300_000,
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const remedy = command([...files.slice(index), ...later]);
      // what was installed is not known any more: the record of it went with our namespace
      throw new Failure(error.message, { why: error.why, remedy });
    }
  }
}

/** The newest goes first. */
export async function removePrerequisites(
  { prerequisites }: InstallRecord,
  progress: Progress,
): Promise<void> {
  if (prerequisites.length === 0) return;
  const users = await readUsers();
  const parts = prerequisites.toReversed().map(({ name, files }) => ({
    name,
    files: files.toReversed(),
    users: usersOf(name, users),
  }));
  for (const { name, files, users: others } of parts) {
    if (others === undefined) continue;
    progress.say(
      `${name} stays, as ${others} uses it; to remove it all the same:\n${command(files)}`,
      'warn',
    );
  }
  const free = parts.filter((part) => part.users === undefined);
  for (const [index, { name, files }] of free.entries()) {
    const rest = free.slice(index + 1).flatMap((part) => part.files);
    await progress.step(`remove ${name}, which make k8s-dev had installed`, () =>
      remove(files, rest),
    );
  }
}
