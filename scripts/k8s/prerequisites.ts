// Installs what the cluster lacks, from pinned release manifests; what is there is kept as it is.
import { join } from 'node:path';
import { Failure } from './command.ts';
import type { Cluster } from './cluster.ts';
import { kubectl, list } from './kubectl.ts';
import { ROOT, type BrokerKind } from './manifests.ts';
import type { Progress } from './progress.ts';
import { readRecord, writeRecord } from './record.ts';
import * as versions from './versions.ts';
import { waitReady } from './wait.ts';

const INSTALL_TIMEOUT_MS = 300_000;

const absent = (part: { state: string }): boolean => part.state === 'absent';

/** Of the version of the Eventing that is there. A broker that is there may have another channel behind it. */
function missingOfMt({ eventing, channel, mtBroker }: Cluster, pinned: string) {
  if (!absent(mtBroker)) return [];
  const there = /^v?(1\.\d+\.\d+)$/.exec(eventing.version ?? '')?.[1];
  const version = there ?? pinned;
  const own = versions.mtBroker(version);
  return absent(channel) ? [versions.channel(version), own] : [own];
}

/** Parts that are missing, in the order of installation. */
export function missingParts(cluster: Cluster, broker: BrokerKind): versions.Prerequisite[] {
  const version = versions.knativeFor(cluster.minor);
  if (version === undefined) return [];
  return [
    ...(absent(cluster.serving) ? [versions.serving(version)] : []),
    ...(absent(cluster.ingress) ? [versions.kourier(version)] : []),
    ...(absent(cluster.eventing) ? [versions.eventing(version)] : []),
    ...(broker === 'mt' ? missingOfMt(cluster, version) : []),
    ...(broker === 'kafka' && absent(cluster.kafkaBroker)
      ? [DEVELOPMENT_KAFKA, versions.kafkaBroker(version)]
      : []),
  ];
}

const DEVELOPMENT_KAFKA: versions.Prerequisite = {
  name: 'Kafka (one node, for development)',
  namespace: 'nimbusguard-kafka',
  urls: [join(ROOT, 'kafka/10-kafka.yaml')],
};

async function applyFile(file: string): Promise<void> {
  try {
    // server-side: the CRDs are too large for the annotation that client-side apply keeps
    await kubectl(['apply', '--server-side', '--field-manager=nimbusguard-install', '-f', file]);
  } catch (error) {
    const why = error instanceof Failure ? error.why : String(error);
    throw new Failure(`cannot apply ${file}`, {
      why,
      remedy: /dial tcp|no such host|unable to read URL|proxyconnect/.test(why)
        ? 'This machine cannot fetch it. Apply the file from a copy, then run again: what is installed is kept. Without Knative’s Kafka broker: BROKER=mt make k8s-dev.'
        : 'Mend what is named above and run the same command again.',
    });
  }
}

const running = async (namespace: string, note: (text: string) => void): Promise<void> => {
  const scope = ['-n', namespace];
  for (const resource of ['deployments', 'statefulsets']) {
    const found = await list(resource, scope);
    if (resource === 'statefulsets') {
      await Promise.all(
        found.map(({ metadata }) =>
          kubectl(
            ['rollout', 'status', `statefulset/${metadata.name}`, ...scope, '--timeout=300s'],
            {
              timeoutMs: INSTALL_TIMEOUT_MS,
            },
          ),
        ),
      );
      continue;
    }
    const names = found.map(({ metadata }) => metadata.name);
    const wanted = { resource, namespace, names, condition: 'Available' };
    await waitReady(wanted, INSTALL_TIMEOUT_MS, note);
  }
};

/** Settings that a fresh installation needs; those of an existing one are its administrator's. */
async function configure(part: versions.Prerequisite): Promise<void> {
  const patch = (what: string[], body: unknown): Promise<string> =>
    kubectl(['patch', ...what, '--type=merge', '-p', JSON.stringify(body)]);
  if (part.namespace === 'kourier-system') {
    await patch(['configmap/config-network', '-n', 'knative-serving'], {
      data: { 'ingress-class': 'kourier.ingress.networking.knative.dev' },
    });
  }
  if (part.name === versions.kafkaBroker('').name) {
    await applyFile(join(ROOT, 'kafka/20-broker-config.yaml'));
    await modestDispatcher();
  }
}

/** The dispatcher asks for a whole core and 700 MiB: too much for a laptop's single node. */
async function modestDispatcher(): Promise<void> {
  const [dispatcher] = (await list('statefulsets', ['-n', 'knative-eventing'])).filter(
    ({ metadata }) => metadata.name === 'kafka-broker-dispatcher',
  );
  if (dispatcher === undefined) return;
  const requests = { cpu: '100m', memory: '384Mi' };
  const path = '/spec/template/spec/containers/0/resources/requests';
  const target = ['statefulset/kafka-broker-dispatcher', '-n', 'knative-eventing'];
  const body = JSON.stringify([{ op: 'replace', path, value: requests }]);
  await kubectl(['patch', ...target, '--type=json', '-p', body]);
}

/** Installs the missing parts one after the other, each recorded before it is begun. */
export async function installMissing(
  cluster: Cluster,
  broker: BrokerKind,
  progress: Progress,
): Promise<void> {
  for (const part of missingParts(cluster, broker)) {
    await progress.step(`install ${part.name}`, async (note) => {
      const record = await readRecord();
      const others = record.prerequisites.filter(({ name }) => name !== part.name);
      const own = { name: part.name, files: part.urls };
      await writeRecord({ ...record, prerequisites: [...others, own] });
      for (const url of part.urls) {
        note(url);
        await applyFile(url);
        const established = ['wait', '--for=condition=Established', 'crd', '--all'];
        await kubectl([...established, '--timeout=60s']);
      }
      await configure(part);
      await running(part.namespace, note);
    });
  }
}
