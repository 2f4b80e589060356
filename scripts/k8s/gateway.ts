// Where the cluster's ingress is: every Knative Service is reached through it, by its host name.
import { Failure } from './command.ts';
import { get, kubectl, list, type KubeObject } from './kubectl.ts';
import { NAMESPACE } from './manifests.ts';

/** A Kubernetes Service to forward to, and the host by which the ingress knows what is meant. */
export interface Upstream {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  /** undefined: not through the ingress, the request's own host stays. */
  readonly host: string | undefined;
  /** Its address inside the cluster; a machine that is a node itself reaches it as it is. */
  readonly clusterIp: string | undefined;
}

const HOST = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc/;

interface ServicePort {
  readonly name?: string;
  readonly port: number;
}

const clusterIpOf = (service: KubeObject): string | undefined => {
  const address = service.spec?.['clusterIP'];
  return typeof address === 'string' && address !== 'None' ? address : undefined;
};

/** The port for plain HTTP. */
function httpPort(service: KubeObject): number {
  const ports = (service.spec?.['ports'] ?? []) as ServicePort[];
  const named = ports.find(({ name = '', port }) => port === 80 || /^(http|http2|web)$/.test(name));
  return (named ?? ports[0])?.port ?? 80;
}

/**
 * A cluster-local Knative Service's own Kubernetes Service is an ExternalName to the ingress (or has
 * its address): there is nothing to forward to but the ingress itself.
 */
async function ingressOf(name: string): Promise<{ namespace: string; service: string }> {
  const own = await get('service', name, NAMESPACE);
  const target = (own?.spec?.['externalName'] as string | undefined) ?? '';
  const [, service, namespace] = HOST.exec(target) ?? [];
  if (service !== undefined && namespace !== undefined) return { namespace, service };
  const kourier = await get('service', 'kourier-internal', 'kourier-system');
  if (kourier !== undefined) return { namespace: 'kourier-system', service: 'kourier-internal' };
  throw new Failure(`cannot find the ingress of ${name}`, {
    why:
      own === undefined
        ? `Service ${NAMESPACE}/${name} does not exist`
        : `Service ${NAMESPACE}/${name} points to ${target || 'nothing'}`,
    remedy: `kubectl get ksvc -n ${NAMESPACE} ${name}; make status says what is not ready.`,
  });
}

/** How a function of ours is reached. */
export async function throughIngress(name: string): Promise<Upstream> {
  const { namespace, service } = await ingressOf(name);
  const gateway = await get('service', service, namespace);
  if (gateway === undefined) {
    throw new Failure(`the ingress ${namespace}/${service} is gone`, {
      why: 'the function points to it, but it does not exist',
      remedy: 'Reinstall the networking layer of Knative Serving, then make k8s-dev.',
    });
  }
  const args = ['get', 'ksvc', name, '-n', NAMESPACE, '-o', 'jsonpath={.status.address.url}'];
  const url = (await kubectl(args)).trim();
  const host = URL.canParse(url) ? new URL(url).hostname : `${name}.${NAMESPACE}.svc.cluster.local`;
  return { namespace, service, port: httpPort(gateway), host, clusterIp: clusterIpOf(gateway) };
}

/** An ordinary Service that somebody may have installed (Grafana, Prometheus), by its usual names. */
export async function installed(names: readonly string[]): Promise<Upstream | undefined> {
  const services = await list('services', ['-A']);
  const found = names.flatMap((name) =>
    services.filter(({ metadata }) => metadata.name === name || metadata.name.endsWith(`-${name}`)),
  )[0];
  if (found === undefined) return undefined;
  const { namespace = 'default', name } = found.metadata;
  return {
    namespace,
    service: name,
    port: httpPort(found),
    host: undefined,
    clusterIp: clusterIpOf(found),
  };
}
