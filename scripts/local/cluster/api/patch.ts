// Patch flavours: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch (Kubernetes).
import { isDeepStrictEqual } from 'node:util';
import { isDict, omit, type Dict } from '../types.ts';
import { ApiError, badRequest } from './errors.ts';
import { isSet, keyed, mergeKey } from './lists.ts';

/** A patch reads and writes fields of its object, never what all objects inherit. */
const own = (dict: Dict, key: string): unknown =>
  Object.hasOwn(dict, key) ? dict[key] : undefined;

function setOwn(dict: Dict, key: string, value: unknown): void {
  const field = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(dict, key, field);
}

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return patch;
  const result: Dict = isDict(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else setOwn(result, key, mergePatch(own(result, key), value));
  }
  return result;
}

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

const refuse = (message: string): ApiError =>
  new ApiError(422, `the server rejected our request due to an error in our request: ${message}`);

const pointer = (path: string): string[] => {
  if (path !== '' && !path.startsWith('/'))
    throw refuse(`JSON pointer "${path}" must begin with /`);
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
};

const position = (list: readonly unknown[], key: string, path: string): number => {
  if (key === '-') return list.length;
  const index = Number(key);
  if (!/^\d+$/.test(key) || index > list.length) throw refuse(`no such position: "${path}"`);
  return index;
};

function valueAt(root: unknown, path: string): unknown {
  let here = root;
  for (const key of pointer(path)) {
    if (Array.isArray(here)) here = (here as unknown[])[position(here, key, path)];
    else here = isDict(here) ? own(here, key) : undefined;
    if (here === undefined) throw refuse(`path "${path}" does not exist`);
  }
  return here;
}

/** Finds where the last key of a path stands. */
function parentOf(root: unknown, path: string): { parent: Dict | unknown[]; key: string } {
  const keys = pointer(path);
  const key = keys.pop() ?? '';
  const parent = valueAt(root, ['', ...keys.map(escapeKey)].join('/'));
  if (!isDict(parent) && !Array.isArray(parent)) throw refuse(`path "${path}" does not exist`);
  return { parent: parent as Dict | unknown[], key };
}

const escapeKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

function add(root: unknown, path: string, value: unknown): unknown {
  if (path === '') return value;
  const { parent, key } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(position(parent, key, path), 0, value);
  else setOwn(parent, key, value);
  return root;
}

function remove(root: unknown, path: string): unknown {
  valueAt(root, path);
  const { parent, key } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(position(parent, key, path), 1);
  else Reflect.deleteProperty(parent, key);
  return root;
}

const OPERATIONS: Record<string, (root: unknown, operation: Operation) => unknown> = {
  add: (root, { path, value }) => add(root, path, value),
  remove: (root, { path }) => remove(root, path),
  replace: (root, { path, value }) => (path === '' ? value : add(remove(root, path), path, value)),
  move: (root, { path, from = '' }) => {
    const value = valueAt(root, from);
    return add(remove(root, from), path, value);
  },
  copy: (root, { path, from = '' }) => add(root, path, structuredClone(valueAt(root, from))),
  // As the API server takes it: what is not there is null, which guards against making it twice.
  test: (root, { path, value = null }) => {
    const { parent, key } = path === '' ? { parent: { root }, key: 'root' } : parentOf(root, path);
    const found = Array.isArray(parent) ? valueAt(parent, `/${key}`) : own(parent, key);
    if (!isDeepStrictEqual(found ?? null, value)) throw refuse(`testing value ${path} failed`);
    return root;
  },
};

/** Applies the operations to a copy; 400 for a malformed patch, 422 for one that does not fit. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  let result: unknown = structuredClone(target);
  for (const operation of patch as unknown[]) {
    const op = isDict(operation) ? operation['op'] : undefined;
    const run =
      typeof op === 'string' && Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op] : undefined;
    if (run === undefined || !isDict(operation) || typeof operation['path'] !== 'string') {
      throw badRequest(`not a JSON patch operation: ${JSON.stringify(operation).slice(0, 200)}`);
    }
    result = run(result, operation as unknown as Operation);
  }
  return result;
}

function mergeKeyed(current: readonly unknown[], patch: readonly Dict[], key: string): unknown[] {
  if (patch.some((item) => item['$patch'] === 'replace')) {
    return patch.filter((item) => item['$patch'] === undefined);
  }
  let result = [...current];
  for (const item of patch) {
    const found = result.findIndex((old) => keyed(old, key, item[key]));
    if (item['$patch'] === 'delete') result = result.filter((old) => !keyed(old, key, item[key]));
    else if (found >= 0) result[found] = strategicMerge(result[found], item);
    else result.push(strategicMerge({}, item));
  }
  return result;
}

/** Puts the items of a list in the order a `$setElementOrder` asks for; others keep to the end. */
function ordered(
  list: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const rank = (item: unknown): number => {
    const found = order.findIndex((wanted) =>
      key === undefined ? wanted === item : isDict(wanted) && keyed(item, key, wanted[key]),
    );
    return found < 0 ? order.length : found;
  };
  return [...list].sort((a, b) => rank(a) - rank(b));
}

function mergeList(field: string, current: unknown, patch: readonly unknown[]): unknown[] {
  const old = Array.isArray(current) ? (current as unknown[]) : [];
  if (isSet(field)) return [...new Set([...old, ...patch])];
  const key = mergeKey(field, old, patch);
  return key === undefined ? [...patch] : mergeKeyed(old, patch as readonly Dict[], key);
}

type Directive = (result: Dict, field: string, value: readonly unknown[]) => void;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

const DIRECTIVES: Record<string, Directive> = {
  setElementOrder(result, field, order) {
    if (!Array.isArray(result[field])) return;
    const list = listOf(result[field]);
    result[field] = ordered(list, order, mergeKey(field, list));
  },
  deleteFromPrimitiveList(result, field, gone) {
    if (!Array.isArray(result[field])) return;
    result[field] = listOf(result[field]).filter((item) => !gone.includes(item));
  },
  retainKeys(result, _field, kept) {
    for (const key of Object.keys(result)) {
      if (!kept.includes(key)) Reflect.deleteProperty(result, key);
    }
  },
};

function mergeFields(result: Dict, patch: Dict): void {
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    const merged = Array.isArray(value)
      ? mergeList(key, own(result, key), value as unknown[])
      : strategicMerge(own(result, key), value);
    if (merged === null || merged === undefined) Reflect.deleteProperty(result, key);
    else setOwn(result, key, merged);
  }
}

/** Strategic merge patch with the merge keys of the built-in kinds and its `$` directives. */
export function strategicMerge(target: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return patch;
  if (patch['$patch'] === 'replace') return omit(patch, '$patch');
  if (patch['$patch'] === 'delete') return undefined;
  const result: Dict = isDict(target) ? { ...target } : {};
  mergeFields(result, patch);
  // Directives last: an order can only be set on the list as merged.
  for (const [key, value] of Object.entries(patch)) {
    const [kind = '', field = ''] = key.slice(1).split('/');
    if (key.startsWith('$')) DIRECTIVES[kind]?.(result, field, listOf(value));
  }
  return result;
}
