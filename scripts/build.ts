// Bundles every function, and the console's page, into dist/ and reports the sizes.
import { build, type BuildOptions, type BuildResult, type Metafile, type Plugin } from 'esbuild';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = new URL('..', import.meta.url).pathname;
const OUT = 'dist/functions';
/** A process of the local runtime that is no function; bundled, it starts in half the time. */
const LOCAL_BROKER = 'local-broker';
const entryOf = (name: string): string =>
  name === LOCAL_BROKER ? 'scripts/local/broker/main.ts' : `functions/${name}/index.ts`;

interface Built {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes?: number;
}

const shared: BuildOptions = {
  bundle: true,
  minify: true,
  lineLimit: 200, // a crash quotes the line it happened in
  keepNames: true, // class and function names stay readable in stack traces
  write: false,
  metafile: true,
  logLevel: 'warning',
  absWorkingDir: root,
};

/**
 * Functions speak to the API server as to any HTTP server; of client-node they need `KubeConfig`, which
 * finds address and credentials. Its package index, and the generated index that KubeConfig imports for
 * two helpers, would bring 16 MB of generated clients along: most of the build time and of a cold start.
 */
const slimKubernetesClient: Plugin = {
  name: 'slim-kubernetes-client',
  setup(builder) {
    const dist = join(root, 'node_modules/@kubernetes/client-node/dist');
    builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({
      path: join(dist, 'config.js'),
    }));
    builder.onResolve({ filter: /\/gen\/index\.js$/ }, ({ resolveDir }) =>
      resolveDir === dist ? { path: 'helpers', namespace: 'kubernetes-client' } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'kubernetes-client' }, () => ({
      contents: `export { createConfiguration } from './gen/configuration.js';
                 export { ServerConfiguration } from './gen/servers.js';`,
      resolveDir: dist,
    }));
  },
};

/** zod brings its messages in fifty languages; the English ones are used. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup(builder) {
    builder.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

/**
 * One build for all functions: what several use is read, linked and minified once, as a shared chunk.
 * Modules that only a switched-on feature loads (`import()`) are chunks of their own.
 */
const functionOptions = (names: readonly string[]): BuildOptions => ({
  ...shared,
  entryPoints: Object.fromEntries(names.map((name) => [`${name}/index`, entryOf(name)])),
  outdir: OUT,
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  outExtension: { '.js': '.mjs' },
  legalComments: 'none',
  plugins: [slimKubernetesClient, oneLanguage],
  // `cloudevents` and others are CommonJS: inside an ESM bundle they still call require().
  banner: {
    js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
  },
});

const pageOptions: BuildOptions = {
  ...shared,
  keepNames: false,
  entryPoints: ['functions/operator/page/main.ts', 'functions/operator/page/main.css'],
  outdir: 'dist/functions/operator/page',
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
};

/** Paths of the chunks that an output needs, directly or by another chunk. */
function chunksOf(entry: string, outputs: Metafile['outputs']): string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    for (const { path: imported, external } of outputs[path]?.imports ?? []) {
      if (external === true || found.has(imported)) continue;
      found.add(imported);
      visit(imported);
    }
  };
  visit(entry);
  return [...found];
}

/**
 * Writes one function's folder so that it stands alone: its entry, and copies of the chunks it needs
 * in a folder of its own, where an image can take it from.
 */
async function writeFunction(name: string, result: BuildResult): Promise<Built> {
  const folder = join(root, OUT, name);
  const contents = new Map(
    (result.outputFiles ?? []).map((file) => [relative(root, file.path), file.text]),
  );
  const entry = `${OUT}/${name}/index.mjs`;
  const chunks = chunksOf(entry, result.metafile?.outputs ?? {});
  const files = new Map(
    chunks.map((path) => [join('chunks', basename(path)), contents.get(path) ?? '']),
  );
  files.set('index.mjs', (contents.get(entry) ?? '').replaceAll('"../chunks/', '"./chunks/'));
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'chunks'), { recursive: true });
  await Promise.all([...files].map(([file, text]) => writeFile(join(folder, file), text)));
  return { name, bytes: [...files.values()].reduce((sum, text) => sum + text.length, 0) };
}

/** The page's script and styles travel to a browser: their size is what counts compressed. */
async function buildPage(): Promise<Built> {
  const target = join(root, 'dist/functions/operator/page');
  const result = await build(pageOptions);
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

/** Builds `names`, or everything. Each function's folder in dist/ is replaced as a whole. */
async function buildAll(names?: readonly string[]): Promise<Built[]> {
  const all = names ?? [...(await functionNames()), LOCAL_BROKER];
  const result = await build(functionOptions(all));
  const built = await Promise.all(all.map((name) => writeFunction(name, result)));
  return all.includes('operator') ? [...built, await buildPage()] : built;
}

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0).padStart(6)} KiB`;

if (import.meta.main) {
  const started = performance.now();
  const wanted = process.argv.slice(2);
  const built = await buildAll(wanted.length > 0 ? wanted : undefined);
  for (const { name, bytes, gzipBytes } of built) {
    const gzip = gzipBytes === undefined ? '' : `  ${kib(gzipBytes)} gzip`;
    console.log(`${name.padEnd(20)} ${kib(bytes)}${gzip}`);
  }
  console.log(
    `built ${built.length} bundles in ${((performance.now() - started) / 1000).toFixed(2)} s`,
  );
}
