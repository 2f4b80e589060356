// `make forward`: the access points of a cluster installation on this machine, until Ctrl-C.
import type { AddressInfo } from 'node:net';
import { claimForwarder, endForwarder } from './background.ts';
import { readCommandLine } from '../command-line.ts';
import { installed, throughIngress, type Upstream } from './gateway.ts';
import { main } from './progress.ts';
import { serveProxy } from './proxy.ts';
import { findWay, type Tunnel } from './tunnel.ts';

readCommandLine({
  command: 'make forward',
  does: 'Forwards the ports of a cluster installation to this machine until Ctrl-C; a port that is taken is replaced by the next free one.',
});

interface Point {
  readonly port: number;
  readonly what: string;
  readonly upstream: Upstream | undefined;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function points(): Promise<Point[]> {
  const ours = [
    { port: 8080, what: 'consumer workload', name: 'consumer-workload' },
    { port: 8081, what: 'load generator', name: 'load-generator' },
    { port: 8082, what: 'console', name: 'operator' },
  ];
  return Promise.all([
    ...ours.map(async ({ port, what, name }) => ({
      port,
      what,
      upstream: await throughIngress(name),
    })),
    installed(['grafana']).then((upstream) => ({ port: 3000, what: 'Grafana', upstream })),
    installed(['prometheus', 'prometheus-server', 'prometheus-operated']).then((upstream) => ({
      port: 9090,
      what: 'Prometheus',
      upstream,
    })),
  ]);
}

const PORTS_TO_TRY = 20;

/** Listens on the wanted port, or on the next free one. */
async function listen(wanted: number, tunnel: Tunnel, host: string | undefined): Promise<number> {
  for (let port = wanted; port < wanted + PORTS_TO_TRY; port += 1) {
    try {
      const server = await serveProxy(port, tunnel, host);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Error(`no free port from ${wanted} to ${wanted + PORTS_TO_TRY - 1}`);
}

async function forward(): Promise<void> {
  if (await endForwarder()) say('an earlier forwarder was ended');
  const found = await points();
  await claimForwarder();
  const tunnels = new Map<string, Tunnel>();
  for (const { port, what, upstream } of found) {
    if (upstream === undefined) {
      say(`:${port} ${what}: not installed on this cluster`);
      continue;
    }
    const key = `${upstream.namespace}/${upstream.service}:${upstream.port}`;
    const tunnel = tunnels.get(key) ?? (await findWay(upstream, (text) => say(`  ${text}`)));
    tunnels.set(key, tunnel);
    const got = await listen(port, tunnel, upstream.host);
    const moved = got === port ? '' : ` (port ${port} is used by another program)`;
    say(`http://localhost:${got} ${what}${moved}`);
  }
  const stop = (): void => {
    for (const tunnel of tunnels.values()) tunnel.close();
    process.exit(0);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  say('forwarding until Ctrl-C');
}

await main(forward);
