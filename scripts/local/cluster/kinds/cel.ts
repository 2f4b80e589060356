// Validation rules of custom resources (`x-kubernetes-validations`), in CEL.
import { Environment } from '@marcbachmann/cel-js';
import { badValue, type Cause } from '../api/errors.ts';
import { at, isDict, textAt, type Dict } from '../types.ts';

type Checked = (self: unknown, oldSelf: unknown) => Cause[];

/** CEL tells int from double: the schema says which one a JSON number is. */
function toCelNumber(value: number, schema: unknown): number | bigint {
  const type = textAt(schema, 'type');
  return Number.isInteger(value) && type !== 'number' ? BigInt(value) : value;
}

function toCel(value: unknown, schema: unknown): unknown {
  if (typeof value === 'number') return toCelNumber(value, schema);
  if (Array.isArray(value)) {
    return (value as unknown[]).map((item) => toCel(item, at(schema, 'items')));
  }
  if (!isDict(value)) return value;
  const rest = at(schema, 'additionalProperties');
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      toCel(item, at(schema, 'properties', key) ?? rest),
    ]),
  );
}

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });

interface Rule {
  rule: string;
  message?: string;
  messageExpression?: string;
  fieldPath?: string;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);

/** Rules are about whole objects: the API server shows the type of one, not all of it. */
const typeName = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);

function compile(rule: Rule, schema: Dict, where: string): (path: string) => Checked {
  const run = environment.parse(rule.rule);
  const explain =
    rule.messageExpression === undefined ? undefined : environment.parse(rule.messageExpression);
  const isTransition = /\boldSelf\b/.test(rule.rule);
  const verdict = (context: Dict): string | undefined => {
    try {
      if (run(context) === true) return undefined;
      if (explain !== undefined) return String(explain(context) as unknown);
      return rule.message ?? `failed rule: ${rule.rule}`;
    } catch (error) {
      return `rule of ${where} could not be evaluated: ${rule.rule}: ${messageOf(error)}`;
    }
  };
  return (path) => (self, oldSelf) => {
    if (isTransition && oldSelf === undefined) return [];
    const old = oldSelf === undefined ? {} : { oldSelf: toCel(oldSelf, schema) };
    const problem = verdict({ self: toCel(self, schema), ...old });
    return problem === undefined
      ? []
      : [badValue(`${path}${rule.fieldPath ?? ''}`, typeName(self), problem)];
  };
}

export type RuleCheck = (value: unknown, previous: unknown, path: string) => Cause[];

/** An API server tries a default as it stands, before the defaults of its fields are filled in. */
function bearsDefault(schema: Dict, check: RuleCheck, where: string): RuleCheck {
  const [broken] = check(schema['default'], undefined, 'default');
  if (broken !== undefined) throw new Error(`${where}: ${broken.field}: ${broken.message}`);
  return check;
}

/**
 * All rules of a schema and of what is inside it, as one check. Throws for a rule that is no CEL,
 * when the definition is stored and not when an object is.
 */
export function compileRules(schema: unknown, where: string): RuleCheck {
  if (!isDict(schema)) return () => [];
  const given = schema['x-kubernetes-validations'];
  const own = (Array.isArray(given) ? (given as Rule[]) : []).map((rule) => {
    try {
      return compile(rule, schema, where);
    } catch (error) {
      throw new Error(
        `${where}: rule "${rule.rule}": ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  });
  const properties = Object.entries(isDict(schema['properties']) ? schema['properties'] : {}).map(
    ([name, inner]) => ({ name, check: compileRules(inner, `${where}.${name}`) }),
  );
  const items = compileRules(schema['items'], `${where}[]`);
  const additional = compileRules(schema['additionalProperties'], `${where}[*]`);
  const all: RuleCheck = (value, previous, path) => {
    const causes = own.flatMap((check) =>
      value === undefined || value === null ? [] : check(path)(value, previous ?? undefined),
    );
    if (Array.isArray(value)) {
      // Items of a list have no previous value: which one would be meant is not known.
      causes.push(
        ...(value as unknown[]).flatMap((item, i) => items(item, undefined, `${path}[${i}]`)),
      );
    }
    if (!isDict(value)) return causes;
    const old = isDict(previous) ? previous : {};
    const known = new Set(properties.map(({ name }) => name));
    for (const { name, check } of properties) {
      causes.push(...check(value[name], old[name], path === '' ? name : `${path}.${name}`));
    }
    for (const [name, inner] of Object.entries(value)) {
      if (!known.has(name)) causes.push(...additional(inner, old[name], `${path}.${name}`));
    }
    return causes;
  };
  return bearsDefault(schema, all, where);
}
