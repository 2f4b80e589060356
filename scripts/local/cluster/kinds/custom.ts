// Custom resource definitions become served kinds.
import { messageOf } from '#shared/errors.ts';
import { ApiError, badValue, type Cause } from '../api/errors.ts';
import {
  at,
  isDict,
  listAt,
  textAt,
  type Dict,
  type KubeObject,
  type NewObject,
} from '../types.ts';
import { kind } from './kind.ts';
import { AGE, NAME, pathColumn, type Column, type Resource, type ScalePaths } from './resource.ts';
import { compileSchema } from './schema.ts';

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? (value as unknown[]).map(String) : [];

const pathKeys = (jsonPath: string): string[] => jsonPath.split('.').filter((key) => key !== '');

function scalePaths(version: unknown): ScalePaths | undefined {
  const scale = at(version, 'subresources', 'scale');
  if (!isDict(scale)) return undefined;
  const selector = textAt(scale, 'labelSelectorPath');
  return {
    specReplicas: pathKeys(textAt(scale, 'specReplicasPath')),
    statusReplicas: pathKeys(textAt(scale, 'statusReplicasPath')),
    selector: selector === '' ? null : pathKeys(selector),
  };
}

const TYPES = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function columnsOf(version: unknown): Column[] {
  const given = listAt(version, 'additionalPrinterColumns');
  if (given.length === 0) return [NAME, AGE];
  const columns = given.map((column) =>
    pathColumn(textAt(column, 'name'), textAt(column, 'jsonPath'), {
      type: TYPES.find((type) => type === textAt(column, 'type')) ?? 'string',
      wide: Number(textAt(column, 'priority')) > 0,
    }),
  );
  return [NAME, ...columns];
}

/** The kinds a definition defines, one per served version. Throws for a schema that cannot be read. */
export function resourcesOf(definition: KubeObject | NewObject): Resource[] {
  const names = at(definition, 'spec', 'names');
  return listAt(definition, 'spec', 'versions')
    .filter((version) => at(version, 'served') === true)
    .map((version) => {
      const schema = at(version, 'schema', 'openAPIV3Schema');
      const openapi: Dict = isDict(schema) ? schema : {};
      const scale = scalePaths(version);
      const groupVersion = `${textAt(definition, 'spec', 'group')}/${textAt(version, 'name')}`;
      return kind({
        kind: textAt(names, 'kind'),
        in: groupVersion,
        plural: textAt(names, 'plural'),
        singular: textAt(names, 'singular') || textAt(names, 'kind').toLowerCase(),
        shortNames: texts(at(names, 'shortNames')),
        categories: texts(at(names, 'categories')),
        namespaced: textAt(definition, 'spec', 'scope') !== 'Cluster',
        status: at(version, 'subresources', 'status') !== undefined,
        ...(scale === undefined ? {} : { scale }),
        generation: true,
        columns: columnsOf(version),
        schema: compileSchema(openapi, textAt(names, 'kind')),
        openapi,
      });
    });
}

/** What is wrong with a definition. */
export function checkDefinition(definition: NewObject): Cause[] {
  const wanted = `${textAt(definition, 'spec', 'names', 'plural')}.${textAt(definition, 'spec', 'group')}`;
  const causes: Cause[] = [];
  if (definition.metadata.name !== wanted) {
    causes.push(
      badValue(
        'metadata.name',
        definition.metadata.name,
        `must be spec.names.plural+"."+spec.group`,
      ),
    );
  }
  try {
    resourcesOf(definition);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const why = messageOf(error);
    causes.push(badValue('spec.versions', textAt(definition, 'spec', 'names', 'kind'), why));
  }
  return causes;
}
