// What the API knows about one kind of object.
import type { Cause, Subject } from '../api/errors.ts';
import type { KubeObject, NewObject } from '../types.ts';
import { compilePath } from './jsonpath.ts';

/** A cell of a table; null prints as `<none>`. */
type Cell = string | number | null;

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

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Below `until` seconds an age is told in `unit`, with the rest in `small` where there is one. */
const AGES: readonly { until: number; unit: [number, string]; small?: [number, string] }[] = [
  { until: 2 * MINUTE, unit: [1, 's'] },
  { until: 10 * MINUTE, unit: [MINUTE, 'm'], small: [1, 's'] },
  { until: 3 * HOUR, unit: [MINUTE, 'm'] },
  { until: 8 * HOUR, unit: [HOUR, 'h'], small: [MINUTE, 'm'] },
  { until: 2 * DAY, unit: [HOUR, 'h'] },
  { until: 8 * DAY, unit: [DAY, 'd'], small: [HOUR, 'h'] },
  { until: Infinity, unit: [DAY, 'd'] },
];

/** Age as kubectl writes it: `42s`, `5m3s`, `17h`, `3d4h`. */
export function ageText(sinceIso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(sinceIso)) / 1000));
  const scale = AGES.find(({ until }) => seconds < until);
  if (scale === undefined) return '<unknown>'; // no date
  const [size, name] = scale.unit;
  const whole = `${Math.floor(seconds / size)}${name}`;
  if (scale.small === undefined) return whole;
  const rest = Math.floor((seconds % size) / scale.small[0]);
  return rest === 0 ? whole : `${whole}${rest}${scale.small[1]}`;
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
