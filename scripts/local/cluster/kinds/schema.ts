// A structural schema at work: defaults, pruning and validation as the API server does them.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { badValue, missingValue, type Cause } from '../api/errors.ts';
import { at, isDict, type Dict, type NewObject } from '../types.ts';
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

/** Words of JSON schema that mean something else there, or nothing. */
const LEFT_OUT = new Set(['default', 'description', 'exclusiveMinimum', 'exclusiveMaximum']);

/** In OpenAPI 3.0 `exclusiveMinimum` is a flag of `minimum`; in JSON schema it is the limit itself. */
function limits(schema: Dict): Dict {
  const pairs = [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const;
  return Object.fromEntries(
    pairs.flatMap(([flag, limit]) =>
      schema[flag] === true
        ? [
            [flag, schema[limit]],
            [limit, undefined],
          ]
        : [],
    ),
  );
}

function word(key: string, value: unknown, schema: Dict): unknown {
  if (key === 'properties') return mapValues(value, toJsonSchema);
  if (key === 'enum') return schema['nullable'] === true ? [...(value as unknown[]), null] : value;
  return toJsonSchema(value);
}

/** OpenAPI 3.0 as Kubernetes uses it, in the words of JSON schema. */
function toJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return (schema as unknown[]).map(toJsonSchema);
  if (!isDict(schema)) return schema;
  const words = Object.entries(schema)
    .filter(([key]) => !key.startsWith('x-kubernetes-') && !LEFT_OUT.has(key))
    .map(([key, value]) => [key, word(key, value, schema)]);
  const isEither = schema['x-kubernetes-int-or-string'] === true;
  const type = isEither ? { type: ['integer', 'string'] } : {};
  const all: Dict = { ...(Object.fromEntries(words) as Dict), ...limits(schema), ...type };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const mapValues = (value: unknown, change: (inner: unknown) => unknown): Dict =>
  Object.fromEntries(
    Object.entries(isDict(value) ? value : {}).map(([key, inner]) => [key, change(inner)]),
  );

/** Fields every object has, whatever its schema says; their own rules are elsewhere. */
const ROOT_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

interface Place {
  readonly path: string;
  readonly dropped: string[];
}

const inside = ({ path, dropped }: Place, key: string): Place => ({
  path: path === '' ? key : `${path}.${key}`,
  dropped,
});

function prepareField(value: Dict, key: string, how: { schema: Dict; place: Place }): void {
  const { schema, place } = how;
  const inner = at(schema, 'properties', key) ?? schema['additionalProperties'];
  if (isDict(inner)) {
    const isMissing = value[key] === null && inner['nullable'] !== true;
    if (isMissing) Reflect.deleteProperty(value, key);
    else prepare(value[key], inner, inside(place, key));
  } else if (schema['x-kubernetes-preserve-unknown-fields'] !== true && inner !== true) {
    Reflect.deleteProperty(value, key);
    place.dropped.push(inside(place, key).path);
  }
}

function prepareFields(value: Dict, schema: Dict, place: Place): void {
  for (const key of Object.keys(value)) {
    if (place.path !== '' || !ROOT_FIELDS.has(key)) prepareField(value, key, { schema, place });
  }
  const properties = isDict(schema['properties']) ? schema['properties'] : {};
  for (const [key, inner] of Object.entries(properties)) {
    if (value[key] !== undefined || !isDict(inner) || inner['default'] === undefined) continue;
    value[key] = structuredClone(inner['default']);
    prepare(value[key], inner, inside(place, key));
  }
}

function prepare(value: unknown, schema: Dict, place: Place): void {
  const items = schema['items'];
  if (Array.isArray(value) && isDict(items)) {
    (value as unknown[]).forEach((item, i) =>
      prepare(item, items, { ...place, path: `${place.path}[${i}]` }),
    );
  } else if (isDict(value)) {
    prepareFields(value, schema, place);
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
  if (error.keyword === 'type') {
    const found = Array.isArray(error.data) ? 'array' : typeof error.data;
    const wanted = `${field} in body must be of type ${String(params['type'])}: "${found}"`;
    return badValue(field, found, wanted);
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
