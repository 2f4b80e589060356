// The part of JSONPath that printer columns use:
// `.spec.mode`, `.status.conditions[?(@.type=="Ready")].status`, `.metadata.labels['a/b']`, `[0]`, `[*]`.
import { at, isDict } from '../types.ts';

type Step = (values: unknown[]) => unknown[];

const TOKEN =
  /^(?:\.((?:[^.[\]\\]|\\.)+)|\[\?\(@((?:\.[^.=!\s]+)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([^)]+))\)\]|\['([^']+)'\]|\["([^"]+)"\]|\[(\d+|\*)\])/;

const field =
  (name: string): Step =>
  (values) =>
    values.flatMap((value): unknown[] =>
      isDict(value) && value[name] !== undefined ? [value[name]] : [],
    );

const index =
  (position: string): Step =>
  (values) =>
    values.flatMap((value): unknown[] => {
      const list: unknown[] = Array.isArray(value) ? (value as unknown[]) : [];
      return position === '*' ? list : list.slice(Number(position)).slice(0, 1);
    });

const filter =
  (path: readonly string[], operator: string, wanted: string): Step =>
  (values) =>
    values.flatMap((value) =>
      (Array.isArray(value) ? (value as unknown[]) : []).filter(
        (item) => (String(at(item, ...path)) === wanted) === (operator === '=='),
      ),
    );

const firstOf = (...texts: readonly (string | undefined)[]): string =>
  texts.find((text) => text !== undefined) ?? '';

function step(match: RegExpExecArray): Step {
  const [, name, path, operator, a, b, c, quoted, doubleQuoted, position] = match;
  if (path !== undefined) {
    return filter(path.split('.').slice(1), firstOf(operator), firstOf(a, b, c?.trim()));
  }
  if (position !== undefined) return index(position);
  return field(firstOf(name, quoted, doubleQuoted).replaceAll(/\\(.)/g, '$1'));
}

/** Compiles a path; throws an Error that names the part which is not supported. */
export function compilePath(path: string): (object: unknown) => unknown[] {
  const steps: Step[] = [];
  let rest = path.replace(/^\{(.*)\}$/, '$1');
  if (!rest.startsWith('.') && !rest.startsWith('[')) rest = `.${rest}`;
  while (rest !== '') {
    const match = TOKEN.exec(rest);
    if (match === null) throw new Error(`JSONPath ${path}: cannot read "${rest}"`);
    steps.push(step(match));
    rest = rest.slice(match[0].length);
  }
  return (object) => steps.reduce((values, next) => next(values), [object]);
}
