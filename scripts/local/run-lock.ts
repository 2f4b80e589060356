// One loop per state directory: held by the file lock of an open SQLite transaction, which the system
// gives back however the process ends.
import { mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeState, setAside, STATE_DIR, type RunState } from './run-state.ts';

/** A database that nobody refers to is closed by the garbage collection, and its lock with it. */
const held = new Set<DatabaseSync>();

const LOCK = 'lock.sqlite';

function tryLock(directory: string): { release(): void } | undefined {
  const db = new DatabaseSync(join(directory, LOCK));
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    held.add(db);
    return {
      release: () => {
        held.delete(db);
        db.close();
      },
    };
  } catch (error) {
    db.close();
    if (error instanceof Error && /locked/.test(error.message)) return undefined;
    throw error;
  }
}

/** Locks the directory until `release`, or the end of the process; undefined while another has it. */
export function lockState(directory: string): { release(): void } | undefined {
  mkdirSync(directory, { recursive: true });
  try {
    return tryLock(directory);
  } catch (error) {
    if (!(error instanceof Error) || !/not a database/.test(error.message)) throw error;
    setAside(join(directory, LOCK), 'lock');
    return tryLock(directory);
  }
}

/** Locks the state and returns that of the last run; throws, with what to do, beside another start. */
export function takeState(): RunState | undefined {
  const state = freeState(); // names a loop that runs
  if (lockState(STATE_DIR) !== undefined) return state;
  throw new Error('another `make local` of this checkout is just starting: wait for it');
}

/** One start at a time for each user of the machine. */
const TURN = join(tmpdir(), `nimbusguard-start-${userInfo().uid}`);
const TURN_MS = 20_000;

/**
 * Waits until no other loop of this user is just starting: between finding a free port and listening on it
 * another one, of another checkout, would find the same. Goes on without a turn after 20 s, or where there is
 * no place for the lock: then a taken port ends the start with its number.
 */
export async function takeTurn(directory = TURN): Promise<{ release(): void }> {
  const giveUpAt = performance.now() + TURN_MS;
  try {
    while (performance.now() < giveUpAt) {
      const turn = lockState(directory);
      if (turn !== undefined) return turn;
      await sleep(50);
    }
  } catch {
    // no place for the lock
  }
  return { release: () => undefined };
}
