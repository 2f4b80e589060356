// The HTTP side of the embedded Kubernetes API.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Api } from '../api/api.ts';
import { ApiError } from '../api/errors.ts';
import type { Catalogue } from '../kinds/catalogue.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Dict } from '../types.ts';
import {
  AGGREGATED,
  VERSION,
  aggregated,
  coreVersions,
  groupList,
  oneGroup,
  resourceList,
} from './discovery.ts';
import { openapiIndex, openapiOf } from './openapi.ts';
import { parsePath, type ApiPath } from './path.ts';
import { serve } from './verbs.ts';

/** Text of a pod's output, as `kubectl logs` shows it. */
type LogReader = (
  pod: { namespace: string; name: string },
  tailLines: number | undefined,
) => string;

export interface ServerOptions {
  readonly port: number;
  readonly readLog: LogReader;
  /** Told about failures of our own; the client gets a 500. */
  readonly onBug: (error: unknown, what: string) => void;
}

const unknownPath = (): ApiError =>
  new ApiError(404, 'the server could not find the requested resource');

function send(response: ServerResponse, code: number, body: { json: string; type?: string }): void {
  response.writeHead(code, {
    'content-type': body.type ?? 'application/json',
    'content-length': Buffer.byteLength(body.json),
    'cache-control': 'no-cache, private',
  });
  response.end(body.json);
}

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);

const FIXED_DOCUMENTS: Record<string, (catalogue: Catalogue) => Dict | undefined> = {
  '/version': () => VERSION,
  '/api': coreVersions,
  '/apis': groupList,
  '/api/v1': (catalogue) => resourceList(catalogue, 'v1'),
  '/openapi/v3': openapiIndex,
};

/** Documents about the API itself; undefined for any other path. */
function documentAt({ catalogue }: Api, pathname: string): Dict | undefined {
  const fixed = FIXED_DOCUMENTS[pathname];
  if (fixed !== undefined) return fixed(catalogue);
  const openapi = /^\/openapi\/v3\/apis?\/(.+)$/.exec(pathname)?.[1];
  if (openapi !== undefined) return openapiOf(catalogue, openapi);
  const group = /^\/apis\/([^/]+)(\/[^/]+)?$/.exec(pathname);
  if (group === null) return undefined;
  const [, name = '', version] = group;
  return version === undefined
    ? oneGroup(catalogue, name)
    : resourceList(catalogue, name + version);
}

/** Newer clients ask for all groups at once at `/api` and `/apis`. */
const wantsAll = (request: IncomingMessage, pathname: string): boolean =>
  (pathname === '/api' || pathname === '/apis') &&
  (request.headers.accept ?? '').replaceAll(' ', '').includes(AGGREGATED);

export class ApiServer {
  readonly #api: Api;
  readonly #options: ServerOptions;
  readonly #server: Server;

  constructor(api: Api, options: ServerOptions) {
    this.#api = api;
    this.#options = options;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    // Watches are long and quiet: no time-out on them. Idle keep-alive connections go after 75 s.
    this.#server.requestTimeout = 0;
    this.#server.keepAliveTimeout = 75_000;
  }

  /** Listens on 127.0.0.1; returns the port, which the system picks for 0. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, '127.0.0.1', () => resolve());
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      const isOurs = !(error instanceof ApiError);
      if (isOurs) this.#options.onBug(error, `${request.method ?? ''} ${request.url ?? ''}`);
      const told = isOurs ? new ApiError(500, 'Internal error occurred') : error;
      if (response.headersSent) response.destroy();
      else send(response, told.code, { json: JSON.stringify(told.toStatus()) });
      request.resume(); // what is left of a body nobody read
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = readUrl(request.url ?? '/');
    const pathname = url.pathname.replace(/(.)\/$/, '$1');
    if (HEALTH.has(pathname)) {
      send(response, 200, { json: 'ok', type: 'text/plain' });
      return;
    }
    const path = readPath(pathname);
    if (path === undefined) {
      this.#document(request, response, pathname);
      return;
    }
    const resource = this.#api.catalogue.byPlural(path.apiVersion, path.plural);
    if (resource === undefined) throw unknownPath();
    if (path.subresource === 'log' && resource.kind === 'Pod') {
      this.#sendLog(response, { resource, path, query: url.searchParams });
      return;
    }
    const answer = await serve({
      api: this.#api,
      resource,
      path,
      query: url.searchParams,
      request,
      response,
    });
    if (answer !== undefined) send(response, answer.code, answer);
  }

  #sendLog(
    response: ServerResponse,
    what: { resource: Resource; path: ApiPath; query: URLSearchParams },
  ): void {
    const { namespace, name = '' } = what.path;
    const { metadata } = this.#api.get(what.resource, { namespace, name });
    const lines = what.query.get('tailLines');
    const ref = { namespace: metadata.namespace ?? '', name: metadata.name };
    const text = this.#options.readLog(ref, lines === null ? undefined : Number(lines));
    send(response, 200, { json: text, type: 'text/plain' });
  }

  #document(request: IncomingMessage, response: ServerResponse, pathname: string): void {
    if (request.method !== 'GET') throw unknownPath();
    if (wantsAll(request, pathname)) {
      const all = aggregated(this.#api.catalogue, pathname === '/api' ? 'api' : 'apis');
      send(response, 200, { json: JSON.stringify(all), type: AGGREGATED });
      return;
    }
    const found = documentAt(this.#api, pathname);
    if (found === undefined) throw unknownPath();
    send(response, 200, { json: JSON.stringify(found) });
  }
}

/** A URL that cannot be read, such as `//`, names nothing. */
function readUrl(text: string): URL {
  const url = URL.parse(`http://localhost${text}`);
  if (url === null) throw unknownPath();
  return url;
}

/** A path that cannot be decoded names nothing. */
function readPath(pathname: string): ApiPath | undefined {
  try {
    return parsePath(pathname);
  } catch {
    throw unknownPath();
  }
}
