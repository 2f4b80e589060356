// What is served, for clients that ask before they do: per group, and all at once.
import type { Catalogue } from '../kinds/catalogue.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import type { Dict } from '../types.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUB_VERBS = ['get', 'patch', 'update'];
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

interface Sub {
  name: string;
  kind: { group: string; version: string; kind: string };
  verbs: string[];
}

function subresources(resource: Resource): Sub[] {
  const own = { group: resource.group, version: resource.version, kind: resource.kind };
  return [
    ...(resource.status ? [{ name: 'status', kind: own, verbs: SUB_VERBS }] : []),
    ...(resource.scale === undefined ? [] : [{ name: 'scale', kind: SCALE, verbs: SUB_VERBS }]),
    ...(resource.kind === 'Pod' && resource.group === ''
      ? [{ name: 'log', kind: own, verbs: ['get'] }]
      : []),
  ];
}

const GIT_VERSION = 'v1.34.0-nimbusguard';

export const VERSION: Dict = {
  major: '1',
  minor: '34',
  gitVersion: GIT_VERSION,
  gitTreeState: 'clean',
  platform: `${process.platform}/${process.arch}`,
  goVersion: `node ${process.version}`,
};

const inGroup = (catalogue: Catalogue, apiVersion: string): Resource[] =>
  catalogue.all().filter((resource) => apiVersionOf(resource) === apiVersion);

/** APIResourceList of one group and version; undefined where nothing of it is served. */
export function resourceList(catalogue: Catalogue, apiVersion: string): Dict | undefined {
  const found = inGroup(catalogue, apiVersion);
  if (found.length === 0) return undefined;
  const resources = found.flatMap((resource) => [
    {
      name: resource.plural,
      singularName: resource.singular,
      namespaced: resource.namespaced,
      kind: resource.kind,
      verbs: VERBS,
      shortNames: resource.shortNames,
      categories: resource.categories,
    },
    ...subresources(resource).map(({ name, kind, verbs }) => ({
      name: `${resource.plural}/${name}`,
      singularName: '',
      namespaced: resource.namespaced,
      kind: kind.kind,
      verbs,
      ...(name === 'scale' ? { group: kind.group, version: kind.version } : {}),
    })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources };
}

/** Groups other than the core, with their versions. */
function groups(catalogue: Catalogue): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const { group, version } of catalogue.all()) {
    if (group === '') continue;
    const versions = found.get(group) ?? new Set();
    found.set(group, versions.add(version));
  }
  return new Map([...found].map(([group, versions]) => [group, [...versions]]));
}

function groupEntry(group: string, versions: readonly string[]): Dict {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

export const groupList = (catalogue: Catalogue): Dict => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: [...groups(catalogue)].map(([group, versions]) => groupEntry(group, versions)),
});

export function oneGroup(catalogue: Catalogue, group: string): Dict | undefined {
  const versions = groups(catalogue).get(group);
  if (versions === undefined) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) };
}

export const coreVersions = (): Dict => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
});

const kindOf = ({ group, version, kind }: Sub['kind']): Dict => ({ group, version, kind });

function aggregatedVersion(catalogue: Catalogue, apiVersion: string): Dict {
  const resources = inGroup(catalogue, apiVersion).map((resource) => ({
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: VERBS,
    shortNames: resource.shortNames,
    categories: resource.categories,
    subresources: subresources(resource).map(({ name, kind, verbs }) => ({
      subresource: name,
      responseKind: kindOf(kind),
      verbs,
    })),
  }));
  return { version: apiVersion.split('/').at(-1), resources, freshness: 'Current' };
}

export const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** All groups in one document, as newer clients ask for it: the core at /api, the others at /apis. */
export function aggregated(catalogue: Catalogue, root: 'api' | 'apis'): Dict {
  const items =
    root === 'api'
      ? [{ metadata: { name: '' }, versions: [aggregatedVersion(catalogue, 'v1')] }]
      : [...groups(catalogue)].map(([group, versions]) => ({
          metadata: { name: group },
          versions: versions.map((version) => aggregatedVersion(catalogue, `${group}/${version}`)),
        }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items,
  };
}
