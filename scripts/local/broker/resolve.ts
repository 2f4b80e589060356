// From the names in a Trigger to addresses on this machine.
import type { Destination, Manifests, Trigger } from '../manifests/index.ts';
import type { Resolved } from './dispatcher.ts';

type Subscribers = Readonly<Record<string, string>>;

const CLUSTER_HOST =
  /^http:\/\/([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?::\d+)?(\/.*)?$/;

const join = (base: string, path: string): string =>
  path === '' ? base : `${base.replace(/\/$/, '')}/${path.replace(/^\//, '')}`;

/** As the cluster would write it, such as `http://decider.nimbusguard.svc.cluster.local`. */
const clusterUrl = (to: Destination): string => {
  if (to.kind === 'uri') return to.uri;
  if (to.kind === 'Service')
    return join(`http://${to.name}.${to.namespace}.svc.cluster.local`, to.path);
  const ingress = 'http://kafka-broker-ingress.knative-eventing.svc.cluster.local';
  return join(`${ingress}/${to.namespace}/${to.name}`, to.path);
};

/** Address on this machine; undefined where nobody of that name runs. */
function localUrl(to: Destination, subscribers: Subscribers, self: string): string | undefined {
  if (to.kind === 'Broker') return join(`${self}/${to.namespace}/${to.name}`, to.path);
  if (to.kind === 'uri') {
    const [, name, namespace, path] = CLUSTER_HOST.exec(to.uri) ?? [];
    if (name === undefined || namespace === undefined) return to.uri;
    return localUrl({ kind: 'Service', name, namespace, path: path ?? '' }, subscribers, self);
  }
  const base = subscribers[`${to.namespace}/${to.name}`] ?? subscribers[to.name];
  return base === undefined ? undefined : join(base, to.path);
}

function resolveOne(trigger: Trigger, subscribers: Subscribers, self: string): Resolved {
  const missing = (what: string, to: Destination): Error =>
    new Error(`${trigger.where}: ${what} ${clusterUrl(to)} is not among the services of this run`);
  const { subscriber, delivery } = trigger;
  const url = localUrl(subscriber, subscribers, self);
  if (url === undefined) throw missing('subscriber', subscriber);
  const sink = delivery.deadLetterSink;
  const deadLetterUrl = sink === null ? null : localUrl(sink, subscribers, self);
  if (sink !== null && deadLetterUrl === undefined) throw missing('dead letter sink', sink);
  return {
    trigger,
    broker: `${trigger.namespace}/${trigger.broker}`,
    url,
    destination: clusterUrl(subscriber),
    deadLetterUrl: deadLetterUrl ?? null,
  };
}

/** Resolves every Trigger; throws at the first subscriber or sink that does not run here. */
export const resolveTriggers = (
  manifests: Pick<Manifests, 'triggers'>,
  subscribers: Subscribers,
  self: string,
): Resolved[] => manifests.triggers.map((trigger) => resolveOne(trigger, subscribers, self));
