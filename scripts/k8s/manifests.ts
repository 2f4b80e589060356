// knative/*.yaml with the documents that overlays replace, ready to be applied.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { Failure } from './command.ts';
import type { KubeObject } from './kubectl.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Everything of ours lives here; the name stands in the manifests as well. */
export const NAMESPACE = 'nimbusguard';
export const PART_OF = 'app.kubernetes.io/part-of';

/** Images that this project builds; the tag in the files stands for the one of the content. */
const IMAGE = /^dev\.local\/nimbusguard\/([a-z0-9-]+):dev$/;

const CONFIG_HASH = 'nimbusguard.io/config-hash';

const keyOf = (object: KubeObject): string =>
  [object.apiVersion.split('/')[0], object.kind, object.metadata.namespace, object.metadata.name]
    .map((part) => part ?? '')
    .join(' ');

/** Every document of a folder's own *.yaml files, in the order of the files' numbers. */
export function readFolder(folder: string): KubeObject[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return files.sort().flatMap((name) => {
    const documents = parseAllDocuments(readFileSync(join(folder, name), 'utf8'));
    return (Array.isArray(documents) ? documents : []).flatMap((document) => {
      const [problem] = document.errors;
      if (problem !== undefined) {
        throw new Failure(`cannot read ${name}`, {
          why: problem.message,
          remedy: `Mend ${join(folder, name)}.`,
        });
      }
      const object = document.toJS() as KubeObject | null;
      return object === null ? [] : [object];
    });
  });
}

/** Documents of `overlay` replace their namesakes in place; new ones come last. */
export function replaceIn(base: readonly KubeObject[], overlay: readonly KubeObject[]) {
  const replacements = new Map(overlay.map((object) => [keyOf(object), object]));
  const replaced = base.map((object) => {
    const key = keyOf(object);
    const replacement = replacements.get(key);
    replacements.delete(key);
    return replacement ?? object;
  });
  return [...replaced, ...replacements.values()];
}

export type BrokerKind = 'kafka' | 'mt';

/** The documents for a cluster whose Broker is of the given class. */
export function clusterManifests(broker: BrokerKind): KubeObject[] {
  const folder = (name: string): KubeObject[] => readFolder(join(ROOT, 'knative', name));
  const base = replaceIn(folder('.'), folder('overlays/cluster'));
  return broker === 'kafka' ? base : replaceIn(base, folder('overlays/mt-broker'));
}

interface Container {
  name: string;
  image: string;
  env?: { name: string; valueFrom?: Record<string, { name?: string }> }[];
  resources?: { requests?: Record<string, string> };
}
interface PodTemplate {
  metadata?: { annotations?: Record<string, string> };
  spec: { containers: Container[] };
}

/** The pod template of a Service, Deployment or CronJob; undefined for other kinds. */
export function podTemplate(object: KubeObject): PodTemplate | undefined {
  const spec = object.spec as
    { template?: PodTemplate; jobTemplate?: { spec: { template: PodTemplate } } } | undefined;
  const template = spec?.jobTemplate?.spec.template ?? spec?.template;
  return template?.spec.containers === undefined ? undefined : template;
}

/** Names of the functions whose images the documents use. */
export function functionsOf(objects: readonly KubeObject[]): string[] {
  const names = objects.flatMap((object) =>
    (podTemplate(object)?.spec.containers ?? []).flatMap(({ image }) => {
      const name = IMAGE.exec(image)?.[1];
      return name === undefined ? [] : [name];
    }),
  );
  return [...new Set(names)];
}

/** ConfigMaps and Secrets that a template's environment refers to. */
const referencesOf = (template: PodTemplate): string[] =>
  template.spec.containers.flatMap(({ env = [] }) =>
    env.flatMap(({ valueFrom }) =>
      Object.entries(valueFrom ?? {}).map(
        ([kind, { name = '' }]) => `${kind === 'secretKeyRef' ? 'Secret' : 'ConfigMap'} ${name}`,
      ),
    ),
  );

/**
 * Puts in the images of this build, and the versions of the ConfigMaps and Secrets a template
 * refers to: a changed setting makes a new revision, as a running process never reads it again.
 */
export function render(
  objects: readonly KubeObject[],
  images: ReadonlyMap<string, string>,
  versions: ReadonlyMap<string, string>,
): KubeObject[] {
  return objects.map((source) => {
    const object = structuredClone(source);
    const template = podTemplate(object);
    if (template === undefined) return object;
    for (const container of template.spec.containers) {
      const name = IMAGE.exec(container.image)?.[1];
      container.image = (name === undefined ? undefined : images.get(name)) ?? container.image;
    }
    const used = [...new Set(referencesOf(template))].sort();
    const known = used.map((reference) => `${reference}=${versions.get(reference) ?? 'none'}`);
    if (known.length > 0) {
      template.metadata ??= {};
      template.metadata.annotations ??= {};
      template.metadata.annotations[CONFIG_HASH] = shortHash(known.join('\n'));
    }
    return object;
  });
}

/** Twelve hex digits that tell contents apart: for versions and tags, not for secrets. */
export const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 12);

/** Versions of the documents' own ConfigMaps, by content, for `render`. */
export const configVersions = (objects: readonly KubeObject[]): Map<string, string> =>
  new Map(
    objects
      .filter(({ kind }) => kind === 'ConfigMap')
      .map((object) => [
        `ConfigMap ${object.metadata.name}`,
        shortHash(JSON.stringify(object.data ?? {})),
      ]),
  );
