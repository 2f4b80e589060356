// What a run of the local loop left on this machine: `.nimbusguard/run.json`.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { endAll, identityOf } from './processes.ts';

/** `NIMBUSGUARD_STATE_DIR` keeps a second loop apart, as the tests do. */
export const STATE_DIR = resolve(
  process.env['NIMBUSGUARD_STATE_DIR'] ??
    fileURLToPath(new URL('../../.nimbusguard', import.meta.url)),
);

const RunState = z.object({
  supervisor: z.object({ pid: z.int(), identity: z.string() }),
  startedAtMs: z.number(),
  /** Name → where it listens. */
  urls: z.record(z.string(), z.string()),
  children: z.array(z.object({ name: z.string(), pid: z.int(), identity: z.string() })),
});
export type RunState = z.infer<typeof RunState>;

const file = join(STATE_DIR, 'run.json');

/** Keeps what could not be read under another name, and says so. */
export function setAside(path: string, what: string): void {
  const aside = `${path}.unreadable`;
  renameSync(path, aside);
  console.error(`The ${what} could not be read; it was set aside as ${aside}.`);
}

/** The last run's state; undefined where there is none, or where it cannot be read (then it is set aside). */
export function readRunState(): RunState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return RunState.parse(JSON.parse(text));
  } catch {
    setAside(file, 'run state');
    return undefined;
  }
}

/** Written whole and renamed into place, so a reader never sees half of it. */
export function writeRunState(state: RunState): void {
  mkdirSync(STATE_DIR, { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state, null, 2));
  renameSync(draft, file);
}

export function removeRunState(): void {
  rmSync(file, { force: true });
}

/** The supervisor of that run, when it is still the same live process. */
export function liveSupervisor(state: RunState | undefined): number | undefined {
  if (state === undefined) return undefined;
  const { pid, identity } = state.supervisor;
  return identityOf(pid) === identity ? pid : undefined;
}

/** State of the last run; throws, with what to do, while that run is alive. */
export function freeState(): RunState | undefined {
  const state = readRunState();
  const running = liveSupervisor(state);
  if (running === undefined) return state;
  throw new Error(
    `a local loop of this checkout is already running (pid ${running}, console ${state?.urls['operator'] ?? ''}).\nStop it with Ctrl-C there, or with \`make clean\`, which also removes its state.`,
  );
}

/** What is not done by then is done again from the log: the next run must not wait for it. */
const LEFTOVER_GRACE_MS = 300;

/** Ends processes that an earlier, killed run left behind. Returns their names. */
export async function endLeftovers(state: RunState | undefined): Promise<string[]> {
  const left = (state?.children ?? []).filter(({ pid, identity }) => identityOf(pid) === identity);
  await endAll(
    left.map(({ pid }) => pid),
    LEFTOVER_GRACE_MS,
  );
  return left.map(({ name }) => name);
}
