// A structural schema at work: defaults, pruning and validation as the API server does them.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { badValue, missingValue, type Cause } from '../api/errors.ts';
import { isDict, type Dict, type NewObject } from '../types.ts';
import { compileRules } from './cel.ts';
import type { Schema } from './resource.ts';

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  validateFormats: true,
  logger: false,
  verbose: true,
});
ajv.addFormat('int32', { type: 'number', validate: (n: number) => Math.abs(n) <= 2 ** 31 });
ajv.addFormat(
  'date-time',
  (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
);
for (const format of ['int64', 'float', 'double'])
  ajv.addFormat(format, { type: 'number', validate: () => true });
for (const format of ['byte', 'password', 'uri', 'duration', 'hostname', 'uuid', 'email', 'ipv4', 'ipv6', 'cidr', 'date']) {
  ajv.addFormat(format, true);
} // prettier-ignore

/** OpenAPI 3.0 as Kubernetes uses it, in the words of JSON schema. */
function toJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return (schema as unknown[]).map(toJsonSchema);
  if (!isDict(schema)) return schema;
  const result: Dict = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-kubernetes-') || key === 'default' || key === 'description') continue;
    if (key === 'enum')
      result[key] = schema['nullable'] === true ? [...(value as unknown[]), null] : value;
    else if (key === 'properties') result[key] = mapValues(value, toJsonSchema);
    else result[key] = toJsonSchema(value);
  }
  for (const [flag, limit] of [['exclusiveMinimum', 'minimum'], ['exclusiveMaximum', 'maximum']] as const) {
    if (schema[flag] === undefined) continue;
    Reflect.deleteProperty(result, flag);
    if (schema[flag] !== true) continue;
    result[flag] = schema[limit];
    Reflect.deleteProperty(result, limit);
  } // prettier-ignore
  if (schema['x-kubernetes-int-or-string'] === true) result['type'] = ['integer', 'string'];
  return result;
}

const mapValues = (value: unknown, change: (inner: unknown) => unknown): Dict =>
  Object.fromEntries(
    Object.entries(isDict(value) ? value : {}).map(([key, inner]) => [key, change(inner)]),
  );

/** Fields every object has, whatever its schema says; their own rules are elsewhere. */
const ROOT_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

function prepareFields(value: Dict, schema: Dict, at: { path: string; dropped: string[] }): void {
  const properties = isDict(schema['properties']) ? schema['properties'] : {};
  const free = schema['x-kubernetes-preserve-unknown-fields'] === true;
  for (const key of Object.keys(value)) {
    if (at.path === '' && ROOT_FIELDS.has(key)) continue;
    const inner = properties[key] ?? schema['additionalProperties'];
    const path = at.path === '' ? key : `${at.path}.${key}`;
    if (isDict(inner)) {
      if (value[key] === null && inner['nullable'] !== true) Reflect.deleteProperty(value, key);
      else prepare(value[key], inner, { ...at, path });
    } else if (!free && inner !== true) {
      Reflect.deleteProperty(value, key);
      at.dropped.push(path);
    }
  }
  for (const [key, inner] of Object.entries(properties)) {
    if (value[key] !== undefined || !isDict(inner) || inner['default'] === undefined) continue;
    value[key] = structuredClone(inner['default']);
    prepare(value[key], inner, { ...at, path: `${at.path}.${key}` });
  }
}

function prepare(value: unknown, schema: Dict, at: { path: string; dropped: string[] }): void {
  if (Array.isArray(value) && isDict(schema['items'])) {
    const items = schema['items'];
    (value as unknown[]).forEach((item, i) =>
      prepare(item, items, { ...at, path: `${at.path}[${i}]` }),
    );
  } else if (isDict(value)) {
    prepareFields(value, schema, at);
  }
}

const fieldOf = (error: ErrorObject): string =>
  error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (path, part) =>
        /^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`,
      '',
    );

const LIMITS: Record<string, string> = {
  '>=': 'greater than or equal to',
  '<=': 'less than or equal to',
  '>': 'greater than',
  '<': 'less than',
};

function cause(error: ErrorObject): Cause {
  const field = fieldOf(error);
  const params = error.params as Dict;
  if (error.keyword === 'required') {
    return missingValue(
      [field, String(params['missingProperty'])].filter((part) => part !== '').join('.'),
    );
  }
  if (error.keyword === 'enum') {
    const allowed = (params['allowedValues'] as unknown[])
      .map((value) => JSON.stringify(value))
      .join(', ');
    return {
      reason: 'FieldValueNotSupported',
      field,
      message: `Unsupported value: ${JSON.stringify(error.data)}: supported values: ${allowed}`,
    };
  }
  const limit = LIMITS[String(params['comparison'])];
  if (limit !== undefined) {
    return badValue(
      field,
      error.data,
      `${field} in body should be ${limit} ${String(params['limit'])}`,
    );
  }
  return badValue(field, error.data, `${field} in body ${error.message ?? 'is not valid'}`);
}

function broken(validate: ValidateFunction, object: unknown): Cause[] {
  if (validate(object)) return [];
  const seen = new Map(
    (validate.errors ?? []).map((error) => [
      `${error.instancePath} ${error.keyword}`,
      cause(error),
    ]),
  );
  return [...seen.values()];
}

/** Compiles the schema of a custom resource. Throws where the schema or a rule cannot be read. */
export function compileSchema(openapi: Dict, name: string): Schema {
  const validate = ajv.compile(toJsonSchema(openapi) as Dict);
  const rules = compileRules(openapi, name);
  return {
    prepare(object: NewObject): string[] {
      const dropped: string[] = [];
      prepare(object, openapi, { path: '', dropped });
      return dropped;
    },
    check(object, previous) {
      const causes = broken(validate, object);
      // Rules are for objects of the right shape, as in the API server.
      return causes.length > 0 ? causes : rules(object, previous, '');
    },
  };
}
