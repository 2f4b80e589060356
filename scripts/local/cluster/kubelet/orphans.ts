// Processes of an earlier run that was killed: found by pid and start time, and ended.
import type { Database } from '../api/database.ts';
import { endAll, identityOf } from '../../processes.ts';

const PREFIX = 'process/';

/** Remembers the process of a pod on disk; undefined forgets it. */
export function rememberProcess(database: Database, podUid: string, pid: number | undefined): void {
  const identity = pid === undefined ? undefined : identityOf(pid);
  const value = identity === undefined ? undefined : JSON.stringify({ pid, identity });
  database.setFact(PREFIX + podUid, value);
}

/** Ends what is left of an earlier run; returns how many processes that were. */
export async function endOrphans(database: Database, graceMs: number): Promise<number> {
  const known = [...database.facts(PREFIX)].map(([uid, text]) => ({
    uid,
    ...(JSON.parse(text) as { pid: number; identity: string }),
  }));
  // Another process may have got the pid since: then the start time differs.
  const alive = known.filter(({ pid, identity }) => identityOf(pid) === identity);
  await endAll(
    alive.map(({ pid }) => pid),
    graceMs,
  );
  for (const { uid } of known) database.setFact(PREFIX + uid, undefined);
  return alive.length;
}
