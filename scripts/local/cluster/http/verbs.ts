// The verbs on objects: what a method at a path does.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Api, Ref, WriteOptions } from '../api/api.ts';
import type { DeleteOptions } from '../api/deletion.ts';
import {
  ApiError,
  badRequest,
  badValue,
  invalid,
  missingValue,
  type Cause,
} from '../api/errors.ts';
import { jsonPatch, mergePatch, strategicMerge } from '../api/patch.ts';
import { scaleOf, withScale } from '../api/scale.ts';
import { selection } from '../api/selectors.ts';
import { jsonOf } from '../api/store.ts';
import { apiVersionOf, subjectOf, type Resource, type ScalePaths } from '../kinds/resource.ts';
import {
  at,
  isDict,
  listAt,
  omit,
  textAt,
  type Dict,
  type KubeObject,
  type NewObject,
} from '../types.ts';
import { asObject, mediaType, readBody } from './body.ts';
import type { ApiPath } from './path.ts';
import { bareMetadata, render, shapeOf, tableOf, type Shape } from './table.ts';
import { Watch } from './watch.ts';

const OBJECT_TYPES = ['application/json', 'application/yaml'];

/** One request, with what its path and headers mean. */
export interface Call {
  readonly api: Api;
  readonly resource: Resource;
  readonly path: ApiPath;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly shape: Shape;
}

export interface Answer {
  readonly code: number;
  readonly json: string;
}

const refOf = ({ path }: Call): Ref => ({ namespace: path.namespace, name: path.name ?? '' });

/** Patches that only the types with Go structs know. */
const hasStrategicMerge = ({ schema, group }: Resource): boolean =>
  schema === undefined && !group.endsWith('knative.dev');

const invalidOptions = (kind: string, cause: Cause): ApiError =>
  invalid({ group: 'meta.k8s.io', plural: kind, kind, name: '' }, [cause]);

function isDryRun(query: URLSearchParams, more: readonly string[] = []): boolean {
  const asked = [...query.getAll('dryRun'), ...more].filter((value) => value !== '');
  if (asked.every((value) => value === 'All')) return asked.length > 0;
  throw invalidOptions('Options', {
    reason: 'FieldValueNotSupported',
    field: 'dryRun',
    message: `Unsupported value: ${JSON.stringify(asked)}: supported values: "All"`,
  });
}

function writeOptions(call: Call): WriteOptions {
  const { query, request, response } = call;
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? '';
  return {
    manager: (query.get('fieldManager') ?? '') || agent.slice(0, 128) || 'unknown',
    subresource:
      call.path.subresource === 'status' || call.path.subresource === 'scale'
        ? call.path.subresource
        : '',
    dryRun: isDryRun(query),
    strict: query.get('fieldValidation') === 'Strict',
    warn: (message) => {
      if (query.get('fieldValidation') !== 'Ignore')
        response.appendHeader('warning', `299 - "${message.replaceAll('"', '\\"')}"`);
    },
  };
}

function answer(call: Call, object: KubeObject, code = 200): Answer {
  if (call.path.subresource === 'scale')
    return { code, json: JSON.stringify(scaleOf(object, scalePaths(call.resource))) };
  const json = render(call.resource, object, {
    shape: call.shape,
    nowMs: call.api.nowMs(),
    include: call.query.get('includeObject'),
    withHeader: true,
    metadata: { resourceVersion: object.metadata.resourceVersion },
  });
  return { code, json };
}

function scalePaths(resource: Resource): ScalePaths {
  if (resource.scale !== undefined) return resource.scale;
  throw new ApiError(404, 'the server could not find the requested resource');
}

/** Where a page that was cut short goes on. */
const continueAfter = (object: KubeObject): string =>
  Buffer.from(`${object.metadata.namespace ?? ''}/${object.metadata.name}`).toString('base64url');

