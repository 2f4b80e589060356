// DELETE: of one object or of all that are selected.
import type { DeleteOptions } from '../api/deletion.ts';
import { badValue } from '../api/errors.ts';
import { selection } from '../api/selectors.ts';
import { subjectOf, type Resource } from '../kinds/resource.ts';
import { at, isDict, listAt, omit, textAt, type Dict, type KubeObject } from '../types.ts';
import { readBody } from './body.ts';
import {
  OBJECT_TYPES,
  answer,
  invalidOptions,
  isDryRun,
  listAnswer,
  refOf,
  type Answer,
  type Call,
} from './call.ts';

const textOrNone = (value: unknown): string | undefined =>
  value === undefined ? undefined : textAt({ value }, 'value');

const MOST_SECONDS = 2 ** 31 - 1;

function checkedGrace(grace: unknown): number | undefined {
  if (grace === undefined) return undefined;
  if (typeof grace === 'number' && Number.isInteger(grace) && Math.abs(grace) <= MOST_SECONDS) {
    return grace < 0 ? 1 : grace; // as the API server takes a negative one
  }
  throw invalidOptions(
    'DeleteOptions',
    badValue('gracePeriodSeconds', grace, `must be a whole number up to ${MOST_SECONDS}`),
  );
}

function deleteOptions(query: URLSearchParams, body: Dict): DeleteOptions {
  const asked = query.get('gracePeriodSeconds');
  const grace = body['gracePeriodSeconds'] ?? (asked === null ? undefined : Number(asked));
  return {
    graceSeconds: checkedGrace(grace),
    preconditions: {
      uid: textOrNone(at(body, 'preconditions', 'uid')),
      resourceVersion: textOrNone(at(body, 'preconditions', 'resourceVersion')),
    },
    dryRun: isDryRun(query, listAt(body, 'dryRun').map(String)),
  };
}

function removeAll(call: Call, options: DeleteOptions): Answer {
  const { api, resource, path, query } = call;
  const selected = api.store.list(resource, path.namespace).filter(selection(query, resource));
  for (const { metadata } of selected)
    api.delete(resource, metadata, omit(options, 'preconditions'));
  return listAnswer(call, selected);
}

export async function remove(call: Call): Promise<Answer> {
  const { api, resource, request, query, path } = call;
  const body = await readBody(request, OBJECT_TYPES);
  const given = isDict(body) ? body : {};
  const options = deleteOptions(query, given);
  if (path.name === undefined) return removeAll(call, options);
  const policy = given['propagationPolicy'] ?? query.get('propagationPolicy');
  if (policy === 'Orphan' || given['orphanDependents'] === true) orphan(call);
  const { object, isGone } = api.delete(resource, refOf(call), options);
  if (!isGone || resource.kind === 'Pod') return answer(call, object);
  return { code: 200, json: JSON.stringify(deleted(resource, object)) };
}

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

function deleted(resource: Resource, { metadata }: KubeObject): Dict {
  const { group, plural } = subjectOf(resource, metadata.name);
  const details = {
    name: metadata.name,
    ...(group === '' ? {} : { group }),
    kind: plural,
    uid: metadata.uid,
  };
  return { ...SUCCESS, details };
}

/** Takes the owner out of what it owns, so that it outlives its deletion. */
function orphan({ api, resource, path }: Call): void {
  const { uid } = api.get(resource, { namespace: path.namespace, name: path.name ?? '' }).metadata;
  for (const kind of api.catalogue.all()) {
    for (const { metadata } of api.store.list(kind)) {
      if (!(metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)) continue;
      api.modify(kind, metadata, {
        manager: 'garbage-collector',
        change: (live) => {
          live.metadata.ownerReferences = (live.metadata.ownerReferences ?? []).filter(
            (owner) => owner.uid !== uid,
          );
          return live;
        },
      });
    }
  }
}
