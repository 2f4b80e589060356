// Ways into the cluster: a `kubectl port-forward` that comes back when its pod goes, or the Service's
// own address where this machine is a node of the cluster.
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Upstream } from './gateway.ts';

const RETRY_MS = 500;
const LISTENING = /Forwarding from 127\.0\.0\.1:(\d+)/;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Tunnel {
  /** Where to connect, as soon as there is a way through; rejects after `timeoutMs`. */
  address(timeoutMs: number): Promise<Address>;
  /** Says that connections fail: a forward whose pod is gone may go on listening. */
  broken(): void;
  close(): void;
}

/** Opens a tunnel to a Service and keeps it open until it is closed. */
function openTunnel(upstream: Upstream, log: (text: string) => void): Tunnel {
  const { namespace, service, port } = upstream;
  const args = ['port-forward', '-n', namespace, `svc/${service}`, `:${port}`];
  let child: ChildProcess | undefined;
  let local: number | undefined;
  let closed = false;
  let said = '';

  const start = (): void => {
    child = spawn('kubectl', [...args, '--address', '127.0.0.1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      const found = LISTENING.exec(chunk.toString())?.[1];
      if (found !== undefined) local = Number(found);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      const text = chunk.toString().trim();
      // the pod behind it is gone; kubectl itself would go on listening for nobody
      if (/lost connection to pod|error forwarding|not running/i.test(text)) child?.kill();
      if (text !== said) log(`${namespace}/${service}: ${(said = text)}`);
    });
    child.once('error', (error) => log(`kubectl: ${error.message}`));
    child.once('close', () => {
      local = undefined;
      if (!closed) setTimeout(start, RETRY_MS);
    });
  };
  start();

  return {
    async address(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (local === undefined) {
        if (closed || performance.now() > deadline) {
          throw new Error(`no way to ${namespace}/${service}${said === '' ? '' : `: ${said}`}`);
        }
        await sleep(50);
      }
      return { host: '127.0.0.1', port: local };
    },
    broken: () => void child?.kill(),
    close() {
      closed = true;
      child?.kill();
    },
  };
}

const direct = (host: string, port: number): Tunnel => ({
  address: () => Promise.resolve({ host, port }),
  broken: () => undefined,
  close: () => undefined,
});

const PROBE_MS = 8_000;

/** Whether an HTTP server answers on the other side, with anything but a gateway's own excuse. */
async function answers(tunnel: Tunnel, upstream: Upstream): Promise<boolean> {
  const deadline = performance.now() + PROBE_MS;
  const address = await tunnel.address(PROBE_MS).catch(() => undefined);
  if (address === undefined) return false;
  const headers = upstream.host === undefined ? {} : { host: upstream.host };
  const once = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = request({ ...address, path: '/healthz', headers, timeout: 3_000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode !== 404 && (answer.statusCode ?? 502) < 502);
      });
      probe.once('timeout', () => probe.destroy(new Error('no answer')));
      probe.once('error', () => resolve(false));
      probe.end();
    });
  while (performance.now() < deadline) {
    if (upstream.host === undefined || (await once())) return true;
    await sleep(300);
  }
  return false;
}

/**
 * Finds a way to a Service that answers: kubectl's port-forward, or its own address. An ingress on
 * its node's network may listen on the node's address only, where a port-forward cannot reach it.
 */
export async function findWay(upstream: Upstream, log: (text: string) => void): Promise<Tunnel> {
  const { clusterIp, port } = upstream;
  if (clusterIp !== undefined) {
    const way = direct(clusterIp, port);
    if ((await reachable({ host: clusterIp, port })) && (await answers(way, upstream))) return way;
  }
  const tunnel = openTunnel(upstream, log);
  if (!(await answers(tunnel, upstream))) {
    log(`${upstream.namespace}/${upstream.service} does not answer yet; requests will wait for it`);
  }
  return tunnel;
}

const reachable = ({ host, port }: Address): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
