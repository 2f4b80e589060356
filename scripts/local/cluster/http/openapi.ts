// OpenAPI v3 of what is served: enough for `kubectl explain`, and for kubectl to know that field
// validation is done here.
import { createHash } from 'node:crypto';
import type { Catalogue } from '../kinds/catalogue.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { isDict, type Dict } from '../types.ts';

const gvk = ({ group, version, kind }: Resource): Dict => ({ group, version, kind });

const schemaName = ({ group, version, kind }: Resource): string =>
  `${(group === '' ? 'core' : group).split('.').reverse().join('.')}.${version}.${kind}`;

const METADATA = {
  type: 'object',
  description: "Standard object's metadata.",
  'x-kubernetes-preserve-unknown-fields': true,
};

function component(resource: Resource): Dict {
  const given = isDict(resource.openapi)
    ? resource.openapi
    : { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    ...given,
    properties: {
      ...(isDict(given['properties']) ? given['properties'] : {}),
      apiVersion: { type: 'string', description: 'Group and version of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: METADATA,
    },
    'x-kubernetes-group-version-kind': [gvk(resource)],
  };
}

const query = (name: string): Dict => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
});
const PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(query);
const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
];

function operation(resource: Resource, action: string): Dict {
  const schema = { $ref: `#/components/schemas/${schemaName(resource)}` };
  const types = action === 'patch' ? PATCH_TYPES : ['application/json'];
  const hasBody = action !== 'get' && action !== 'delete';
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(resource),
    parameters: hasBody ? PARAMETERS : [],
    ...(hasBody
      ? { requestBody: { content: Object.fromEntries(types.map((type) => [type, { schema }])) } }
      : {}),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
  };
}

function paths(resource: Resource): Dict {
  const root = resource.group === '' ? '/api/v1' : `/apis/${apiVersionOf(resource)}`;
  const base = `${root}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`;
  const inPath = (name: string): Dict => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  });
  const place = resource.namespaced ? [inPath('namespace')] : [];
  return {
    [base]: {
      get: operation(resource, 'get'),
      post: operation(resource, 'post'),
      parameters: place,
    },
    [`${base}/{name}`]: {
      ...Object.fromEntries(
        ['get', 'put', 'patch', 'delete'].map((action) => [action, operation(resource, action)]),
      ),
      parameters: [...place, inPath('name')],
    },
  };
}

/** The document of one group and version; undefined where nothing of it is served. */
export function openapiOf(catalogue: Catalogue, apiVersion: string): Dict | undefined {
  const resources = catalogue.all().filter((resource) => apiVersionOf(resource) === apiVersion);
  if (resources.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes (embedded subset)', version: 'v1.34.0' },
    paths: Object.assign({}, ...resources.map(paths)) as Dict,
    components: {
      schemas: Object.fromEntries(
        resources.map((resource) => [schemaName(resource), component(resource)]),
      ),
    },
  };
}

/** Where the documents are; the hash lets clients keep them. */
export function openapiIndex(catalogue: Catalogue): Dict {
  const versions = new Set(catalogue.all().map(apiVersionOf));
  const entries = [...versions].map((version) => {
    const path = version.includes('/') ? `apis/${version}` : `api/${version}`;
    const text = JSON.stringify(openapiOf(catalogue, version));
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 32).toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(entries) as Dict };
}
