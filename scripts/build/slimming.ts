// What bundles leave out of the packages they use: memory and cold start of every function.
import type { BuildOptions, Plugin } from 'esbuild';
import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/**
 * Functions speak to the API server as to any HTTP server; of client-node they need `KubeConfig`, which
 * finds address and credentials. Its package index, and the generated index that KubeConfig imports for
 * two helpers, would bring 16 MB of generated clients along: most of the build time and of a cold start.
 * The agents of `undici` are for those clients alone: our requests go over `node:http`.
 */
const slimKubernetesClient: Plugin = {
  name: 'slim-kubernetes-client',
  setup(builder) {
    // As esbuild names it, where node_modules is a link.
    const dist = realpathSync(join(modules, '@kubernetes/client-node/dist'));
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
    builder.onResolve({ filter: /^undici$/ }, ({ importer }) =>
      importer.startsWith(dist) ? { path: 'undici', namespace: 'kubernetes-agents' } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'kubernetes-agents' }, () => ({
      contents: `class Unused { constructor() { throw new Error('bundled without the fetch clients of client-node'); } }
                 export { Unused as Agent, Unused as ProxyAgent, Unused as fetch };`,
    }));
  },
};

/** Of `undici` its connection pool is used; its index would load fetch, caches and mocks as well. */
const slimUndici: Plugin = {
  name: 'slim-undici',
  setup(builder) {
    const dist = realpathSync(join(modules, 'undici'));
    builder.onLoad({ filter: /\/undici\/index\.js$/ }, () => ({
      contents: `import Dispatcher from './lib/dispatcher/dispatcher.js';
                 import api from './lib/api/index.js';
                 Object.assign(Dispatcher.prototype, api);
                 export { default as Pool } from './lib/dispatcher/pool.js';`,
      resolveDir: dist,
    }));
  },
};

/**
 * What libraries load for things that a function may never do, loaded when one of its exports is first
 * read. TLS costs 3 MB where everything is plain HTTP, and client-node's agents for an HTTPS proxy are
 * built on it. An `import` of `node:http` reads each of its exports, `WebSocket` among them: with that
 * Node loads its fetch, 8 MB.
 */
const WHEN_USED: Readonly<Record<string, readonly string[]>> = {
  'node:http': Object.keys(http),
  'node:https': Object.keys(https),
  'node:tls': Object.keys(tls),
  hpagent: ['HttpProxyAgent', 'HttpsProxyAgent'],
};

const loadedWhenUsed: Plugin = {
  name: 'loaded-when-used',
  setup(builder) {
    builder.onResolve({ filter: /^(node:)?(https?|tls)$|^hpagent$/ }, ({ path, namespace }) => {
      if (namespace === 'when-used') return undefined;
      return { path: path.replace(/^(?=https?$|tls$)/, 'node:'), namespace: 'when-used' };
    });
    builder.onLoad({ filter: /.*/, namespace: 'when-used' }, ({ path }) => ({
      contents: `let loaded; // asking for it again takes half a microsecond, on every read
        for (const name of ${JSON.stringify(WHEN_USED[path])}) Object.defineProperty(exports, name,
          { enumerable: true, get: () => (loaded ??= require('${path}'))[name] });`,
      resolveDir: modules,
    }));
  },
};

/** Neither our servers nor our connection pool speak HTTP/2; both of their libraries would load it, 4 MB. */
const withoutHttp2: Plugin = {
  name: 'without-http2',
  setup(builder) {
    builder.onResolve({ filter: /^node:http2$/ }, () => ({ path: 'http2', namespace: 'absent' }));
    builder.onLoad({ filter: /^http2$/, namespace: 'absent' }, () => ({
      contents: 'export class Http2ServerRequest {} export const constants = {};',
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

const lazyWeb = fileURLToPath(new URL('lazy-web.ts', import.meta.url));

/**
 * Hono's adapter reads Headers, Request and Response from the global object as it loads, which makes
 * Node load its fetch: here it finds ours (see lazy-web.ts).
 */
const slimNodeServer: Plugin = {
  name: 'slim-node-server',
  setup(builder) {
    const dist = realpathSync(join(modules, '@hono/node-server/dist'));
    builder.onLoad({ filter: /\/@hono\/node-server\/dist\/index\.mjs$/ }, async ({ path }) => ({
      contents: `import { lazyWeb as global, lazyWeb as globalThis } from ${JSON.stringify(lazyWeb)};
                 ${await readFile(path, 'utf8')}`,
      resolveDir: dist,
    }));
  },
};

/** All of the above. The globals are ours in every file of a bundle, not only in that adapter's. */
export const slimming: Pick<BuildOptions, 'plugins' | 'define' | 'inject'> = {
  plugins: [
    slimKubernetesClient,
    slimUndici,
    slimNodeServer,
    loadedWhenUsed,
    withoutHttp2,
    oneLanguage,
  ],
  inject: [lazyWeb],
  define: {
    Headers: 'lazyWeb.Headers',
    Request: 'lazyWeb.Request',
    Response: 'lazyWeb.Response',
  },
};
