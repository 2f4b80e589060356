// Request bodies: JSON or YAML, at most 3 MiB as in the API server.
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { isTooDeep } from '#shared/runtime/json.ts';
import { readAtMost } from '../../request-body.ts';
import { ApiError, badRequest } from '../api/errors.ts';
import { isDict, type Dict, type NewObject } from '../types.ts';

const LIMIT_BYTES = 3 * 1024 * 1024;

const oversized = (): ApiError =>
  new ApiError(413, `the request body is larger than ${LIMIT_BYTES} bytes`);

export const mediaType = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

const isYaml = (type: string): boolean => type.includes('yaml');

/** `kubectl create namespace x` and its like speak protobuf to built-in kinds, and nothing else. */
const hintFor = (type: string): string =>
  type.endsWith('protobuf')
    ? '; this API speaks no protobuf: add --dry-run=client -o yaml and pipe it to kubectl apply -f -'
    : '';

/** The body as data; 415 for a type outside `types`, 400 for text that cannot be read. */
export async function readBody(
  request: IncomingMessage,
  types: readonly string[],
): Promise<unknown> {
  const type = mediaType(request);
  if (!types.includes(type)) {
    throw new ApiError(
      415,
      `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')} (got ${type})${hintFor(type)}`,
    );
  }
  const text = (await readAtMost(request, LIMIT_BYTES, oversized)).toString('utf8');
  if (text === '') return undefined;
  try {
    const body = (isYaml(type) ? parse(text) : JSON.parse(text)) as unknown;
    if (!isTooDeep(body)) return body;
    throw new Error('nested too deep');
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw badRequest(`the body cannot be read as ${isYaml(type) ? 'YAML' : 'JSON'}: ${why}`);
  }
}

/** The body as an object of the API; `defaults` stand in for what it leaves out. */
export function asObject(given: unknown, defaults: Dict = {}): NewObject {
  const body = isDict(given) ? { ...defaults, ...given } : given;
  if (!isDict(body) || typeof body['apiVersion'] !== 'string' || typeof body['kind'] !== 'string') {
    throw badRequest("Object 'Kind' is missing: apiVersion and kind must be set");
  }
  const metadata = body['metadata'] ?? {};
  if (!isDict(metadata)) throw badRequest('metadata: must be an object');
  return { ...body, metadata } as NewObject;
}
