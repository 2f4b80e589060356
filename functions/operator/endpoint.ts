// One declaration per route of the API: what it takes, what it answers, what it does. The OpenAPI
// document and the running routes are made from the same declaration.
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { parseOrThrow } from '#shared/events/index.ts';
import { readJson } from '#shared/runtime/json-body.ts';

/** A route as the OpenAPI document has it. */
interface Described {
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly operation: Record<string, unknown>;
}

interface Endpoint extends Described {
  readonly mount: (app: Hono) => void;
}

interface Description<Q, B> {
  readonly method: 'get' | 'post';
  /** In the notation of OpenAPI: `/api/decisions/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Of the path's and the query's parameters together. */
  readonly parameters?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  /** Of the answer; absent where it is not JSON. */
  readonly answer?: z.ZodType;
  readonly contentType?: string;
  /** Of success; 200 unless given. */
  readonly status?: number;
  /** Other statuses that a caller must expect, with their meaning. */
  readonly refusals?: Readonly<Record<number, string>>;
}

interface Declaration<Q, B> extends Description<Q, B> {
  handle(input: Q, body: B, c: Context): Promise<Response> | Response;
}

const PROBLEM = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
};

const jsonSchema = (schema: z.ZodType): Record<string, unknown> => {
  const document: Record<string, unknown> = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  });
  delete document['$schema']; // an OpenAPI document states its dialect once
  return document;
};

const parametersOf = (path: string, schema: z.ZodType | undefined): unknown[] => {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => {
    const inPath = path.includes(`{${name}}`);
    return {
      name,
      in: inPath ? 'path' : 'query',
      required: inPath || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: property,
    };
  });
};

function operationOf<Q, B>(described: Description<Q, B>): Record<string, unknown> {
  const { summary, path, parameters, body, answer, contentType, status = 200 } = described;
  const content =
    answer === undefined
      ? { [contentType ?? 'text/plain']: { schema: { type: 'string' } } }
      : { 'application/json': { schema: jsonSchema(answer) } };
  const hasInput = parameters !== undefined || body !== undefined;
  const invalid = hasInput ? { 400: 'Invalid input, field by field' } : {};
  const oversized = body === undefined ? {} : { 413: 'Body of more than 1 MiB' };
  const refusals = Object.entries({ ...invalid, ...oversized, ...described.refusals });
  return {
    summary,
    parameters: parametersOf(path, parameters),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(body) } },
          },
        }),
    responses: {
      [status]: { description: 'OK', content },
      ...Object.fromEntries(
        refusals.map(([code, description]) => [code, { description, content: PROBLEM }]),
      ),
    },
  };
}

/** A route that somebody else serves; `endpoint` describes its own. */
export const describe = <Q, B>(described: Description<Q, B>): Described => ({
  method: described.method,
  path: described.path,
  operation: operationOf(described),
});

/** Declares a route. Bad parameters and bodies are answered 400 before `handle` is called. */
export function endpoint<Q = Record<string, never>, B = undefined>(
  declared: Declaration<Q, B>,
): Endpoint {
  const { method, path, parameters, body } = declared;
  const what = `${method.toUpperCase()} ${path}`;
  const answer = async (c: Context): Promise<Response> => {
    const given = { ...c.req.query(), ...c.req.param() };
    const input = parameters
      ? parseOrThrow(parameters, given, { code: 'input.invalid', what })
      : ({} as Q);
    const read = body ? await readJson(c, body, what) : (undefined as B);
    return declared.handle(input, read, c);
  };
  return {
    ...describe(declared),
    mount: (app) => void app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), answer),
  };
}

/** The OpenAPI 3.1 document of `endpoints`. */
export function openApi(endpoints: readonly Described[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { path, method, operation } of endpoints) {
    paths[path] = { ...paths[path], [method]: operation };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'NimbusGuard operator',
      version: '1',
      description:
        'Decisions, targets and the health of the chain. Times are Unix milliseconds; null is unknown, never zero.',
    },
    paths,
    components: {
      schemas: {
        Problem: jsonSchema(
          z.object({
            type: z.string(),
            title: z.string(),
            status: z.int(),
            detail: z.string(),
            errors: z
              .array(
                z.object({ path: z.string(), message: z.string(), value: z.string().optional() }),
              )
              .optional(),
          }),
        ),
      },
    },
  };
}

export type { Declaration, Endpoint };
