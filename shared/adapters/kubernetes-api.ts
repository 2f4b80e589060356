import { KubeConfig } from '@kubernetes/client-node';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { NimbusError, messageOf } from '../errors.ts';
import { exchange, type Answer } from './http.ts';

export type Json = Record<string, unknown>;

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const;

interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path without query, such as `/api/v1/namespaces/a/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly patch?: keyof typeof PATCH_TYPES;
  /** Of a list: without what the objects hold, which may be much. */
  readonly metadataOnly?: boolean;
}

/** What the API server said no to, by its status and reason. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/**
 * For calls whose refusal nobody here can do anything about, such as a right that is missing or a quota
 * that is used up: whoever reads of it gets the API server's words.
 */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    throw new NimbusError('upstream.unavailable', cause.message, { cause });
  }
}

/** Answers of the Kubernetes API as plain JSON. 404 is undefined; other refusals are an ApiError. */
export interface KubernetesApi {
  request(request: ApiRequest): Promise<Json | undefined>;
  close(): void;
}

const CREDENTIALS_MS = 30_000; // a projected token lives for minutes and is replaced well before its end
const MAX_ATTEMPTS = 3;

const parse = (text: string): Json => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
};

/** A page of some proxy is no empty answer: nothing that is there would be missing. */
function document({ method, path }: ApiRequest, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new NimbusError('upstream.unavailable', `${method} ${path}: the answer is not JSON`, {
      cause,
    });
  }
}

function refusal(request: ApiRequest, answer: Answer): Error {
  const status = parse(answer.text);
  const reason = typeof status['reason'] === 'string' ? status['reason'] : `${answer.status}`;
  const said = typeof status['message'] === 'string' ? status['message'] : answer.text;
  const message = `${request.method} ${request.path}: ${answer.status} ${said.slice(0, 500)}`;
  const cause = new ApiError(answer.status, reason, message);
  if (answer.status === 409) return new NimbusError('target.conflict', message, { cause });
  if (answer.status === 429) return new NimbusError('upstream.throttled', message, { cause });
  if (answer.status >= 500) return new NimbusError('upstream.unavailable', message, { cause });
  return cause;
}

/** Connection settings of the moment. The agent stays the same while the server's identity does. */
function connection(config: KubeConfig, timeoutMs: number) {
  let agent: http.Agent | undefined;
  let options: https.RequestOptions | undefined;
  let readAtMs = 0;

  const agentFor = (fresh: https.RequestOptions, plain: boolean): http.Agent => {
    const keep = { keepAlive: true, maxSockets: 16, timeout: timeoutMs };
    if (plain) return new http.Agent(keep);
    const { ca, cert, key, rejectUnauthorized, servername } = fresh;
    return new https.Agent({
      ...keep,
      ca,
      cert,
      key,
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(servername === undefined ? {} : { servername }),
    });
  };

  /** Credentials go over TLS only. */
  const read = async (): Promise<https.RequestOptions> => {
    const cluster = config.getCurrentCluster();
    if (cluster?.server.startsWith('https:') !== true) {
      agent ??= agentFor({}, true);
      return { agent, headers: {} };
    }
    const fresh: https.RequestOptions = {};
    await config.applyToHTTPSOptions(fresh);
    if (cluster.proxyUrl !== undefined) agent = fresh.agent as http.Agent;
    agent ??= agentFor(fresh, false);
    const headers = { ...(fresh.headers as http.OutgoingHttpHeaders | undefined) };
    return { agent, headers, ...(typeof fresh.auth === 'string' ? { auth: fresh.auth } : {}) };
  };

  return {
    async options(): Promise<https.RequestOptions> {
      if (options !== undefined && performance.now() - readAtMs < CREDENTIALS_MS) return options;
      options = await read();
      readAtMs = performance.now();
      return options;
    },
    close: () => agent?.destroy(),
  };
}

const urlOf = (server: string, request: ApiRequest): URL => {
  const url = new URL(server.replace(/\/$/, '') + request.path);
  for (const [name, value] of Object.entries(request.query ?? {}))
    url.searchParams.set(name, value);
  return url;
};

/** A server that knows no other form answers with whole objects. */
const METADATA_ONLY =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json';

const contentType = (request: ApiRequest): string =>
  request.patch === undefined ? 'application/json' : PATCH_TYPES[request.patch];

/**
 * The Kubernetes REST API of the current context (KUBECONFIG, else the pod's service account), over
 * connections that stay open: `client-node` reads the configuration and gives the credentials; its
 * generated clients would open a connection per request. A GET is tried three times on 429, 5xx and
 * lost connections, honouring Retry-After up to a second; a write once: its caller knows how to go on.
 * Throws `target.conflict`, `upstream.throttled`, `upstream.unavailable`, or an ApiError for the rest.
 */
export function kubernetesApi(options: { timeoutMs: number; config?: KubeConfig }): KubernetesApi {
  const config = options.config ?? new KubeConfig();
  if (options.config === undefined) config.loadFromDefault();
  const { server } = config.getCurrentCluster() ?? { server: 'http://127.0.0.1:8001' };
  const connected = connection(config, options.timeoutMs);

  const once = async (request: ApiRequest): Promise<Answer> => {
    const { headers, ...rest } = await connected.options();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const settings = {
      ...rest,
      method: request.method,
      timeout: options.timeoutMs,
      headers: {
        ...(headers as http.OutgoingHttpHeaders),
        accept: request.metadataOnly === true ? METADATA_ONLY : 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType(request) }),
      },
      ...(body === undefined ? {} : { body }),
    };
    try {
      return await exchange(urlOf(server, request), settings);
    } catch (cause) {
      const why = messageOf(cause);
      throw new NimbusError('upstream.unavailable', `${request.method} ${request.path}: ${why}`, {
        cause,
      });
    }
  };

  const attempt = async (request: ApiRequest, left: number): Promise<Json | undefined> => {
    const answer = await once(request).catch((error: unknown): Answer => {
      if (left <= 1) throw error;
      return { status: 503, headers: {}, text: '' };
    });
    if (answer.status < 300) return document(request, answer.text);
    if (answer.status === 404) return undefined;
    const again = answer.status === 429 || answer.status >= 500;
    if (!again || left <= 1) throw refusal(request, answer);
    const askedMs = Number(answer.headers['retry-after'] ?? 0) * 1000;
    await sleep(Math.min(1000, askedMs || 50 * (MAX_ATTEMPTS + 1 - left)));
    return attempt(request, left - 1);
  };

  return {
    request: (request) => attempt(request, request.method === 'GET' ? MAX_ATTEMPTS : 1),
    close: () => connected.close(),
  };
}
