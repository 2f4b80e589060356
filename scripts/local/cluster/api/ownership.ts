// metadata.managedFields: who set which field, and server-side apply on top of it.
// The model is that of structured-merge-diff: each manager owns a set of leaf fields; an update
// moves what it changed to its manager; an apply that wants another value than an owner is refused.
import { isDeepStrictEqual } from 'node:util';
import {
  isDict,
  omit,
  type Dict,
  type KubeObject,
  type ManagedFields,
  type NewObject,
} from '../types.ts';
import { ApiError, type Cause } from './errors.ts';
import { isSet, keyed, mergeKey } from './lists.ts';

const SEPARATOR = '\u0001';
/** Fields nobody owns: identity and what the server fills in. */
const UNOWNED = new Set([
  'name', 'namespace', 'generateName', 'uid', 'resourceVersion', 'generation', 'creationTimestamp',
  'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields', 'selfLink',
]); // prettier-ignore

type Leaves = Map<string, unknown>;

function collect(value: unknown, path: readonly string[], into: Leaves): void {
  if (isDict(value) && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      if (inner !== undefined) collectField(key, inner, { path, into });
    }
  } else if (path.length > 0) {
    into.set(path.join(SEPARATOR), value);
  }
}

function collectField(
  key: string,
  value: unknown,
  to: { path: readonly string[]; into: Leaves },
): void {
  const path = [...to.path, `f:${key}`];
  if (!Array.isArray(value)) {
    collect(value, path, to.into);
    return;
  }
  const list = value as unknown[];
  const by = list.length === 0 ? undefined : mergeKey(key, list);
  if (by !== undefined) {
    for (const item of list as Dict[]) {
      collect(item, [...path, `k:${JSON.stringify({ [by]: item[by] })}`], to.into);
    }
  } else if (isSet(key)) {
    for (const item of list)
      to.into.set([...path, `v:${JSON.stringify(item)}`].join(SEPARATOR), item);
  } else {
    to.into.set(path.join(SEPARATOR), list);
  }
}

/** Every owned leaf field of an object with its value. */
function leaves(object: NewObject | KubeObject): Leaves {
  const into: Leaves = new Map();
  for (const [key, value] of Object.entries(object)) {
    if (key === 'apiVersion' || key === 'kind') continue;
    const owned =
      key === 'metadata' && isDict(value)
        ? Object.fromEntries(Object.entries(value).filter(([name]) => !UNOWNED.has(name)))
        : value;
    collectField(key, owned, { path: [], into });
  }
  into.delete('f:metadata');
  return into;
}

function toTree(paths: Iterable<string>): Dict {
  const root: Dict = {};
  for (const path of paths) {
    let here = root;
    for (const step of path.split(SEPARATOR)) here = (here[step] ??= {}) as Dict;
  }
  return root;
}

function toPaths(
  tree: Dict,
  prefix: readonly string[] = [],
  into = new Set<string>(),
): Set<string> {
  for (const [step, inner] of Object.entries(tree)) {
    if (step === '.') continue;
    const path = [...prefix, step];
    if (isDict(inner) && Object.keys(inner).some((key) => key !== '.')) toPaths(inner, path, into);
    else into.add(path.join(SEPARATOR));
  }
  return into;
}

export interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource: string;
  time: string;
}

const isOf = (entry: ManagedFields, writer: Writer): boolean =>
  entry.manager === writer.manager &&
  entry.operation === writer.operation &&
  (entry.subresource ?? '') === writer.subresource;

const entryOf = (apiVersion: string, writer: Writer, paths: Iterable<string>): ManagedFields => ({
  manager: writer.manager,
  operation: writer.operation,
  apiVersion,
  time: writer.time,
  fieldsType: 'FieldsV1',
  fieldsV1: toTree(paths),
  ...(writer.subresource === '' ? {} : { subresource: writer.subresource }),
});

function without(entry: ManagedFields, lost: (path: string) => boolean): ManagedFields[] {
  const paths = toPaths(entry.fieldsV1);
  const kept = [...paths].filter((path) => !lost(path));
  if (kept.length === paths.size) return [entry];
  return kept.length === 0 ? [] : [{ ...entry, fieldsV1: toTree(kept) }];
}

/** managedFields after an update: what it changed is its manager's, what is gone is nobody's. */
export function afterUpdate(
  previous: KubeObject | undefined,
  next: KubeObject,
  writer: Writer,
): ManagedFields[] {
  const before: Leaves = previous === undefined ? new Map<string, unknown>() : leaves(previous);
  const now = leaves(next);
  const changed = new Set(
    [...now.keys()].filter((path) => !isDeepStrictEqual(now.get(path), before.get(path))),
  );
  const entries = previous?.metadata.managedFields ?? [];
  const others = entries
    .filter((entry) => !isOf(entry, writer))
    .flatMap((entry) => without(entry, (path) => changed.has(path) || !now.has(path)));
  const own = entries.find((entry) => isOf(entry, writer));
  const kept = own === undefined ? [] : [...toPaths(own.fieldsV1)].filter((path) => now.has(path));
  if (changed.size === 0) {
    return [...others, ...(own === undefined ? [] : without(own, (path) => !now.has(path)))];
  }
  return [...others, entryOf(next.apiVersion, writer, [...kept, ...changed])];
}

