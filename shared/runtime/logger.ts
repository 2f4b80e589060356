import pino, { type Logger } from 'pino';

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
    pino.destination({ dest: 1, sync: true }),
  );
}

/** For tests and tools that create an app without a process of its own. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
