// What the API knows about one kind of object.
import type { Cause, Subject } from '../api/errors.ts';
import type { KubeObject, NewObject } from '../types.ts';
import { compilePath } from './jsonpath.ts';

/** A cell of a table; null prints as `<none>`. */
export type Cell = string | number | null;

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  readonly value: (object: KubeObject, nowMs: number) => Cell;
}

/** Where `/scale` reads and writes, as key paths. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** Path to a serialized selector (custom resources) or to a LabelSelector (built-in kinds). */
  readonly selector: readonly string[] | null;
}

/** What a schema can do with an object on its way in. */
export interface Schema {
  /** Fills in defaults and drops unknown fields, in place. Returns the paths that were dropped. */
  prepare(object: NewObject): string[];
  /** Everything that is wrong; `previous` is there on an update. */
  check(object: NewObject, previous: KubeObject | undefined): Cause[];
}

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Has `/status`: the main path then ignores status, and the other way round. */
  readonly status: boolean;
  readonly scale?: ScalePaths;
  /** Counts changes of the wanted state in metadata.generation. */
  readonly generation: boolean;
  readonly columns: readonly Column[];
  readonly schema?: Schema;
  /** The OpenAPI schema to publish, where there is one. */
  readonly openapi?: unknown;
  /** Fields a field selector may name, beyond metadata.name and metadata.namespace. */
  readonly selectable: readonly string[];
}

export const resourceId = (resource: Pick<Resource, 'group' | 'plural'>): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;

export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

export const subjectOf = (resource: Resource, name: string): Subject => ({
  group: resource.group,
  plural: resource.plural,
  kind: resource.kind,
  name,
});

/** Age as kubectl writes it: `42s`, `5m3s`, `17h`, `3d4h`. */
export function ageText(sinceIso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(sinceIso)) / 1000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 && hours % 24 !== 0 ? `${days}d${hours % 24}h` : `${days}d`;
}

type Value = Column['value'];

export const column = (
  name: string,
  value: Value,
  options: { type?: Column['type']; wide?: boolean; format?: string } = {},
): Column => ({
  name,
  type: options.type ?? 'string',
  ...(options.format === undefined ? {} : { format: options.format }),
  priority: options.wide === true ? 1 : 0,
  value,
});

export const NAME: Column = column('Name', (object) => object.metadata.name, { format: 'name' });
export const AGE: Column = column('Age', (object, nowMs) =>
  ageText(object.metadata.creationTimestamp, nowMs),
);
export const CREATED_AT: Column = column(
  'Created At',
  (object) => object.metadata.creationTimestamp,
  { type: 'date' },
);

const cellOf = (value: unknown): Cell => {
  if (typeof value === 'number' || typeof value === 'string') return value;
  return value === undefined || value === null ? null : JSON.stringify(value);
};

/** A column that shows what stands at a JSONPath, as a custom resource's printer columns do. */
export function pathColumn(
  name: string,
  jsonPath: string,
  options: { type?: Column['type']; wide?: boolean } = {},
): Column {
  const find = compilePath(jsonPath);
  const isDate = options.type === 'date';
  return column(
    name,
    (object, nowMs) => {
      const found = find(object);
      if (found.length === 0) return null;
      if (isDate) return ageText(String(found[0]), nowMs);
      return found.length === 1 ? cellOf(found[0]) : found.map((value) => cellOf(value)).join(',');
    },
    isDate ? { ...options, type: 'string' } : options,
  );
}
