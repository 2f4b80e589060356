// What an installation did to the cluster, kept on the cluster: `make k8s-clean` removes that and nothing else.
import { apply, get } from './kubectl.ts';
import { NAMESPACE, PART_OF } from './manifests.ts';

const NAME = 'nimbusguard-install';

/** Knative's adapter of PingSources at rest, as it was before our beat. */
export interface RestingAdapter {
  readonly template: unknown;
  readonly replicaSets: readonly string[];
}

export interface InstallRecord {
  /** Prerequisites that this project installed, in order, each with its manifests. */
  readonly prerequisites: readonly { readonly name: string; readonly files: readonly string[] }[];
  /** Images that were loaded, by function. */
  readonly images: Readonly<Record<string, string>>;
  /** Knative's adapter of PingSources before ours; null: it was at work already. */
  readonly adapter?: RestingAdapter | null;
}

const EMPTY: InstallRecord = { prerequisites: [], images: {} };

export async function readRecord(): Promise<InstallRecord> {
  const found = await get('configmap', NAME, NAMESPACE);
  const text = found?.data?.['record'];
  return text === undefined ? EMPTY : { ...EMPTY, ...(JSON.parse(text) as Partial<InstallRecord>) };
}

export async function writeRecord(record: InstallRecord): Promise<void> {
  await apply([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace: NAMESPACE, labels: { [PART_OF]: 'nimbusguard' } },
      data: { record: JSON.stringify(record) },
    },
  ]);
}
