import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NimbusError } from '#shared/errors.ts';

const refuse = (name: string, message: string, cause?: unknown): NimbusError =>
  new NimbusError('input.invalid', `trace: ${message}`, {
    cause,
    fields: [{ path: 'trace', message, value: JSON.stringify(name.slice(0, 80)) }],
  });

/** Reads traces by name from one directory; a name is a plain file name and leads nowhere else. */
export function tracesIn(directory: string | undefined): (name: string) => Promise<string> {
  return async (name) => {
    if (!/^[\w-][\w.-]{0,99}\.csv$/.test(name)) {
      throw refuse(name, 'must be a CSV with header t_s,rps, or the name of a .csv file');
    }
    if (directory === undefined) throw refuse(name, 'no trace directory is configured (TRACE_DIR)');
    return readFile(join(directory, name), 'utf8').catch((cause: unknown) => {
      throw refuse(name, 'there is no such file in the trace directory', cause);
    });
  };
}