function page(
  objects: readonly KubeObject[],
  query: URLSearchParams,
): { items: readonly KubeObject[]; metadata: Dict } {
  const after = Buffer.from(query.get('continue') ?? '', 'base64url').toString();
  const rest =
    after === ''
      ? objects
      : objects.filter(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}` > after);
  const limit = Number(query.get('limit') ?? 0);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const last = items.at(-1);
  if (last === undefined || items.length === rest.length) return { items, metadata: {} };
  return {
    items,
    metadata: { continue: continueAfter(last), remainingItemCount: rest.length - items.length },
  };
}

function list(call: Call): Answer {
  const { api, resource, path, query } = call;
  const asked = Number(query.get('resourceVersion') ?? 0);
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

function listAnswer(call: Call, found: readonly KubeObject[]): Answer {
  const { api, resource, query } = call;
  const cut = page(found, query);
  const metadata = { ...cut.metadata, resourceVersion: String(api.store.version) };
  if (call.shape === 'table') {
    const options = {
      nowMs: api.nowMs(),
      include: query.get('includeObject'),
      withHeader: true,
      metadata,
    };
    return { code: 200, json: JSON.stringify(tableOf(resource, cut.items, options)) };
  }
  const isBare = call.shape === 'metadata';
  const head = isBare
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
  const items = cut.items.map((object) =>
    isBare ? JSON.stringify(bareMetadata(object)) : jsonOf(object),
  );
  const start = JSON.stringify({ ...head, metadata }).slice(0, -1);
  return { code: 200, json: `${start},"items":[${items.join(',')}]}` };
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
    if (path.subresource !== 'scale') return sameUid(resource, live, patched(run, live, body));
    const paths = scalePaths(resource);
    const scale = patched(run, scaleOf(live, paths), body);
    return withScale(live, scale, { resource, paths });
  };
  return answer(call, api.modify(resource, refOf(call), { ...options, change }));
}

/** A patch cannot make an object another one. (PUT and `/scale` take the uid as a precondition: 409.) */
function sameUid(resource: Resource, live: KubeObject, next: NewObject): NewObject {
  const { uid } = next.metadata;
  if (uid === undefined || uid === live.metadata.uid) return next;
  throw invalid(subjectOf(resource, live.metadata.name), [
    badValue('metadata.uid', uid, 'field is immutable'),
  ]);
}

const patched = (run: Patch, target: KubeObject, body: unknown): NewObject =>
  asObject(run(target, body));

const textOrNone = (value: unknown): string | undefined =>
  value === undefined ? undefined : textAt({ value }, 'value');

function deleteOptions(query: URLSearchParams, body: Dict): DeleteOptions {
  const asked = query.get('gracePeriodSeconds');
  const grace = body['gracePeriodSeconds'] ?? (asked === null ? undefined : Number(asked));
  return {
    graceSeconds: typeof grace === 'number' ? grace : undefined,
    preconditions: {
      uid: textOrNone(at(body, 'preconditions', 'uid')),
      resourceVersion: textOrNone(at(body, 'preconditions', 'resourceVersion')),
    },
    dryRun: isDryRun(query, listAt(body, 'dryRun').map(String)),
  };
}

function removeAll(call: Call, options: DeleteOptions): Answer {
  const { api, resource, path, query } = call;
  const selected = api.store.list(resource, path.namespace).filter(selection(query, resource));
  for (const { metadata } of selected)
    api.delete(resource, metadata, omit(options, 'preconditions'));
  return listAnswer(call, selected);
}

async function remove(call: Call): Promise<Answer> {
  const { api, resource, request, query, path } = call;
  const body = await readBody(request, OBJECT_TYPES);
  const given = isDict(body) ? body : {};
  const options = deleteOptions(query, given);
  if (path.name === undefined) return removeAll(call, options);
  const policy = given['propagationPolicy'] ?? query.get('propagationPolicy');
  if (policy === 'Orphan' || given['orphanDependents'] === true) orphan(call);
  const { object, isGone } = api.delete(resource, refOf(call), options);
  if (!isGone || resource.kind === 'Pod') return answer(call, object);
  return { code: 200, json: JSON.stringify(deleted(resource, object)) };
}

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

function deleted(resource: Resource, { metadata }: KubeObject): Dict {
  const { group, plural } = subjectOf(resource, metadata.name);
  const details = {
    name: metadata.name,
    ...(group === '' ? {} : { group }),
    kind: plural,
    uid: metadata.uid,
  };
  return { ...SUCCESS, details };
}

/** Takes the owner out of what it owns, so that it outlives its deletion. */
function orphan({ api, resource, path }: Call): void {
  const { uid } = api.get(resource, { namespace: path.namespace, name: path.name ?? '' }).metadata;
  for (const kind of api.catalogue.all()) {
    for (const { metadata } of api.store.list(kind)) {
      if (!(metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)) continue;
      api.modify(kind, metadata, {
        manager: 'garbage-collector',
        change: (live) => {
          live.metadata.ownerReferences = (live.metadata.ownerReferences ?? []).filter(
            (owner) => owner.uid !== uid,
          );
          return live;
        },
      });
    }
  }
}

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
