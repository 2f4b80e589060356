// What every verb needs: the call with its options, and answers in the shape asked for.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Api, Ref, WriteOptions } from '../api/api.ts';
import { ApiError, badRequest, invalid, type Cause } from '../api/errors.ts';
import { scaleOf } from '../api/scale.ts';
import { jsonOf } from '../api/store.ts';
import { apiVersionOf, type Resource, type ScalePaths } from '../kinds/resource.ts';
import type { Dict, KubeObject } from '../types.ts';
import type { ApiPath } from './path.ts';
import { bareMetadata, render, tableOf, type Shape } from './table.ts';

export const OBJECT_TYPES = ['application/json', 'application/yaml'];

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

export const refOf = ({ path }: Call): Ref => ({
  namespace: path.namespace,
  name: path.name ?? '',
});

export const invalidOptions = (kind: string, cause: Cause): ApiError =>
  invalid({ group: 'meta.k8s.io', plural: kind, kind, name: '' }, [cause]);

export function isDryRun(query: URLSearchParams, more: readonly string[] = []): boolean {
  const asked = [...query.getAll('dryRun'), ...more].filter((value) => value !== '');
  if (asked.every((value) => value === 'All')) return asked.length > 0;
  throw invalidOptions('Options', {
    reason: 'FieldValueNotSupported',
    field: 'dryRun',
    message: `Unsupported value: ${JSON.stringify(asked)}: supported values: "All"`,
  });
}

export function writeOptions(call: Call): WriteOptions {
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

export function answer(call: Call, object: KubeObject, code = 200): Answer {
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

export function scalePaths(resource: Resource): ScalePaths {
  if (resource.scale !== undefined) return resource.scale;
  throw new ApiError(404, 'the server could not find the requested resource');
}

/** Where a page that was cut short goes on, and the version of the list that it is a part of. */
interface Place {
  readonly version: number;
  readonly after: string;
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

const tokenOf = ({ version, after }: Place): string =>
  Buffer.from(`${version}:${after}`).toString('base64url');

/** What `tokenOf` wrote; anything else would be an empty page that looks like the end. */
function placeOf(token: string): Place | undefined {
  if (token === '') return undefined;
  const text = Buffer.from(token, 'base64url').toString();
  const [, version, after = ''] = /^(\d+):(.*\/.*)$/s.exec(text) ?? [];
  const place = { version: Number(version), after };
  if (tokenOf(place) === token) return place;
  throw badRequest('continue key is not valid: start the list again');
}

function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 0);
  if (Number.isInteger(limit)) return limit;
  throw badRequest(`limit: Invalid value: "${query.get('limit') ?? ''}": must be a whole number`);
}

/**
 * Every page has the version of the first: what changes while they are read, such as an object of an
 * earlier page that goes, is told by a watch that begins there.
 */
function page(
  objects: readonly KubeObject[],
  query: URLSearchParams,
  newest: number,
): { items: readonly KubeObject[]; metadata: Dict } {
  const place = placeOf(query.get('continue') ?? '');
  const rest = place === undefined ? objects : objects.filter((one) => keyOf(one) > place.after);
  const limit = limitOf(query);
  const version = place?.version ?? newest;
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const last = items.at(-1);
  const metadata = { resourceVersion: String(version) };
  if (last === undefined || items.length === rest.length) return { items, metadata };
  const next = tokenOf({ version, after: keyOf(last) });
  const remainingItemCount = rest.length - items.length;
  return { items, metadata: { ...metadata, continue: next, remainingItemCount } };
}

export function listAnswer(call: Call, found: readonly KubeObject[]): Answer {
  const { api, resource, query } = call;
  const { items: chosen, metadata } = page(found, query, api.store.version);
  if (call.shape === 'table') {
    const options = {
      nowMs: api.nowMs(),
      include: query.get('includeObject'),
      withHeader: true,
      metadata,
    };
    return { code: 200, json: JSON.stringify(tableOf(resource, chosen, options)) };
  }
  const isBare = call.shape === 'metadata';
  const head = isBare
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
  const items = chosen.map((object) =>
    isBare ? JSON.stringify(bareMetadata(object)) : jsonOf(object),
  );
  const start = JSON.stringify({ ...head, metadata }).slice(0, -1);
  return { code: 200, json: `${start},"items":[${items.join(',')}]}` };
}
