// Runs the programs that the cluster commands are made of (kubectl, docker, kind, minikube).
import { spawn } from 'node:child_process';

/** A step that cannot go on: what failed (the message), why, and what to type next. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly why: string;
  readonly remedy: string;

  constructor(what: string, options: { why: string; remedy: string }) {
    super(what);
    this.why = options.why;
    this.remedy = options.remedy;
  }
}

/** What the user's environment says under this key; empty is as good as nothing. */
export const environment = (key: string): string | undefined =>
  process.env[key]?.trim() || undefined;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** The program is ended after this time, and its code is 124. */
  readonly timeoutMs?: number;
}

const NOT_FOUND: Readonly<Record<string, string>> = {
  kubectl: 'Install kubectl: https://kubernetes.io/docs/tasks/tools/',
  docker: 'Install Docker, or set DOCKER=podman.',
  kind: 'Install kind, or set IMAGE_LOAD_CMD to a command that loads images into the cluster.',
  minikube: 'Install minikube, or set IMAGE_LOAD_CMD to a command that loads images.',
};

/** Runs a program to its end. Rejects with a Failure only when it is not installed. */
export function run(program: string, args: readonly string[], options: RunOptions = {}) {
  return new Promise<Ran>((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 120_000);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined); // the program may end without reading its input
    child.once('error', (error) => {
      clearTimeout(timer);
      const remedy = NOT_FOUND[program] ?? `Install ${program}.`;
      reject(new Failure(`cannot run ${program}`, { why: error.message, remedy }));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(out).toString();
      const stderr = Buffer.concat(err).toString();
      resolve({ code: timedOut ? 124 : (code ?? 1), stdout, stderr });
    });
    child.stdin.end(options.input ?? '');
  });
}

/** The last lines of a program's complaint: enough to say why. */
export const complaint = (ran: Ran): string =>
  (ran.stderr.trim() || ran.stdout.trim() || `exit code ${ran.code}`)
    .split('\n')
    .slice(-6)
    .join('\n');
