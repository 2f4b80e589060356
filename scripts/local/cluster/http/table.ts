// Objects as kubectl wants to see them: Tables, bare metadata, or whole.
import { jsonOf } from '../api/store.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Dict, KubeObject } from '../types.ts';

export type Shape = 'object' | 'table' | 'metadata';

const TYPES = ['*/*', 'application/*', 'application/json'];

function shapeOfEntry(entry: string): Shape | undefined {
  const [type = '', ...parameters] = entry.split(';').map((part) => part.trim());
  if (!TYPES.includes(type)) return undefined;
  const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
  if (as === undefined) return 'object';
  if (!parameters.includes('v=v1')) return undefined;
  if (as === 'Table') return 'table';
  return as.startsWith('PartialObjectMetadata') ? 'metadata' : undefined;
}

/** The first representation of an Accept header that we have; undefined for none. */
export const shapeOf = (accept = '*/*'): Shape | undefined =>
  accept
    .split(',')
    .map(shapeOfEntry)
    .find((shape) => shape !== undefined);

export const bareMetadata = ({ metadata }: KubeObject): Dict => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
});

const columnDefinitions = (resource: Resource): Dict[] =>
  resource.columns.map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format: format ?? '',
    description: description ?? '',
    priority,
  }));

export interface TableOptions {
  readonly nowMs: number;
  /** What of the object a row carries: the query's `includeObject`. */
  readonly include: string | null;
  readonly withHeader: boolean;
  readonly metadata: Dict;
}

/** A meta.k8s.io/v1 Table of the objects. */
export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  options: TableOptions,
): Dict {
  const rows = objects.map((object) => ({
    cells: resource.columns.map(({ value }) => value(object, options.nowMs)),
    ...(options.include === 'None'
      ? {}
      : { object: options.include === 'Object' ? object : bareMetadata(object) }),
  }));
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata,
    columnDefinitions: options.withHeader ? columnDefinitions(resource) : null,
    rows,
  };
}

/** One object in the shape asked for, as JSON text. */
export function render(
  resource: Resource,
  object: KubeObject,
  how: TableOptions & { shape: Shape },
): string {
  if (how.shape === 'table') return JSON.stringify(tableOf(resource, [object], how));
  return how.shape === 'metadata' ? JSON.stringify(bareMetadata(object)) : jsonOf(object);
}
