import { writeSync } from 'node:fs';
import pino, { type DestinationStream, type Logger } from 'pino';

const STDOUT = 1;
const BUSY_TRIES = 10;
const BUSY_WAIT_MS = 10;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes each line at once. One that cannot be written is lost, and not the process: pino's own destination
 * ends it where a disk is full, or waits for room before it lets anything else go on.
 */
const stdout: DestinationStream = {
  write(line) {
    let left: Uint8Array = Buffer.from(line);
    for (let busy = 0; left.length > 0 && busy < BUSY_TRIES;) {
      try {
        left = left.subarray(writeSync(STDOUT, left));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
        busy += 1; // a pipe whose reader is behind
        Atomics.wait(never, 0, 0, BUSY_WAIT_MS);
      }
    }
  },
};

/** JSON lines on stdout: level as a word, time as RFC 3339, `trace_id` where an event was handled. */
export function createLogger(options: { name: string; level: string }): Logger {
  return pino(
    {
      level: options.level,
      base: { function: options.name },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stdout,
  );
}

/** For tests and tools that create an app without a process of its own. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
