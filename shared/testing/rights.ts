import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { ApiError, type KubernetesApi } from '../adapters/kubernetes-api.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}
interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}
interface Binding {
  readonly kind: string;
  readonly roleRef: { readonly name: string };
  readonly subjects: readonly { readonly name: string }[];
}

const DOCUMENTS = parseAllDocuments(
  readFileSync(new URL('../../knative/20-rbac.yaml', import.meta.url), 'utf8'),
).map((document) => document.toJS() as Role | Binding);
const ROLES = DOCUMENTS.filter((object): object is Role => object.kind.endsWith('Role'));
const BINDINGS = DOCUMENTS.filter((object): object is Binding => object.kind.endsWith('Binding'));

/** `verb group/resource` for everything that the rules grant. */
const spread = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${group}/${resource}`)),
    ),
  );

/** Everything that the shipped roles grant to anyone, sorted. */
export const grants = (): string[] =>
  [...new Set(spread(ROLES.flatMap(({ rules }) => rules)))].sort();

function grantsOf(account: string): ReadonlySet<string> {
  const bound = BINDINGS.filter(({ subjects }) => subjects.some(({ name }) => name === account));
  const names = bound.map(({ roleRef }) => roleRef.name);
  const roles = ROLES.filter(({ metadata }) => names.includes(metadata.name));
  return new Set(spread(roles.flatMap(({ rules }) => rules)));
}

/** `/api/VERSION` or `/apis/GROUP/VERSION`, then `[/namespaces/NS]/RESOURCE[/NAME[/SUBRESOURCE]]`. */
function resourceOf(path: string): {
  readonly what: string;
  readonly named: boolean;
} {
  const [root, ...rest] = path.split('/').slice(1);
  const group = root === 'apis' ? (rest.shift() ?? '') : '';
  const parts = rest.slice(1);
  const [plural = '', name, subresource] =
    parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  return { what: `${group}/${resource}`, named: name !== undefined };
}

const VERBS = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
} as const;

/**
 * The API as a function with this ServiceAccount sees it: what the shipped roles do not grant is a 403,
 * as from an API server with RBAC. `used` collects what was granted, as `verb group/resource`.
 */
export function withRights(
  api: KubernetesApi,
  account: string,
  used = new Set<string>(),
): KubernetesApi {
  const granted = grantsOf(account);
  return {
    ...api,
    request(request) {
      const { what, named } = resourceOf(request.path);
      const verb = request.method === 'GET' ? (named ? 'get' : 'list') : VERBS[request.method];
      if (!granted.has(`${verb} ${what}`)) {
        return Promise.reject(new ApiError(403, 'Forbidden', `${account} may not ${verb} ${what}`));
      }
      used.add(`${verb} ${what}`);
      return api.request(request);
    },
  };
}
