// Knative's kinds, with the rows of its own definitions.
import { kind } from './kind.ts';
import { AGE, NAME, pathColumn, type Column, type Resource } from './resource.ts';

/** A kind of Knative: status, generation, and Ready with its reason at the end of its row. */
const knative = (
  name: string,
  groupVersion: string,
  columns: readonly Column[],
  more: Partial<Resource> = {},
): Resource =>
  kind({
    kind: name,
    in: groupVersion,
    status: true,
    generation: true,
    ...more,
    columns: [
      NAME,
      ...columns,
      pathColumn('Ready', '.status.conditions[?(@.type=="Ready")].status'),
      pathColumn('Reason', '.status.conditions[?(@.type=="Ready")].reason'),
    ],
  });

export const KNATIVE: Resource[] = [
  knative(
    'Service',
    'serving.knative.dev/v1',
    [
      pathColumn('URL', '.status.url'),
      pathColumn('LatestCreated', '.status.latestCreatedRevisionName'),
      pathColumn('LatestReady', '.status.latestReadyRevisionName'),
    ],
    { shortNames: ['kservice', 'ksvc'], categories: ['all', 'knative', 'serving'] },
  ),
  knative(
    'Revision',
    'serving.knative.dev/v1',
    [
      pathColumn('Config Name', ".metadata.labels['serving.knative.dev/configuration']"),
      pathColumn('Generation', ".metadata.labels['serving.knative.dev/configurationGeneration']"),
    ],
    { shortNames: ['rev'], categories: ['all', 'knative', 'serving'] },
  ),
  knative('Broker', 'eventing.knative.dev/v1', [pathColumn('URL', '.status.address.url'), AGE], {
    categories: ['all', 'knative', 'eventing'],
  }),
  knative(
    'Trigger',
    'eventing.knative.dev/v1',
    [
      pathColumn('Broker', '.spec.broker'),
      pathColumn('Subscriber_URI', '.status.subscriberUri'),
      AGE,
    ],
    { categories: ['all', 'knative', 'eventing'] },
  ),
  knative(
    'PingSource',
    'sources.knative.dev/v1',
    [pathColumn('Sink', '.status.sinkUri'), pathColumn('Schedule', '.spec.schedule'), AGE],
    { categories: ['all', 'knative', 'sources'] },
  ),
  knative('SinkBinding', 'sources.knative.dev/v1', [pathColumn('Sink', '.status.sinkUri'), AGE], {
    categories: ['all', 'knative', 'bindings'],
  }),
];
