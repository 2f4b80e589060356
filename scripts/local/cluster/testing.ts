// For tests: a cluster on a free port whose only image is a tiny server of our own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readManifests } from '../manifests/index.ts';
import { bundleLauncher, startCluster, type Cluster, type ClusterOptions } from './index.ts';
import { isDict, type Dict, type NewObject } from './types.ts';

/**
 * Answers /readyz with 503 until READY_AFTER_MS, everything else with its environment; ends with 0 on
 * SIGTERM, or not at all with DEAF=1; fails at once with CRASH=1.
 */
const TINY = `
import { createServer } from 'node:http';
const { PORT, READY_AFTER_MS = '0', DEAF, CRASH } = process.env;
if (CRASH) process.exit(3);
const startedAt = Date.now();
const server = createServer((request, response) => {
  const isReady = Date.now() - startedAt >= Number(READY_AFTER_MS);
  response.statusCode = request.url === '/readyz' && !isReady ? 503 : 200;
  response.end(JSON.stringify(process.env));
});
server.listen(Number(PORT), '127.0.0.1', () => console.log('listening on ' + PORT));
process.on('SIGTERM', () => { if (!DEAF) process.exit(0); });
`;

export interface TestCluster extends Cluster {
  readonly directory: string;
  /** Calls the API over HTTP. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Reply>;
}

export interface CallOptions {
  readonly type?: string;
  readonly accept?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Dict;
}

export async function callApi(
  url: string,
  method: string,
  path: string,
  given: { body?: unknown } & CallOptions,
): Promise<Reply> {
  const { body, type = 'application/json', accept = 'application/json' } = given;
  const response = await fetch(url + path, {
    method,
    headers: { accept, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : { text };
  return { status: response.status, headers: response.headers, body: isDict(parsed) ? parsed : {} };
}

/** A directory with the bundle `tiny`. */
export function tinyBundles(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nimbusguard-cluster-'));
  mkdirSync(join(directory, 'tiny'));
  writeFileSync(join(directory, 'tiny', 'index.mjs'), TINY);
  return directory;
}

export async function testCluster(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  const directory = tinyBundles();
  const cluster = await startCluster({
    port: 0,
    stateFile: ':memory:',
    manifests: [],
    launcher: bundleLauncher({ directory, logDirectory: join(directory, 'logs') }),
    warn: () => undefined,
    ...options,
  });
  return {
    ...cluster,
    directory,
    call: (method, path, body, how = {}) =>
      callApi(cluster.url, method, path, { ...how, ...(body === undefined ? {} : { body }) }),
    async close(graceSeconds) {
      await cluster.close(graceSeconds);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface DeploymentGiven {
  readonly name?: string;
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly graceSeconds?: number;
}

/** A Deployment of the tiny server. */
export const aDeployment = ({
  name = 'web',
  replicas = 0,
  env = {},
  graceSeconds = 2,
}: DeploymentGiven = {}): NewObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: graceSeconds,
        containers: [
          {
            name: 'main',
            image: 'dev.local/tiny:1',
            ports: [{ containerPort: 8080 }],
            env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
            readinessProbe: { httpGet: { path: '/readyz' }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
});

/** Looks again and again until a value is there; throws after 45 s. */
export async function eventually<T>(
  look: () => T | undefined | Promise<T | undefined>,
  what: string,
): Promise<T> {
  const giveUpAt = performance.now() + 45_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`not within 45 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The embedded API with our custom resources alone; it has nothing that could run a pod. */
export function startBareApi(logs: string): Promise<Cluster> {
  const { objects } = readManifests(fileURLToPath(new URL('../../../knative', import.meta.url)));
  return startCluster({
    port: 0,
    stateFile: ':memory:',
    manifests: objects.filter(({ kind }) => kind === 'CustomResourceDefinition'),
    launcher: {
      missing: (image) => `${image} is not run here`,
      logFile: ({ name }) => join(logs, name),
      start: () => {
        throw new Error('no pod is started here');
      },
    },
  });
}
