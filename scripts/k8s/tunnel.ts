// A `kubectl port-forward` that comes back: when its pod goes, the next one is taken.
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from './gateway.ts';

const RETRY_MS = 500;
const LISTENING = /Forwarding from 127\.0\.0\.1:(\d+)/;

export interface Tunnel {
  /** The local port, as soon as there is a way through; rejects after `timeoutMs`. */
  port(timeoutMs: number): Promise<number>;
  /** Says that connections fail: a forward whose pod is gone may go on listening. */
  broken(): void;
  close(): void;
}

/** Opens a tunnel to a Service and keeps it open until it is closed. */
export function openTunnel(upstream: Upstream, log: (text: string) => void): Tunnel {
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
    async port(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (local === undefined) {
        if (closed || performance.now() > deadline) {
          throw new Error(`no way to ${namespace}/${service}${said === '' ? '' : `: ${said}`}`);
        }
        await sleep(50);
      }
      return local;
    },
    broken: () => void child?.kill(),
    close() {
      closed = true;
      child?.kill();
    },
  };
}
