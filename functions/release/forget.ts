import type { Clock, Cluster, StoredDocuments } from '#shared/ports.ts';

/** A policy that is gone is observed no more; what is under way for it then is over by now. */
const QUIET_MS = 3_600_000;

interface Ports {
  readonly cluster: Pick<Cluster, 'policies'>;
  readonly documents: StoredDocuments;
  readonly clock: Clock;
}

/**
 * Drops what was learned for policies that are gone: its keys end in the UID of their policy, which never
 * comes again. Answers the keys.
 */
export async function forget({ cluster, documents, clock }: Ports): Promise<string[]> {
  const stored = await documents.list(); // before the policies: one made in between is among them
  const uids = (await cluster.policies()).map(({ uid }) => uid);
  const isQuiet = (savedAtMs: number): boolean => clock.nowMs() - savedAtMs > QUIET_MS;
  const forgotten = stored
    .filter(({ key, savedAtMs }) => isQuiet(savedAtMs) && !uids.some((uid) => key.includes(uid)))
    .map(({ key }) => key);
  for (const key of forgotten) await documents.remove(key);
  return forgotten;
}
