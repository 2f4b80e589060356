import { once } from 'node:events';
import {
  accessSync,
  constants,
  createReadStream,
  mkdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';
import { NimbusError, messageOf } from '#shared/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'a file is needed, this is a directory',
  EACCES: 'not allowed to read it',
  ERR_FS_FILE_TOO_LARGE: 'more than 2 GiB at once cannot be read',
  ERR_STRING_TOO_LONG: 'more than 512 MiB of text cannot be read',
  ERR_BUFFER_TOO_LARGE: 'more text than can be read',
};

/** What a reader's error means to who named the file. */
function refusal(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = messageOf(error);
  const damaged = code.startsWith('Z_') ? `damaged gzip data (${why})` : undefined;
  const reason = damaged ?? REASONS[code];
  if (reason === undefined) return error;
  return new NimbusError('input.invalid', `${path || '""'}: ${reason}`, { cause: error });
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Text of a file, gzip or not (told by its first bytes, not by its name). */
export function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    return (isGzip(bytes) ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw refusal(path, error);
  }
}

/** Some editors and spreadsheets begin a file with a byte order mark. */
export const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '');

const CHUNK_BYTES = 1 << 20;

/** Lines of a text, some at a time. */
export type Lines = AsyncIterable<readonly string[]> | Iterable<readonly string[]>;

/** A file's bytes, unpacked if need be. A pipe can be read only once: what told is put back. */
async function unpacked(path: string): Promise<AsyncIterable<Buffer>> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  await once(file, 'readable');
  const head = file.read() as Buffer | null;
  if (head === null) return file;
  file.unshift(head);
  // Errors of the file reach who reads the other end; the callback has nothing to add.
  return isGzip(head) ? pipeline(file, createGunzip(), () => undefined) : file;
}

/** The same line by line, for files that are larger than a string can be. */
export async function* readLines(path: string): AsyncGenerator<readonly string[]> {
  try {
    yield* splitLines(await unpacked(path));
  } catch (error) {
    throw refusal(path, error);
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    yield lines;
  }
  yield [rest + decoder.decode()];
}

/** Makes the folder that results go to; refused where it cannot be made or written. */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let there = resolve(path);
  try {
    for (; statSync(there, { throwIfNoEntry: false }) === undefined; there = dirname(there)) {
      missing.unshift(there);
    }
    // Level by level: a recursive mkdir never returns where the file system refuses all of them.
    for (const folder of missing) mkdirSync(folder);
    if (!statSync(path).isDirectory()) throw new Error('it is a file');
    accessSync(path, constants.W_OK);
  } catch (error) {
    const why = messageOf(error);
    throw new NimbusError('input.invalid', `${path}: cannot write there (${why})`, {
      cause: error,
    });
  }
}
