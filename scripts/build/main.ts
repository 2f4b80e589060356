// Bundles every function, and the console's page, into dist/ and reports the sizes.
import { build, stop, type BuildOptions, type BuildResult } from 'esbuild';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';
import { readCommandLine } from '../command-line.ts';
import { slimming } from './slimming.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Processes of the local runtime that are no functions; bundled, they start in half the time. */
const LOCAL: Readonly<Record<string, { entry: string; out: string }>> = {
  'local-broker': { entry: 'scripts/local/broker/main.ts', out: 'dist/local-broker' },
  // As deep below the root as its source: what it finds by its own address stays where it is.
  'local-loop': { entry: 'scripts/local/main.ts', out: 'dist/local-loop' },
};
const entryOf = (name: string): string => LOCAL[name]?.entry ?? `functions/${name}/index.ts`;
const outOf = (name: string): string => LOCAL[name]?.out ?? `dist/functions/${name}`;

// One build and out: esbuild need not collect garbage, as its own command does not. A quarter of its CPU
// time for 80 MB more at its peak.
process.env['GOGC'] ??= 'off';

interface Built {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes?: number;
}

const shared: BuildOptions = {
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200, // a crash quotes the line it happened in
  write: false,
  logLevel: 'warning',
  absWorkingDir: root,
};

/**
 * One build for all functions: what several use is read, linked and minified once, as a shared chunk.
 * Modules that only a switched-on feature loads (`import()`) are chunks of their own.
 */
const functionOptions = (names: readonly string[]): BuildOptions => ({
  ...shared,
  entryPoints: Object.fromEntries(names.map((name) => [`${outOf(name)}/index`, entryOf(name)])),
  outdir: '.',
  chunkNames: 'dist/chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  outExtension: { '.js': '.mjs' },
  legalComments: 'none',
  ...slimming,
  // `cloudevents` and others are CommonJS: inside an ESM bundle they still call require().
  banner: {
    js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
  },
});

const pageOptions: BuildOptions = {
  ...shared,
  minifyIdentifiers: true,
  entryPoints: ['functions/operator/page/main.ts', 'functions/operator/page/main.css'],
  outdir: 'dist/functions/operator/page',
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
};

/** Outputs by file name: an entry's is its path, a chunk's is unique by its hash. */
const contentsOf = ({ outputFiles = [] }: BuildResult): ReadonlyMap<string, string> =>
  new Map(
    outputFiles.map(({ path, text }) => {
      const name = relative(root, path);
      return [name.startsWith('dist/chunks/') ? basename(name) : name, text];
    }),
  );

/**
 * The chunks that an entry needs, directly or by another chunk. Read from the text: esbuild's own list
 * of them takes it a tenth of the build.
 */
function chunksOf(entry: string, contents: ReadonlyMap<string, string>): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    for (const [, chunk = ''] of (contents.get(name) ?? '').matchAll(
      /"\.[./\w]*\/([\w-]+\.mjs)"/g,
    )) {
      if (found.has(chunk) || !contents.has(chunk)) continue;
      found.add(chunk);
      visit(chunk);
    }
  };
  visit(entry);
  return [...found];
}

/**
 * Writes one function's folder so that it stands alone: its entry, and copies of the chunks it needs
 * in a folder of its own, where an image can take it from.
 */
async function writeFunction(name: string, contents: ReadonlyMap<string, string>): Promise<Built> {
  const folder = join(root, outOf(name));
  const entry = `${outOf(name)}/index.mjs`;
  const files = new Map(
    chunksOf(entry, contents).map((chunk) => [join('chunks', chunk), contents.get(chunk) ?? '']),
  );
  files.set(
    'index.mjs',
    (contents.get(entry) ?? '').replaceAll(/"(?:\.\.\/)+chunks\//g, '"./chunks/'),
  );
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'chunks'), { recursive: true });
  await Promise.all([...files].map(([file, text]) => writeFile(join(folder, file), text)));
  return { name, bytes: [...files.values()].reduce((sum, text) => sum + text.length, 0) };
}

/** The page's script and styles travel to a browser: their size is what counts compressed. */
const buildPage = async (wanted: boolean): Promise<BuildResult | undefined> =>
  wanted ? build(pageOptions) : undefined;

async function writePage(result: BuildResult): Promise<Built> {
  const target = join(root, 'dist/functions/operator/page');
  await mkdir(target, { recursive: true });
  const files = result.outputFiles ?? [];
  await Promise.all([
    cp(join(root, 'functions/operator/page/index.html'), join(target, 'index.html')),
    ...files.map((file) => writeFile(file.path, file.contents)),
  ]);
  const sum = (sizes: number[]): number => sizes.reduce((total, size) => total + size, 0);
  return {
    name: 'operator/page',
    bytes: sum(files.map((file) => file.contents.byteLength)),
    gzipBytes: sum(files.map((file) => gzipSync(file.contents).byteLength)),
  };
}

/** Names of all functions: every folder below `functions` that has a composition root. */
const functionNames = async (): Promise<string[]> => {
  const entries = await readdir(join(root, 'functions'), { withFileTypes: true });
  return entries
    .filter(
      (entry) => entry.isDirectory() && existsSync(join(root, 'functions', entry.name, 'index.ts')),
    )
    .map((entry) => entry.name)
    .sort();
};

/**
 * Builds `names`, or everything. Each function's folder in dist/ is replaced as a whole, once
 * `mayWrite` has resolved.
 */
async function buildAll(
  names?: readonly string[],
  mayWrite: Promise<unknown> = Promise.resolve(),
): Promise<Built[]> {
  mayWrite.catch(() => undefined); // a refusal comes before anybody waits for it
  const all = names ?? [...(await functionNames()), ...Object.keys(LOCAL)];
  const building = Promise.all([build(functionOptions(all)), buildPage(all.includes('operator'))]);
  building.catch(() => undefined); // refused while it built: that is the error to tell
  await mayWrite;
  const [result, page] = await building;
  const contents = contentsOf(result);
  const built = await Promise.all(all.map((name) => writeFunction(name, contents)));
  return page === undefined ? built : [...built, await writePage(page)];
}

const summary = (count: number): string =>
  `built ${count} bundles in ${(performance.now() / 1000).toFixed(2)} s`;

/** For `make local`: builds everything, writes it when `mayWrite` has resolved, and says what it took. */
export async function buildBundles(mayWrite: Promise<unknown>): Promise<string> {
  const built = await buildAll(undefined, mayWrite);
  await stop();
  return summary(built.length);
}

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0).padStart(6)} KiB`;

if (import.meta.main) {
  const known = [...(await functionNames()), ...Object.keys(LOCAL)];
  const wanted = readCommandLine(
    {
      command: 'make build, or npm run build -- operator',
      does: 'Bundles every function, or the one that is named, into dist/ and reports the sizes.',
      argument: { name: 'FUNCTION', help: known.join(', ') },
    },
    ({ argument }) => {
      if (argument === undefined || known.includes(argument)) return argument;
      const expected = `expected one of ${known.join(', ')}`;
      throw new NimbusError('input.invalid', `no function is called ${argument}: ${expected}`);
    },
  );
  const built = await buildAll(wanted === undefined ? undefined : [wanted]);
  for (const { name, bytes, gzipBytes } of built) {
    const gzip = gzipBytes === undefined ? '' : `  ${kib(gzipBytes)} gzip`;
    console.log(`${name.padEnd(20)} ${kib(bytes)}${gzip}`);
  }
  console.log(summary(built.length));
}
