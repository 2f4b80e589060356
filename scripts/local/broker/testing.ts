// For tests: the broker as a process that can be killed, and the functions it delivers to.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../processes.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

const TRIGGER = (name: string, type: string, ordered: boolean): string => `
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: ${name}
  namespace: ns
  annotations: { kafka.eventing.knative.dev/delivery.order: ${ordered ? 'ordered' : 'unordered'} }
spec:
  broker: default
  filters: [{ exact: { type: ${type} } }]
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: ${name} } }
  delivery: { retry: 20, backoffPolicy: linear, backoffDelay: PT0.02S, timeout: PT5S }
`;

/** Two hops: `first` (ordered) answers each \`a\` with a \`b\`, which goes to \`second\`. */
const MANIFESTS = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: default, namespace: ns }
spec: {}
${TRIGGER('first', 'a', true)}${TRIGGER('second', 'b', false)}`;

export interface Received {
  readonly id: string;
  readonly key: string;
  readonly atMs: number;
}

export class KillableBroker {
  /** What each function got, in order; duplicates included. */
  readonly first: Received[] = [];
  readonly second: Received[] = [];
  /** Called when `first` was answered: the moment between the answer and the storing of the reply. */
  answered: (id: string) => void = () => undefined;
  #folder = mkdtempSync(join(tmpdir(), 'broker-kill-'));
  #functions: Server | undefined;
  #functionsUrl = '';
  #port = 0;
  #child: ChildProcess | undefined;

  async start(): Promise<void> {
    writeFileSync(join(this.#folder, '10.yaml'), MANIFESTS);
    const server = createServer((request, response) => {
      request.resume();
      const { headers, url } = request;
      request.on('end', () => this.#function(url ?? '', headers, response));
    });
    this.#functions = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#functionsUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#port = await freePort();
    await this.spawn();
  }

  /** Starts the process on the same port and state file, and waits until it listens. */
  async spawn(): Promise<void> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        PORT: String(this.#port),
        LOG_LEVEL: 'error',
        MANIFESTS: this.#folder,
        STATE_FILE: join(this.#folder, 'state', 'broker.sqlite'),
        SUBSCRIBERS: JSON.stringify({
          first: `${this.#functionsUrl}/first`,
          second: `${this.#functionsUrl}/second`,
        }),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#child = child;
    while (child.exitCode === null && child.signalCode === null) {
      const ready = await fetch(`http://127.0.0.1:${this.#port}/readyz`).catch(() => undefined);
      if (ready?.ok === true) return;
      await sleep(20);
    }
    throw new Error(`the broker ended with ${String(child.exitCode ?? child.signalCode)}`);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    return (await exited)[0];
  }

  /** Posts one `a` event; true when the broker answered 202. */
  async post(id: string, key: string): Promise<boolean> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/ns/default`, {
      method: 'POST',
      headers: {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-source': '/test',
        'ce-type': 'a',
        'ce-partitionkey': key,
      },
    }).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 202;
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#functions?.closeAllConnections();
    this.#functions?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #function(
    url: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    response: ServerResponse,
  ): void {
    const received = {
      id: String(headers['ce-id']),
      key: String(headers['ce-partitionkey']),
      atMs: performance.now(),
    };
    if (url !== '/first') {
      this.second.push(received);
      response.writeHead(204).end();
      return;
    }
    this.first.push(received);
    response
      .writeHead(200, {
        'ce-specversion': '1.0',
        'ce-id': `${received.id}.b`,
        'ce-source': '/first',
        'ce-type': 'b',
        'ce-partitionkey': received.key,
      })
      .end(() => this.answered(received.id));
  }
}
