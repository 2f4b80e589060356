// observability/*.yaml in a real Prometheus and its promtool: both must be on the PATH.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { anOperator, delivery, firstBeats, START_MS } from '#functions/operator/testing/harness.ts';
import { listenTo, type Running } from '#shared/runtime/serve.ts';
import { ROOT } from './k8s/manifests.ts';
import { freePort } from './local/processes.ts';

const HERE = join(ROOT, 'observability');
const folder = mkdtempSync(join(tmpdir(), 'nimbusguard-prometheus-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  for (const program of ['promtool', 'prometheus']) {
    if (spawnSync(program, ['--version']).status === 0) continue;
    throw new Error(`${program} was not found: apt-get install --no-install-recommends prometheus`);
  }
});

interface Job {
  static_configs?: { targets: string[]; labels: Record<string, string> }[];
  kubernetes_sd_configs?: unknown;
}
interface Config {
  global: Record<string, string>;
  rule_files: string[];
  scrape_configs: Job[];
}

const read = (name: string): Config => parse(readFileSync(join(HERE, name), 'utf8')) as Config;

const written = (name: string, config: Config): string => {
  const file = join(folder, name);
  writeFileSync(file, stringify({ ...config, rule_files: [join(HERE, 'alerts.yaml')] }));
  return file;
};

/** What Prometheus finds in a cluster for one pod of Knative: every port of its two containers. */
const podOf = (name: string, port: number): NonNullable<Job['static_configs']> => {
  const ports = { 'user-port': port, 'http-queueadm': 8022, 'http-autometric': 9090 };
  return Object.entries({ ...ports, 'http-usermetric': 9091, 'queue-port': 8012 }).map(
    ([portName, number]) => ({
      targets: [`127.0.0.1:${String(number)}`],
      labels: {
        __meta_kubernetes_namespace: 'nimbusguard',
        __meta_kubernetes_pod_name: `${name}-00001-deployment-5d8f`,
        __meta_kubernetes_pod_label_serving_knative_dev_service: name,
        __meta_kubernetes_pod_container_port_name: portName,
      },
    }),
  );
};

/** The job for a cluster, where the pods are told instead of found: Debian's build cannot look for them. */
const clusterJob = (name: string, port: number): Job => {
  const [{ kubernetes_sd_configs: found, ...job } = {}] =
    read('prometheus-cluster.yaml').scrape_configs;
  expect(found).toEqual([{ role: 'pod', namespaces: { names: ['nimbusguard'] } }]);
  return { ...job, static_configs: podOf(name, port) };
};

const promtool = (...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  const said = `${stdout}${stderr}`;
  expect(status, said).toBe(0);
  return said;
};

describe('promtool', () => {
  test('takes both configurations and the rules', () => {
    promtool('check', 'config', join(HERE, 'prometheus.yaml'));
    const cluster = { ...read('prometheus-cluster.yaml') };
    promtool(
      ...['check', 'config'],
      written('cluster.yaml', { ...cluster, scrape_configs: [clusterJob('operator', 1)] }),
    );
    expect(promtool('check', 'rules', join(HERE, 'alerts.yaml'))).toMatch(/\d+ rules found/);
  });

  test('sees every alert fire where it must, and nowhere else', () => {
    promtool('test', 'rules', join(HERE, 'alerts.test.yaml'));
  });
});

interface Answer<T> {
  readonly status: string;
  readonly data: T;
}
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

describe('a Prometheus that scrapes a running operator', () => {
  let clockMs = START_MS;
  let operator: Running;
  let prometheus: ChildProcess | undefined;
  let url = '';
  let output = '';

  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${url}/api/v1/${path}`);
    return ((await answer.json()) as Answer<T>).data;
  };
  const query = async (promql: string): Promise<readonly Sample[]> =>
    (await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(promql)}`)).result;
  const send = async (request: Request): Promise<void> => {
    const answer = await fetch(
      `http://127.0.0.1:${operator.port}${new URL(request.url).pathname}`,
      {
        method: 'POST',
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      },
    );
    expect(answer.status).toBe(204);
  };

  /** The shipped configuration, that of the cluster beside it, at the operator's port and each second. */
  const configured = (): string => {
    const config = read('prometheus.yaml');
    config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
    const [job = {}] = config.scrape_configs;
    job.static_configs = (job.static_configs ?? [])
      .filter(({ labels }) => labels['function'] === 'operator')
      .map(({ labels }) => ({ targets: [`127.0.0.1:${operator.port}`], labels }));
    const cluster = { ...clusterJob('operator', operator.port), job_name: 'cluster' };
    return written('prometheus.yaml', { ...config, scrape_configs: [job, cluster] });
  };

  beforeAll(async () => {
    const nowMs = (): number => clockMs;
    const served = { port: 0, host: '127.0.0.1', logLevel: 'silent' };
    operator = await listenTo(anOperator({ nowMs }), served);
    for (const event of firstBeats(60)) {
      clockMs = Math.max(clockMs, Date.parse(event.time ?? ''));
      await send(delivery(event));
    }
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prometheus = spawn('prometheus', [
      ...['--config.file', configured(), '--storage.tsdb.path', join(folder, 'data')],
      ...['--web.listen-address', `127.0.0.1:${port}`, '--log.level', 'warn'],
    ]);
    prometheus.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ready = async (): Promise<void> => {
      const { ok } = await fetch(`${url}/-/ready`).catch(() => ({ ok: false }));
      if (!ok) throw new Error(`prometheus is not ready: ${output}`);
    };
    await vi.waitFor(ready, { timeout: 30_000, interval: 100 });
  });

  afterAll(async () => {
    if (prometheus?.exitCode === null && prometheus.kill('SIGKILL')) await once(prometheus, 'exit');
    await operator.stop();
  });

  test('finds the operator by both jobs, and of a pod the function itself alone', async () => {
    await expect.poll(() => query('nimbusguard_target_ready_replicas')).toHaveLength(2);
    const labels = (await query('nimbusguard_target_ready_replicas')).map(({ metric }) => metric);
    const own = { namespace: 'nimbusguard', target: 'consumer-workload', function: 'operator' };
    expect(labels).toContainEqual(expect.objectContaining({ ...own, job: 'nimbusguard' }));
    const pod = 'operator-00001-deployment-5d8f';
    expect(labels).toContainEqual(expect.objectContaining({ ...own, job: 'cluster', pod }));
    expect(await query('up')).toHaveLength(2);
  });

  test('loads every alert, and fires one within seconds of what it is about', async () => {
    await expect.poll(() => query('nimbusguard_dead_letters_total == 0')).toHaveLength(2);
    const firing = async (): Promise<string[]> => {
      const { alerts } = await ask<{ alerts: { state: string; labels: Record<string, string> }[] }>(
        'alerts',
      );
      return alerts
        .filter(({ state }) => state === 'firing')
        .map(({ labels }) => labels['alertname'] ?? '');
    };
    expect(await firing()).toEqual([]);

    const [event] = firstBeats(1);
    await send(delivery(event!, '/dead-letters'));
    await expect.poll(firing).toEqual(['NimbusGuardDeadLetters']);
  });
});
