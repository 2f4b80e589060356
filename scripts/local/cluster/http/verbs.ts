// The verbs on objects: what a method at a path does.
import { ApiError, badRequest, badValue, invalid, missingValue } from '../api/errors.ts';
import { jsonPatch, mergePatch, strategicMerge } from '../api/patch.ts';
import { scaleOf, withScale } from '../api/scale.ts';
import { selection } from '../api/selectors.ts';
import { apiVersionOf, subjectOf, type Resource } from '../kinds/resource.ts';
import { isDict, type Dict, type KubeObject, type NewObject } from '../types.ts';
import { asObject, mediaType, readBody } from './body.ts';
import {
  OBJECT_TYPES,
  answer,
  invalidOptions,
  listAnswer,
  refOf,
  scalePaths,
  writeOptions,
  type Answer,
  type Call,
} from './call.ts';
import { remove } from './remove.ts';
import { shapeOf } from './table.ts';
import { Watch } from './watch.ts';

/** Patches that only the types with Go structs know. */
const hasStrategicMerge = ({ schema, group }: Resource): boolean =>
  schema === undefined && !group.endsWith('knative.dev');

function list(call: Call): Answer {
  const { api, resource, path, query } = call;
  const asked = Number(query.get('resourceVersion') ?? 0);
  if (!Number.isInteger(asked)) {
    throw badRequest(`resourceVersion: Invalid value: "${query.get('resourceVersion') ?? ''}"`);
  }
  if (asked > api.store.version) {
    throw new ApiError(504, `Too large resource version: ${asked}, current: ${api.store.version}`, {
      details: { retryAfterSeconds: 1 },
    });
  }
  return listAnswer(
    call,
    api.store.list(resource, path.namespace).filter(selection(query, resource)),
  );
}

/** GET: one object, a list, or an open watch (then there is nothing more to answer). */
function get(call: Call): Answer | undefined {
  const { api, resource, path, query, response } = call;
  if (path.name !== undefined) return answer(call, api.get(resource, refOf(call)));
  if (!['true', '1'].includes(query.get('watch') ?? '')) return list(call);
  new Watch(
    api,
    { resource, namespace: path.namespace, query, shape: call.shape },
    response,
  ).start();
  return undefined;
}

/** Built-in kinds are told by the path; a body may leave its own out. */
const builtInKind = (resource: Resource): Dict =>
  resource.schema === undefined ? { apiVersion: apiVersionOf(resource), kind: resource.kind } : {};

async function post(call: Call): Promise<Answer> {
  const { api, resource, path, request } = call;
  if (path.name !== undefined) throw notAllowed(call);
  const object = asObject(await readBody(request, OBJECT_TYPES), builtInKind(resource));
  return answer(
    call,
    api.create(resource, object, { ...writeOptions(call), namespace: path.namespace }),
    201,
  );
}

async function put(call: Call): Promise<Answer> {
  const { api, resource, request, path } = call;
  if (path.name === undefined) throw notAllowed(call);
  const object = asObject(await readBody(request, OBJECT_TYPES));
  const options = writeOptions(call);
  if (path.subresource !== 'scale')
    return answer(call, api.update(resource, refOf(call), { ...options, object }));
  const paths = scalePaths(resource);
  const change = (live: KubeObject): NewObject => withScale(live, object, { resource, paths });
  return answer(call, api.modify(resource, refOf(call), { ...options, change }));
}

type Patch = (target: unknown, patch: unknown) => unknown;

const PATCHES: Record<string, Patch> = {
  'application/json-patch+json': jsonPatch,
  'application/merge-patch+json': mergePatch,
  'application/strategic-merge-patch+json': strategicMerge,
};
const APPLY = ['application/apply-patch+yaml', 'application/apply-patch+json'];

function patchTypes(call: Call): string[] {
  const types = [...Object.keys(PATCHES), ...(call.path.subresource === 'scale' ? [] : APPLY)];
  return hasStrategicMerge(call.resource) || call.path.subresource === 'scale'
    ? types
    : types.filter((type) => !type.includes('strategic'));
}

async function patch(call: Call): Promise<Answer> {
  const { api, resource, request, query, path } = call;
  if (path.name === undefined) throw notAllowed(call);
  const body = await readBody(request, patchTypes(call));
  const options = writeOptions(call);
  const type = mediaType(request);
  if (APPLY.includes(type)) {
    if (query.get('fieldManager') === null) {
      throw invalidOptions(
        'PatchOptions',
        missingValue('fieldManager', 'is required for apply patch'),
      );
    }
    const isNew = api.find(resource, refOf(call)) === undefined;
    const force = query.get('force') === 'true';
    return answer(
      call,
      api.apply(resource, refOf(call), { ...options, object: asObject(body), force }),
      isNew ? 201 : 200,
    );
  }
  const run = PATCHES[type];
  if (run === undefined || !(isDict(body) || Array.isArray(body)))
    throw badRequest('the patch must be an object or a list');
  const change = (live: KubeObject): NewObject => {
    if (path.subresource !== 'scale') return sameObject(resource, live, patched(run, live, body));
    const paths = scalePaths(resource);
    const scale = patched(run, scaleOf(live, paths), body);
    return withScale(live, scale, { resource, paths });
  };
  return answer(call, api.modify(resource, refOf(call), { ...options, change }));
}

/** A patch cannot make an object another one. (PUT and `/scale` take the uid as a precondition: 409.) */
function sameObject(resource: Resource, live: KubeObject, next: NewObject): NewObject {
  if (next.kind !== live.kind || next.apiVersion !== live.apiVersion) {
    throw badRequest(
      `a patch cannot change ${live.kind} in ${live.apiVersion} to ${next.kind} in ${next.apiVersion}`,
    );
  }
  const changed = (['name', 'namespace', 'uid'] as const).filter(
    (key) => next.metadata[key] !== undefined && next.metadata[key] !== live.metadata[key],
  );
  if (changed.length === 0) return next;
  throw invalid(
    subjectOf(resource, live.metadata.name),
    changed.map((key) => badValue(`metadata.${key}`, next.metadata[key], 'field is immutable')),
  );
}

const patched = (run: Patch, target: KubeObject, body: unknown): NewObject =>
  asObject(run(target, body));

const notAllowed = ({ request }: Call): ApiError =>
  new ApiError(
    405,
    `the server does not allow this method on the requested resource: ${request.method ?? ''}`,
  );

const VERBS: Record<string, (call: Call) => Answer | undefined | Promise<Answer>> = {
  GET: get,
  POST: post,
  PUT: put,
  PATCH: patch,
  DELETE: remove,
};

function checkSubresource({ path, resource }: Call): void {
  const { subresource } = path;
  const isKnown =
    subresource === undefined ||
    (subresource === 'status' && resource.status) ||
    (subresource === 'scale' && resource.scale !== undefined);
  if (!isKnown) throw new ApiError(404, 'the server could not find the requested resource');
}

/** Answers a call on objects; undefined where a watch took the response over. */
export async function serve(call: Omit<Call, 'shape'>): Promise<Answer | undefined> {
  const shape = shapeOf(call.request.headers.accept);
  if (shape === undefined)
    throw new ApiError(406, 'only the following media types are accepted: application/json');
  const full = { ...call, shape };
  checkSubresource(full);
  const run = VERBS[call.request.method ?? ''];
  if (run === undefined) throw notAllowed(full);
  return run(full);
}
