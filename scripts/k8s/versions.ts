// Pinned releases. Knative supports the newest Kubernetes versions only, so older clusters get the
// newest Knative that still accepts them (its own minimum, as each release states it).
interface Release {
  /** Oldest Kubernetes minor version (1.x) that this Knative accepts. */
  readonly kubernetesMinor: number;
  readonly knative: string;
}

const RELEASES: readonly Release[] = [
  { kubernetesMinor: 34, knative: '1.23.0' },
  { kubernetesMinor: 33, knative: '1.21.0' },
  { kubernetesMinor: 32, knative: '1.20.0' },
  { kubernetesMinor: 31, knative: '1.18.0' },
  { kubernetesMinor: 30, knative: '1.17.0' },
];

export const OLDEST_KUBERNETES_MINOR = Math.min(
  ...RELEASES.map(({ kubernetesMinor }) => kubernetesMinor),
);

/** The Knative release for a cluster, or undefined where the cluster is too old for all. */
export const knativeFor = (kubernetesMinor: number): string | undefined =>
  RELEASES.find((release) => kubernetesMinor >= release.kubernetesMinor)?.knative;

const release = (repository: string, version: string, file: string): string =>
  `https://github.com/${repository}/releases/download/knative-v${version}/${file}`;

export interface Prerequisite {
  readonly name: string;
  readonly namespace: string;
  /** Manifests in the order of application. */
  readonly urls: readonly string[];
}

export const serving = (version: string): Prerequisite => ({
  name: 'Knative Serving',
  namespace: 'knative-serving',
  urls: ['serving-crds.yaml', 'serving-core.yaml'].map((file) =>
    release('knative/serving', version, file),
  ),
});

export const kourier = (version: string): Prerequisite => ({
  name: 'Kourier (ingress)',
  namespace: 'kourier-system',
  urls: [release('knative-extensions/net-kourier', version, 'kourier.yaml')],
});

const ofEventing = (name: string, version: string, files: readonly string[]): Prerequisite => ({
  name,
  namespace: 'knative-eventing',
  urls: files.map((file) => release('knative/eventing', version, file)),
});

export const eventing = (version: string): Prerequisite =>
  ofEventing('Knative Eventing', version, ['eventing-crds.yaml', 'eventing-core.yaml']);

/** Where class Kafka is not wanted: what keeps the multi-tenant broker's events. */
export const channel = (version: string): Prerequisite =>
  ofEventing('In-memory channel', version, ['in-memory-channel.yaml']);

export const mtBroker = (version: string): Prerequisite =>
  ofEventing('Multi-tenant broker', version, ['mt-channel-broker.yaml']);

export const kafkaBroker = (version: string): Prerequisite => ({
  name: 'Knative’s Kafka broker',
  namespace: 'knative-eventing',
  urls: ['eventing-kafka-controller.yaml', 'eventing-kafka-broker.yaml'].map((file) =>
    release('knative-extensions/eventing-kafka-broker', version, file),
  ),
});
