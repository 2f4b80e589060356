// One loop per state directory: held by the file lock of an open SQLite transaction, which the system
// gives back however the process ends.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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
