// Where things listen in this run, and how a name of the cluster's DNS becomes such an address.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Destination, KnativeService, Manifests, Variables } from './manifests/index.ts';
import { portFrom } from './processes.ts';

/** Ports that users of NimbusGuard know. Every other service takes the next free one from 18080 on. */
export const KNOWN_PORTS: Readonly<Record<string, number>> = {
  'consumer-workload': 8080,
  'load-generator': 8081,
  operator: 8082,
};
const BROKER_PORT = 8083;
const API_PORT = 8001;
export const OTHER_PORTS_FROM = 18_080;

export interface Addresses {
  /** Port of the ingress of each service, by name. */
  readonly services: ReadonlyMap<string, number>;
  readonly brokerPort: number;
  readonly apiPort: number;
  /** Ports that were taken by somebody else, and what is used instead: to be said at start. */
  readonly moved: readonly string[];
}

export const localUrl = (port: number): string => `http://127.0.0.1:${port}`;

/** Finds a port for every listener of the run; where a known one is taken, the next free one. */
export async function findAddresses(manifests: Manifests): Promise<Addresses> {
  const taken = new Set<number>();
  const moved: string[] = [];
  const claim = async (what: string, wanted: number, known: boolean): Promise<number> => {
    const port = await portFrom(wanted, taken);
    taken.add(port);
    if (known && port !== wanted) {
      moved.push(`port ${wanted} is used by another program: ${what} listens on ${port} instead`);
    }
    return port;
  };
  const apiPort = await claim('the Kubernetes API', API_PORT, true);
  const brokerPort = await claim('the Broker', BROKER_PORT, true);
  const services = new Map<string, number>();
  for (const { name } of manifests.services) {
    const known = KNOWN_PORTS[name];
    services.set(name, await claim(name, known ?? OTHER_PORTS_FROM, known !== undefined));
  }
  return { services, brokerPort, apiPort, moved };
}

/** URL of a subscriber or sink; undefined where the manifests name something that is not there. */
export function destinationUrl(to: Destination, addresses: Addresses): string | undefined {
  if (to.kind === 'uri') return clusterUrl(to.uri, addresses);
  if (to.kind === 'Broker') {
    return `${localUrl(addresses.brokerPort)}/${to.namespace}/${to.name}${to.path}`;
  }
  const port = addresses.services.get(to.name);
  return port === undefined ? undefined : `${localUrl(port)}${to.path}`;
}

const SERVICE_HOST =
  /\bhttps?:\/\/([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc)?(?:\.cluster\.local)(?::\d+)?/g;
const BROKER_HOSTS = new Set(['kafka-broker-ingress', 'broker-ingress']);

/** Replaces URLs of the cluster's DNS (`http://name.namespace.svc.cluster.local`) within a text. */
export function clusterUrl(text: string, addresses: Addresses): string {
  return text.replace(SERVICE_HOST, (whole, name: string, namespace: string) => {
    if (namespace === 'knative-eventing' && BROKER_HOSTS.has(name)) {
      return localUrl(addresses.brokerPort);
    }
    const port = addresses.services.get(name);
    return port === undefined ? whole : localUrl(port);
  });
}

/** Environment of a function: the YAML's, with addresses of this run, and what Knative would add. */
export function functionEnv(
  service: KnativeService,
  manifests: Manifests,
  addresses: Addresses,
): Variables {
  const own = Object.fromEntries(
    Object.entries(service.env).map(([key, value]) => [key, clusterUrl(value, addresses)]),
  );
  return {
    ...own,
    ...sinkEnv(service, manifests, addresses),
    K_SERVICE: service.name,
    K_CONFIGURATION: service.name,
    K_REVISION: `${service.name}-00001`,
  };
}

/** A SinkBinding gives its subject `K_SINK` and `K_CE_OVERRIDES`. */
function sinkEnv(service: KnativeService, manifests: Manifests, addresses: Addresses): Variables {
  const binding = manifests.sinkBindings.find(
    ({ subject, namespace }) =>
      subject.kind === 'Service' &&
      subject.apiVersion.startsWith('serving.knative.dev/') &&
      subject.name === service.name &&
      namespace === service.namespace,
  );
  if (binding === undefined) return {};
  const sink = destinationUrl(binding.sink, addresses);
  if (sink === undefined) throw new Error(`${binding.where}: its sink does not exist`);
  return { K_SINK: sink, K_CE_OVERRIDES: JSON.stringify({ extensions: binding.extensions }) };
}

/** A kubeconfig for the embedded API, for the functions and for people. */
export function writeKubeconfig(file: string, addresses: Addresses, namespace: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const name = 'nimbusguard-local';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: localUrl(addresses.apiPort) } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  };
  writeFileSync(file, JSON.stringify(config, null, 2)); // JSON is YAML
}
