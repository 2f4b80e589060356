// Steps with times on the terminal; the same lines without one.
import { Failure } from './command.ts';

export interface Progress {
  /** Runs one step and prints its verdict with the time it took. `note` shows what it waits for. */
  step<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T>;
  /** A line of its own: `ok`, `warn` or plain. */
  say(text: string, mark?: 'ok' | 'warn' | 'fail' | 'plain'): void;
}

const MARKS = { ok: '✓', warn: '!', fail: '✗', plain: ' ' } as const;
const NOTE_EVERY_MS = 10_000;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export interface Terminal {
  readonly write: (text: string) => void;
  readonly isTTY: boolean;
  readonly nowMs: () => number;
}

const standardOutput: Terminal = {
  write: (text) => void process.stdout.write(text),
  isTTY: process.stdout.isTTY,
  nowMs: () => performance.now(),
};

/** Shows progress: on a terminal the running step with its note, elsewhere a line now and then. */
export function createProgress(terminal: Terminal = standardOutput): Progress {
  const line = (mark: keyof typeof MARKS, text: string) =>
    terminal.write(
      `${terminal.isTTY ? '\r\u001b[K' : ''}${MARKS[mark] === ' ' ? '' : `${MARKS[mark]} `}${text}\n`,
    );
  return {
    say: (text, mark = 'plain') => line(mark, text),
    async step(title, work) {
      const start = terminal.nowMs();
      let noted = '';
      let notedAt = start;
      const note = (text: string): void => {
        if (terminal.isTTY) terminal.write(`\r\u001b[K… ${title}: ${text}`.slice(0, 200));
        else if (text !== noted && terminal.nowMs() - notedAt >= NOTE_EVERY_MS) {
          terminal.write(`… ${title}: ${text}\n`);
          notedAt = terminal.nowMs();
        }
        noted = text;
      };
      if (terminal.isTTY) terminal.write(`… ${title}`);
      try {
        const result = await work(note);
        const told = typeof result === 'string' && result !== '' ? `: ${result}` : '';
        line('ok', `${title}${told} (${seconds(terminal.nowMs() - start)})`);
        return result;
      } catch (error) {
        line('fail', `${title} (${seconds(terminal.nowMs() - start)})`);
        throw error;
      }
    },
  };
}

/** What is printed for an error: what failed, why, how to go on. */
export function explain(error: unknown): string {
  if (!(error instanceof Failure)) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const indented = (text: string): string => text.split('\n').join('\n       ');
  return [
    `what:  ${indented(error.message)}`,
    `why:   ${indented(error.why)}`,
    `next:  ${indented(error.remedy)}`,
  ].join('\n');
}

/** Runs a command's main function; a failure is explained and ends the process with 1. */
export async function main(work: () => Promise<void>): Promise<void> {
  process.stdout.on('error', () => undefined); // a reader such as `head` may leave before the end
  try {
    await work();
  } catch (error) {
    process.stderr.write(`\n${explain(error)}\n`);
    process.exitCode = 1;
  }
}
