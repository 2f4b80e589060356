// Bundles every function, and the console's page, into dist/ and reports the sizes.
import { build, type BuildOptions, type BuildResult, type Plugin } from 'esbuild';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = new URL('..', import.meta.url).pathname;

interface Built {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

const shared: BuildOptions = {
  bundle: true,
  minify: true,
  keepNames: true, // class and function names stay readable in stack traces
  write: true,
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
  setup({ onResolve, onLoad }) {
    const dist = join(root, 'node_modules/@kubernetes/client-node/dist');
    onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: join(dist, 'config.js') }));
    onResolve({ filter: /\/gen\/index\.js$/ }, ({ resolveDir }) =>
      resolveDir === dist ? { path: 'helpers', namespace: 'kubernetes-client' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'kubernetes-client' }, () => ({
      contents: `export { createConfiguration } from './gen/configuration.js';
                 export { ServerConfiguration } from './gen/servers.js';`,
      resolveDir: dist,
    }));
  },
};

/** Modules that only a switched-on feature loads stay chunks of their own (`import()`). */
const functionOptions = (name: string): BuildOptions => ({
  ...shared,
  entryPoints: [`functions/${name}/index.ts`],
  outdir: `dist/functions/${name}`,
  entryNames: 'index',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  outExtension: { '.js': '.mjs' },
  legalComments: 'none',
  plugins: [slimKubernetesClient],
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

/** Compressed size matters where it travels: to a browser. */
const sizeOf = async (name: string, result: BuildResult): Promise<Built> => {
  const outputs = Object.keys(result.metafile?.outputs ?? {}).filter(
    (file) => !file.endsWith('.map'),
  );
  const contents = await Promise.all(outputs.map((file) => readFile(join(root, file))));
  return {
    name,
    bytes: contents.reduce((sum, content) => sum + content.byteLength, 0),
    gzipBytes: contents.reduce(
      (sum, content) => sum + gzipSync(content, { level: 6 }).byteLength,
      0,
    ),
  };
};

const buildOne = async (name: string): Promise<Built> =>
  sizeOf(name, await build(functionOptions(name)));

const buildPage = async (): Promise<Built> => {
  const target = join(root, 'dist/functions/operator/page');
  await mkdir(target, { recursive: true });
  const [result] = await Promise.all([
    build(pageOptions),
    cp(join(root, 'functions/operator/page/index.html'), join(target, 'index.html')),
  ]);
  return sizeOf('operator/page', result);
};

/** Names of all functions: every folder below `functions` that has a composition root. */
export const functionNames = async (): Promise<string[]> => {
  const entries = await readdir(join(root, 'functions'), { withFileTypes: true });
  return entries
    .filter(
      (entry) => entry.isDirectory() && existsSync(join(root, 'functions', entry.name, 'index.ts')),
    )
    .map((entry) => entry.name)
    .sort();
};

/** Builds `names`, or everything, in parallel. */
export const buildAll = async (names?: readonly string[]): Promise<Built[]> => {
  const all = names ?? (await functionNames());
  await Promise.all(
    all.map((name) => rm(join(root, 'dist/functions', name), { recursive: true, force: true })),
  );
  return Promise.all([...all.map(buildOne), ...(all.includes('operator') ? [buildPage()] : [])]);
};

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0).padStart(6)} KiB`;

if (import.meta.main) {
  const started = performance.now();
  const wanted = process.argv.slice(2);
  const built = await buildAll(wanted.length > 0 ? wanted : undefined);
  for (const { name, bytes, gzipBytes } of built) {
    console.log(`${name.padEnd(20)} ${kib(bytes)}  ${kib(gzipBytes)} gzip`);
  }
  console.log(
    `built ${built.length} bundles in ${((performance.now() - started) / 1000).toFixed(2)} s`,
  );
}
