import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from './job.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Files that a run's outcome depends on, whoever is in control. */
const BENCH_FILES = [
  'numbers.ts',
  'random.ts',
  'input.ts',
  'trace.ts',
  'load.ts',
  'fleet.ts',
  'telemetry.ts',
  'tally.ts',
  'simulate.ts',
  'condition.ts',
  'contender.ts',
  'job.ts',
  'coverage.ts',
  '../../shared/domain/maths.ts',
].map((name) => here(`./${name}`));

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name))
    .filter((entry) => !entry.name.endsWith('.test.ts'))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort();
}

function hashFiles(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(readFileSync(path));
  return hash.digest('hex');
}

/** Hashes of the code behind each kind of contender: a change of ours leaves the peers' results. */
function codeHashes(): { readonly peer: string; readonly ours: string } {
  const controllers = sources(here('./controllers'));
  const peers = sources(here('../../shared/domain/peers'));
  const isOurs = (path: string): boolean => path.endsWith('/ours.ts');
  const core = sources(here('../../shared/domain')).filter((path) => !peers.includes(path));
  const events = sources(here('../../shared/events'));
  const common = [...BENCH_FILES, ...controllers.filter((path) => !isOurs(path)), ...peers];
  return {
    peer: hashFiles(common),
    ours: hashFiles([...common, ...controllers, ...core, ...events]),
  };
}

export interface Cache {
  get(job: Job): JobResult | null;
  put(job: Job, result: JobResult): void;
}

const isWhole = (result: Partial<JobResult> | null): result is JobResult =>
  Array.isArray(result?.days) && result.days.length > 0 && result.seconds !== undefined;

/** Results by hash of code, trace and job: a bench that was stopped goes on where it was. */
export function openCache(folder: string): Cache {
  mkdirSync(folder, { recursive: true });
  const code = codeHashes();
  const traces = new Map<string, string>();
  const traceHash = (path: string): string => {
    const known = traces.get(path) ?? hashFiles([path]);
    traces.set(path, known);
    return known;
  };
  const fileOf = (job: Job): string => {
    const { tracePath, ...rest } = job;
    // The name, too: it names the streams of random numbers.
    const parts = [code[job.contender.kind], traceHash(tracePath), basename(tracePath), rest];
    return `${folder}/${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}.json`;
  };
  return {
    get(job) {
      const file = fileOf(job);
      if (!existsSync(file)) return null;
      try {
        const result = JSON.parse(readFileSync(file, 'utf8')) as Partial<JobResult> | null;
        return isWhole(result) ? result : null;
      } catch {
        return null; // a file that was cut off is run again
      }
    },
    put(job, result) {
      const file = fileOf(job);
      const part = `${file}.${process.pid}.part`; // two benches may run the same job
      writeFileSync(part, JSON.stringify(result));
      renameSync(part, file);
    },
  };
}
