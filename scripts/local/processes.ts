// Child processes of the local runtime: started with their log, known by pid and start time.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/**
 * A process outlives a supervisor that was killed with -9. This preload ends it then: once its
 * parent is another one, it gets SIGTERM, as any pod whose node goes away in good order. Our pid is
 * written into it: by the time that a process looks for itself, its parent may be gone already.
 */
const ORPHAN_GUARD = `data:text/javascript,setInterval(()=>{if(process.ppid!==${process.pid})process.kill(process.pid,'SIGTERM')},1000).unref()`;

/** V8 keeps a small function small: its young generation at 1 MiB, its old one without room to spare. */
const NODE_FLAGS = ['--optimize-for-size', '--import', ORPHAN_GUARD];
/** glibc: one heap for all threads, and what the compiler threads gave back goes to the system. */
const SMALL_HEAP = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };

export interface Launch {
  readonly script: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Variables of the user's shell that a child may see; all else comes from the YAML. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];

/** Starts `script` with this very Node. Its output goes straight to the log file, not through us. */
export function launch({ script, args = [], env, logFile }: Launch): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const inherited = Object.fromEntries(
    INHERITED.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
  ) as Record<string, string>;
  try {
    return spawn(process.execPath, [...NODE_FLAGS, script, ...args], {
      env: { ...SMALL_HEAP, ...inherited, ...env },
      stdio: ['ignore', log, log],
      detached: true, // Ctrl-C goes to a terminal's whole process group: the order of a stop is ours
    });
  } finally {
    closeSync(log);
  }
}

/** Copies a log that has grown over its limit to `<log>.1` and empties it; writers append on. */
export function rotate(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= LOG_LIMIT_BYTES) return;
  copyFileSync(logFile, `${logFile}.1`);
  truncateSync(logFile);
}

const LOG_END_BYTES = 16_384;

/** Where what is written next will begin. */
export const endOf = (logFile: string): number =>
  statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;

/** The last error in a log from `from` on: without the source before it and the stack behind it. */
export function lastError(logFile: string, from: number): string | undefined {
  try {
    const end = readFileSync(logFile).subarray(from).subarray(-LOG_END_BYTES).toString();
    return [...end.matchAll(/^\w*Error(?: \[\w+\])?: [^]*?(?=\n\s+at |$(?![^]))/gm)]
      .at(-1)?.[0]
      .trim();
  } catch {
    return undefined; // it wrote none
  }
}

/** Start time of a live process, or undefined. Tells a process from a later one of the same pid. */
export function identityOf(pid: number): string | undefined {
  try {
    // Field 22 of /proc/<pid>/stat, counted behind the name, which may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return process.platform === 'linux' ? undefined : startTimeByPs(pid);
  }
}

function startTimeByPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return line.trim() || undefined;
  } catch {
    return undefined; // ps exits 1 where there is no such process
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A busy machine may take its time to remove a process that was killed. */
const KILLED_MS = 5000;

/** Asks the processes to end, waits for them, and ends those that did not. */
export async function endAll(pids: readonly number[], graceMs: number): Promise<void> {
  const signal = (pid: number, name: NodeJS.Signals): void => {
    if (isAlive(pid)) process.kill(pid, name);
  };
  const untilGone = async (ms: number): Promise<void> => {
    const giveUpAt = performance.now() + ms;
    while (pids.some(isAlive) && performance.now() < giveUpAt) await sleep(25);
  };
  for (const pid of pids) signal(pid, 'SIGTERM');
  await untilGone(graceMs);
  for (const pid of pids) signal(pid, 'SIGKILL');
  await untilGone(KILLED_MS);
}

const tryPort = (port: number, host = '127.0.0.1'): Promise<number | undefined> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRINUSE' || host === '127.0.0.1' ? undefined : port),
    );
    probe.listen({ port, host, exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });

/** A port nobody uses right now. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error('no free port on 127.0.0.1');
  return port;
}

/**
 * `wanted`, or the next port above it that is free. Free on `::1` too, where there is one: `localhost`
 * means that first, and would lead to somebody else.
 */
export async function portFrom(wanted: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = wanted; port < wanted + 100; port += 1) {
    if (taken.has(port) || (await tryPort(port)) === undefined) continue;
    if ((await tryPort(port, '::1')) !== undefined) return port;
  }
  throw new Error(`no free port between ${wanted} and ${wanted + 99} on 127.0.0.1`);
}
