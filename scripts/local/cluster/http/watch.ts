// Watches: a stream of changes from a version on, one JSON document per line.
import type { ServerResponse } from 'node:http';
import type { Api } from '../api/api.ts';
import { ApiError, badRequest } from '../api/errors.ts';
import { selection, type Matches } from '../api/selectors.ts';
import type { Change } from '../api/store.ts';
import { resourceId, apiVersionOf, type Resource } from '../kinds/resource.ts';
import type { KubeObject } from '../types.ts';
import { render, type Shape } from './table.ts';

const BOOKMARK_EVERY_MS = 60_000;
/** A reader that is further behind the changes is cut off; it lists again. */
const BACKLOG_LIMIT_BYTES = 16 * 1024 * 1024;
const DEFAULT_SECONDS = 3600;
/** A timer of Node can wait no longer. */
const MOST_SECONDS = 2_147_483;

type EventType = Change['type'];

/** How a change looks to somebody who sees only what `matches`. */
function seenAs(change: Change, matches: Matches): EventType | undefined {
  const isIn = matches(change.object);
  const wasIn = change.previous !== undefined && matches(change.previous);
  if (change.type === 'DELETED') return isIn || wasIn ? 'DELETED' : undefined;
  if (isIn) return wasIn ? 'MODIFIED' : 'ADDED';
  return wasIn ? 'DELETED' : undefined;
}

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  readonly shape: Shape;
}

/** One open watch. It closes when its time is up, its reader goes, or the reader is too slow. */
export class Watch {
  readonly #api: Api;
  readonly #request: WatchRequest;
  readonly #response: ServerResponse;
  readonly #matches: Matches;
  #hasHeader = false;
  /** What a watch begins with is written at once and may be more: cut off, it would never get through. */
  #limitBytes = Infinity;

  constructor(api: Api, request: WatchRequest, response: ServerResponse) {
    this.#api = api;
    this.#request = request;
    this.#response = response;
    const selected = selection(request.query, request.resource);
    this.#matches = (object) =>
      (request.namespace === undefined || object.metadata.namespace === request.namespace) &&
      selected(object);
  }

  start(): void {
    const { query, resource } = this.#request;
    const from = query.get('resourceVersion') ?? '';
    if (!/^\d*$/.test(from))
      throw badRequest(`resourceVersion: Invalid value: "${from}": must be a number`);
    this.#response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
    });
    this.#response.flushHeaders();
    try {
      this.#catchUp(from);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#line('ERROR', JSON.stringify(error.toStatus()));
      this.#response.end();
      return;
    }
    this.#limitBytes = BACKLOG_LIMIT_BYTES + this.#response.writableLength;
    const id = resourceId(resource);
    const unsubscribe = this.#api.store.subscribe((change) => {
      if (resourceId(change.resource) === id) this.#show(change);
    });
    const bookmarks = setInterval(() => this.#bookmark(), BOOKMARK_EVERY_MS);
    const asked = Number(query.get('timeoutSeconds'));
    const seconds = Math.min(asked > 0 ? asked : DEFAULT_SECONDS, MOST_SECONDS);
    const end = setTimeout(() => this.#response.end(), seconds * 1000);
    this.#response.on('close', () => {
      unsubscribe();
      clearInterval(bookmarks);
      clearTimeout(end);
    });
  }

  #catchUp(from: string): void {
    const { resource, namespace, query } = this.#request;
    const wantsInitial = query.get('sendInitialEvents') === 'true';
    if (from === '' || from === '0' || wantsInitial) {
      const present = this.#api.store.list(resource, namespace).filter(this.#matches);
      for (const object of present) this.#event('ADDED', object);
      if (wantsInitial) this.#bookmark({ 'k8s.io/initial-events-end': 'true' });
      return;
    }
    const version = Number(from);
    for (const change of this.#api.store.since(resource, version)) this.#show(change);
  }

  #show(change: Change): void {
    const type = seenAs(change, this.#matches);
    if (type !== undefined) this.#event(type, change.object);
  }

  #event(type: EventType, object: KubeObject): void {
    const { resource, query, shape } = this.#request;
    const text = render(resource, object, {
      shape,
      nowMs: this.#api.nowMs(),
      include: query.get('includeObject'),
      withHeader: !this.#hasHeader,
      metadata: { resourceVersion: object.metadata.resourceVersion },
    });
    this.#hasHeader = true;
    this.#line(type, text);
  }

  #line(type: string, object: string): void {
    this.#response.write(`{"type":"${type}","object":${object}}\n`);
    if (this.#response.writableLength > this.#limitBytes) this.#response.destroy();
  }

  /** Tells the reader how far it is, so that it can resume there. */
  #bookmark(annotations?: Record<string, string>): void {
    const { query, resource, shape } = this.#request;
    if (query.get('allowWatchBookmarks') !== 'true' || shape === 'table') return;
    const metadata = {
      resourceVersion: String(this.#api.store.version),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    this.#line(
      'BOOKMARK',
      JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata }),
    );
  }
}