const readable = (path: string): string =>
  path
    .split(SEPARATOR)
    .map((step) =>
      step.startsWith('f:')
        ? `.${step.slice(2)}`
        : `[${step.slice(2).replaceAll(/[{}]/g, '').replace(':', '=')}]`,
    )
    .join('');

function mergeLists(field: string, live: unknown, config: readonly unknown[]): unknown[] {
  const old: unknown[] = Array.isArray(live) ? (live as unknown[]) : [];
  if (isSet(field)) return [...new Set([...old, ...config])];
  const key = mergeKey(field, old, config);
  if (key === undefined) return [...config];
  const result = [...old];
  for (const item of config as readonly Dict[]) {
    const found = result.findIndex((other) => keyed(other, key, item[key]));
    if (found < 0) result.push(item);
    else result[found] = mergeApplied(result[found], item);
  }
  return result;
}

function mergeApplied(live: unknown, config: unknown, field = ''): unknown {
  if (Array.isArray(config)) return mergeLists(field, live, config as unknown[]);
  if (!isDict(config)) return config;
  const result: Dict = isDict(live) ? { ...live } : {};
  for (const [key, value] of Object.entries(config)) {
    result[key] = mergeApplied(result[key], value, key);
  }
  return result;
}

function dropField(value: Dict, name: string, rest: readonly string[]): Dict | undefined {
  const inner = rest.length === 0 ? undefined : drop(value[name], rest);
  const others = omit(value, name);
  if (inner !== undefined) return { ...value, [name]: inner };
  return Object.keys(others).length > 0 ? others : undefined;
}

function dropItem(list: readonly unknown[], step: string, rest: readonly string[]): unknown[] {
  const name = step.slice(2);
  if (step.startsWith('v:')) return list.filter((item) => JSON.stringify(item) !== name);
  const [key = '', wanted] = Object.entries(JSON.parse(name) as Dict)[0] ?? [];
  return list
    .map((item) => (keyed(item, key, wanted) ? drop(item, rest) : item))
    .filter((item) => item !== undefined);
}

/** Removes the field at a path of FieldsV1 steps; items and objects left empty go too. */
function drop(value: unknown, [step = '', ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) return dropItem(value as unknown[], step, rest);
  return isDict(value) && step.startsWith('f:') ? dropField(value, step.slice(2), rest) : value;
}

/** Keys of list items last: without its key an item is not found again. */
function keysLast(paths: readonly string[]): string[] {
  const isKey = (path: string): boolean => {
    const [item = '', leaf = ''] = path.split(SEPARATOR).slice(-2);
    return item.startsWith('k:') && item.startsWith(`k:{"${leaf.slice(2)}":`);
  };
  return [...paths.filter((path) => !isKey(path)), ...paths.filter(isKey)];
}

function refuseConflicts(found: readonly { entry: ManagedFields; path: string }[]): void {
  const causes = found.map(({ entry, path }): Cause => ({
    reason: 'FieldManagerConflict',
    field: readable(path),
    message: `conflict with "${entry.manager}"${entry.operation === 'Apply' ? '' : ` using ${entry.apiVersion}`}`,
  }));
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`).join('\n');
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`;
  throw new ApiError(409, `Apply failed with ${count}: ${list}`, { details: { causes } });
}

export interface Applied {
  object: NewObject;
  managedFields: ManagedFields[];
}

/** Server-side apply: merges `config` into `live`; 409 with every conflict unless forced. */
export function apply(
  live: KubeObject | undefined,
  config: NewObject,
  how: { writer: Writer; force: boolean },
): Applied {
  const { writer } = how;
  const wanted = leaves(config);
  if (live === undefined) {
    return { object: config, managedFields: [entryOf(config.apiVersion, writer, wanted.keys())] };
  }
  const has = leaves(live);
  const entries = live.metadata.managedFields ?? [];
  const others = entries.filter((entry) => !isOf(entry, writer));
  const conflicts = others.flatMap((entry) =>
    [...toPaths(entry.fieldsV1)]
      .filter((path) => wanted.has(path) && !isDeepStrictEqual(wanted.get(path), has.get(path)))
      .map((path) => ({ entry, path })),
  );
  if (conflicts.length > 0 && !how.force) refuseConflicts(conflicts);
  const lost = new Set(conflicts.map(({ path }) => path));
  const kept = others.flatMap((entry) => without(entry, (path) => lost.has(path)));
  const stillOwned = new Set(kept.flatMap((entry) => [...toPaths(entry.fieldsV1)]));
  const before = entries.find((entry) => isOf(entry, writer));
  const dropped = [...(before === undefined ? [] : toPaths(before.fieldsV1))].filter(
    (path) => !wanted.has(path) && !stillOwned.has(path),
  );
  const merged = keysLast(dropped).reduce<unknown>(
    (object, path) => drop(object, path.split(SEPARATOR)),
    mergeApplied(live, config),
  );
  return {
    object: merged as NewObject,
    managedFields: [...kept, entryOf(config.apiVersion, writer, wanted.keys())],
  };
}
