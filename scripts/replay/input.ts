import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'a file is needed, this is a directory',
  EACCES: 'not allowed to read it',
};

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = REASONS[code];
    if (reason === undefined) throw error;
    throw new NimbusError('input.invalid', `${path || '""'}: ${reason}`, { cause: error });
  }
}

/** Text of a file, gzip or not (told by its first bytes, not by its name). */
export function readText(path: string): string {
  const bytes = bytesOf(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes).toString('utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new NimbusError('input.invalid', `${path}: damaged gzip data (${why})`, {
      cause: error,
    });
  }
}
