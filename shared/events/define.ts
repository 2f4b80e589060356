import { z } from 'zod';
import { NimbusError, type FieldProblem } from '../errors.ts';

/** Attributes of a CloudEvent 1.0 as every hop of the chain sees them, extensions included. */
export interface Envelope {
  readonly specversion: '1.0';
  readonly id: string;
  /** URI reference of the sender, `/nimbusguard/<function>` for ours. */
  readonly source: string;
  readonly type: string;
  /** `namespace/name` of the target. */
  readonly subject?: string | undefined;
  /** RFC 3339. */
  readonly time?: string | undefined;
  readonly datacontenttype?: string | undefined;
  readonly dataschema?: string | undefined;
  /** UID of the target: the broker keeps the order per partition key. */
  readonly partitionkey?: string | undefined;
  /** W3C trace context of the originating beat, passed along unchanged. */
  readonly traceparent?: string | undefined;
  /** On a decision that is no news: it is sent because a minute has passed. Triggers filter by it. */
  readonly routine?: 'true' | undefined;
}

export interface CloudEventOf<T> extends Envelope {
  readonly data: T;
}

/** A CloudEvent whose data nobody has looked at yet. */
export type UnknownEvent = CloudEventOf<unknown>;

export interface EventDefinition<T> {
  readonly type: string;
  readonly schema: z.ZodType<T>;
  /** Builds the event; throws `event.malformed` when the data does not fit its own schema. */
  build(envelope: Omit<Envelope, 'specversion' | 'type'>, data: T): CloudEventOf<T>;
  /** Reads the event; throws `event.unusable` naming each wrong field with path and reason. */
  parse(event: UnknownEvent): CloudEventOf<T>;
}

const shown = (value: unknown): string => {
  // JSON has no word for NaN and infinities.
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      at === null || at === undefined ? undefined : (at as Record<PropertyKey, unknown>)[key],
    input,
  );

/** Keys that a strict object does not know are one issue of that object; each is a field to its sender. */
const perField = (issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, 'path' | 'message'>[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not a known field' }))
    : [issue];

/** What is wrong beyond so many fields is counted: a body of 1 MiB has room for 100,000 of them. */
const MAX_FIELDS = 50;
const MAX_PATH_CHARS = 200;

const wrongFields = (error: z.ZodError) => error.issues.flatMap(perField);

/** Turns a zod error into field problems, 50 at most: path, what stood there, what is allowed. */
export function fieldProblems(error: z.ZodError, input: unknown, prefix = ''): FieldProblem[] {
  const named = wrongFields(error).slice(0, MAX_FIELDS);
  return named.map((issue) => {
    const value = valueAt(input, issue.path);
    const path = [prefix, ...issue.path.map(String)]
      .filter((part) => part !== '')
      .join('.')
      .slice(0, MAX_PATH_CHARS);
    return {
      path,
      message: issue.message,
      ...(value === undefined ? {} : { value: shown(value) }),
    };
  });
}

const summary = (fields: readonly FieldProblem[], more: number): string =>
  fields
    .map(
      (f) =>
        `${f.path || 'document'}: ${f.message}${f.value === undefined ? '' : ` (got ${f.value})`}`,
    )
    .concat(more === 0 ? [] : [`and ${more} more`])
    .join('; ');

/**
 * Parses `input`, or throws a NimbusError of `code` that names every wrong field: the first 50 of them,
 * and how many more there are.
 */
export function parseOrThrow<T>(
  schema: z.ZodType<T>,
  input: unknown,
  options: {
    code: 'input.invalid' | 'event.unusable' | 'event.malformed';
    what: string;
    prefix?: string;
  },
): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const fields = fieldProblems(parsed.error, input, options.prefix);
  const more = wrongFields(parsed.error).length - fields.length;
  throw new NimbusError(options.code, `${options.what}: ${summary(fields, more)}`, { fields });
}

/** One event of the vocabulary. The version is part of the type; unknown fields are tolerated. */
export function defineEvent<T>(type: string, schema: z.ZodType<T>): EventDefinition<T> {
  return {
    type,
    schema,
    build(envelope, data) {
      parseOrThrow(schema, data, {
        code: 'event.malformed',
        what: `cannot build ${type}`,
        prefix: 'data',
      });
      return { specversion: '1.0', datacontenttype: 'application/json', ...envelope, type, data };
    },
    parse(event) {
      if (event.type !== type) {
        throw new NimbusError('event.unusable', `type: expected ${type} (got ${event.type})`, {
          fields: [{ path: 'type', message: `expected ${type}`, value: event.type }],
        });
      }
      const data = parseOrThrow(schema, event.data, {
        code: 'event.unusable',
        what: type,
        prefix: 'data',
      });
      return { ...event, data };
    },
  };
}
