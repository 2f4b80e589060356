// The port forwarder as a process of its own that outlives `make k8s-dev`.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './command.ts';
import { ROOT } from './manifests.ts';
import type { Progress } from './progress.ts';

const STATE = join(ROOT, '.nimbusguard');
const PID_FILE = join(STATE, 'forward.json');
const LOG_FILE = join(STATE, 'forward.log');
const STOP_MS = 5_000;

interface Mark {
  readonly pid: number;
  /** Tells the process from a later one that got the same id. */
  readonly started: string;
}

const startTime = async (pid: number): Promise<string | undefined> => {
  const ran = await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return ran.code === 0 ? ran.stdout.trim() : undefined;
};

/** Notes this process as the forwarder. */
export async function claimForwarder(): Promise<void> {
  mkdirSync(STATE, { recursive: true });
  const mark: Mark = { pid: process.pid, started: (await startTime(process.pid)) ?? '' };
  writeFileSync(PID_FILE, JSON.stringify(mark));
}

function readMark(): Mark | undefined {
  try {
    return JSON.parse(readFileSync(PID_FILE, 'utf8')) as Mark;
  } catch {
    return undefined;
  }
}

/** Ends an earlier forwarder of ours, if one still runs. True if there was one. */
export async function endForwarder(): Promise<boolean> {
  const mark = readMark();
  if (mark === undefined || mark.pid === process.pid) return false;
  const alive = async (): Promise<boolean> => (await startTime(mark.pid)) === mark.started;
  const found = await alive();
  if (found) {
    process.kill(mark.pid, 'SIGTERM');
    for (let waited = 0; waited < STOP_MS && (await alive()); waited += 100) await sleep(100);
    if (await alive()) process.kill(mark.pid, 'SIGKILL');
  }
  rmSync(PID_FILE, { force: true });
  return found;
}

/**
 * Starts the forwarder detached and waits for its first words: the access points, a line each, on the
 * ports that were free. Empty where it did not start, which is said.
 */
export async function forwardInBackground(progress: Progress): Promise<readonly string[]> {
  let points: readonly string[] = [];
  await progress.step('forward ports', async () => {
    await endForwarder();
    const said = await firstWords();
    if (said === undefined) {
      progress.say(`the forwarder did not start: see ${LOG_FILE}, or type make forward`, 'warn');
      return '';
    }
    points = said.split('\n').filter((line) => line.startsWith('http://'));
    return points.flatMap((line) => /localhost(:\d+)/.exec(line)?.[1] ?? []).join(' ');
  });
  return points;
}

async function firstWords(): Promise<string | undefined> {
  mkdirSync(STATE, { recursive: true });
  writeFileSync(LOG_FILE, '');
  const log = openSync(LOG_FILE, 'a');
  const child = spawn(process.execPath, [join(ROOT, 'scripts/k8s/forward.ts')], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  for (let waited = 0; waited < 15_000 && child.exitCode === null; waited += 100) {
    await sleep(100);
    const said = readFileSync(LOG_FILE, 'utf8');
    if (said.includes('forwarding until')) return said;
  }
  return undefined;
}
