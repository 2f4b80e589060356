// Label and field selectors, as strings in a query and as LabelSelector objects.
import { isDict, textAt, type KubeObject, type LabelSelector } from '../types.ts';
import type { Resource } from '../kinds/resource.ts';
import { badRequest } from './errors.ts';

export type Matches = (object: KubeObject) => boolean;

interface Requirement {
  key: string;
  operator: 'in' | 'notin' | 'exists' | '!exists';
  values: readonly string[];
}

const KEY = String.raw`[A-Za-z0-9][-A-Za-z0-9_./]*`;
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^)]*)\)$`);
const EQUAL = new RegExp(String.raw`^(${KEY})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)$`);
const EXISTS = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

/** Splits at commas that are not inside parentheses. */
const parts = (text: string): string[] =>
  text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');

const inSet = ([, key = '', operator = '', list = '']: RegExpExecArray): Requirement => ({
  key,
  operator: operator === 'in' ? 'in' : 'notin',
  values: list.split(',').map((value) => value.trim()),
});

const isEqual = ([, key = '', operator = '', value = '']: RegExpExecArray): Requirement => ({
  key,
  operator: operator === '!=' ? 'notin' : 'in',
  values: [value],
});

const isThere = ([, not = '', key = '']: RegExpExecArray): Requirement => ({
  key,
  operator: not === '!' ? '!exists' : 'exists',
  values: [],
});

const FORMS = [
  [SET, inSet],
  [EQUAL, isEqual],
  [EXISTS, isThere],
] as const;

function requirement(part: string): Requirement {
  for (const [form, read] of FORMS) {
    const match = form.exec(part);
    if (match !== null) return read(match);
  }
  throw badRequest(`unable to parse requirement: found '${part}'`);
}

function holds({ key, operator, values }: Requirement, labels: Record<string, string>): boolean {
  const value = labels[key];
  if (operator === 'exists') return value !== undefined;
  if (operator === '!exists') return value === undefined;
  const among = value !== undefined && values.includes(value);
  return operator === 'in' ? among : !among;
}

const onLabels =
  (requirements: readonly Requirement[]): Matches =>
  (object) =>
    requirements.every((one) => holds(one, object.metadata.labels ?? {}));

/** `app=web,tier in (a,b),!old`. Throws 400 for text that is no selector. */
export const labelSelector = (text: string): Matches => onLabels(parts(text).map(requirement));

const OPERATORS: Record<string, Requirement['operator']> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!exists',
};

function requirements(selector: LabelSelector): Requirement[] {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]): Requirement => ({
    key,
    operator: 'in',
    values: [value],
  }));
  const more = (selector.matchExpressions ?? []).map(({ key, operator, values }): Requirement => ({
    key,
    operator: OPERATORS[operator] ?? 'in',
    values: values ?? [],
  }));
  return [...equal, ...more];
}

/** A LabelSelector object; an empty one matches everything. */
export const matchesSelector = (selector: LabelSelector): Matches =>
  onLabels(requirements(selector));

/** The string form of a LabelSelector, as `/scale` gives it in its status. */
export const selectorText = (selector: LabelSelector): string =>
  requirements(selector)
    .map(({ key, operator, values }) => {
      if (operator === 'exists') return key;
      if (operator === '!exists') return `!${key}`;
      if (operator === 'in' && values.length === 1) return `${key}=${values[0] ?? ''}`;
      return `${key} ${operator} (${values.join(',')})`;
    })
    .join(',');

/** `metadata.name=web,status.phase!=Running`; only fields the kind allows. */
export function fieldSelector(text: string, resource: Resource): Matches {
  const wanted = parts(text).map((part) => {
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (match === null) throw badRequest(`invalid field selector: '${part}'`);
    const [, field = '', operator, value = ''] = match;
    if (!['metadata.name', 'metadata.namespace', ...resource.selectable].includes(field)) {
      throw badRequest(`field label not supported: ${field}`);
    }
    return { path: field.split('.'), equal: operator !== '!=', value };
  });
  return (object) =>
    wanted.every(({ path, equal, value }) => {
      const found =
        path[0] === 'source' ? textAt(object, 'source', 'component') : textAt(object, ...path);
      return (found === value) === equal;
    });
}

/** Both selectors of a query at once. */
export function selection(query: URLSearchParams, resource: Resource): Matches {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '', resource);
  return (object) => labels(object) && fields(object);
}

export const asSelector = (value: unknown): LabelSelector => (isDict(value) ? value : {});
