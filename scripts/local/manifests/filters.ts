// Trigger filters of Knative: the dialects of the CloudEvents Subscriptions API, except CESQL.
import { z } from 'zod';
import type { Filter, Variables } from './types.ts';

const DIALECTS = ['exact', 'prefix', 'suffix', 'all', 'any', 'not'] as const;

const Attributes = z
  .record(
    z.string().regex(/^[a-z0-9]+$/, 'attribute names have lower-case letters and digits only'),
    z.string().min(1, 'must not be empty'),
  )
  .refine((attributes) => Object.keys(attributes).length > 0, 'names no attribute');

const oneDialect = (item: Readonly<Record<string, unknown>>): string | undefined => {
  const names = Object.keys(item);
  const unknown = names.find((name) => !DIALECTS.some((dialect) => dialect === name));
  if (unknown !== undefined) {
    return `filter dialect ${unknown} is not supported (allowed: ${DIALECTS.join(', ')})`;
  }
  return names.length === 1
    ? undefined
    : `one dialect per item (got ${names.join(', ') || 'none'})`;
};

/** One item of `spec.filters`. */
export const FilterItem: z.ZodType<Filter> = z
  .record(z.string(), z.unknown())
  .superRefine((item, context) => {
    const problem = oneDialect(item);
    if (problem !== undefined) context.addIssue(problem);
  })
  .pipe(
    z.lazy(
      () =>
        z
          .strictObject({
            exact: Attributes.optional(),
            prefix: Attributes.optional(),
            suffix: Attributes.optional(),
            all: z.array(FilterItem).min(1).optional(),
            any: z.array(FilterItem).min(1).optional(),
            not: FilterItem.optional(),
          })
          .transform((item) => item as Filter), // exactly one of them, as checked above
    ),
  );

/** Context attributes of an event, extensions included, in their string form. */
export type Attributes = Readonly<Record<string, string | undefined>>;
export type Predicate = (attributes: Attributes) => boolean;

const everyAttribute = (
  wanted: Variables,
  test: (has: string, wants: string) => boolean,
): Predicate => {
  const entries = Object.entries(wanted);
  return (attributes) =>
    entries.every(([name, wants]) => {
      const has = attributes[name];
      return has !== undefined && test(has, wants); // a missing attribute never matches
    });
};

/** Makes the predicate of a filter once, so that matching an event allocates nothing. */
export function compileFilter(filter: Filter): Predicate {
  if ('exact' in filter) return everyAttribute(filter.exact, (has, wants) => has === wants);
  if ('prefix' in filter)
    return everyAttribute(filter.prefix, (has, wants) => has.startsWith(wants));
  if ('suffix' in filter) return everyAttribute(filter.suffix, (has, wants) => has.endsWith(wants));
  if ('not' in filter) {
    const inner = compileFilter(filter.not);
    return (attributes) => !inner(attributes);
  }
  if ('all' in filter) {
    const inner = filter.all.map(compileFilter);
    return (attributes) => inner.every((test) => test(attributes));
  }
  const inner = filter.any.map(compileFilter);
  return (attributes) => inner.some((test) => test(attributes));
}
