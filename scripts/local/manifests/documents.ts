// YAML files → Kubernetes objects, each knowing where it stood.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { KubeObject } from './types.ts';

const name = z.string().min(1);
const strings = z.record(z.string(), z.string('must be a string: quote numbers and booleans'));
const ObjectShape = z.looseObject({
  apiVersion: name,
  kind: name,
  metadata: z.looseObject({
    name,
    namespace: name.optional(),
    labels: strings.optional(),
    annotations: strings.optional(),
  }),
});

export interface Located {
  readonly object: KubeObject;
  readonly where: string;
  /** apiVersion, kind, namespace and name: what makes an object the same object. */
  readonly key: string;
}

export interface Documents {
  readonly located: readonly Located[];
  readonly errors: readonly string[];
  /** Objects that a later folder replaced. */
  readonly replaced: readonly string[];
}

const yamlFiles = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((file) => /\.ya?ml$/.test(file) && !/^kustomization\.ya?ml$/.test(file))
        .sort()
        .map((file) => join(path, file))
    : [path];

interface Piece {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** Documents of one file; each keeps its line numbers by the empty lines in front of it. */
function pieces(text: string): Piece[] {
  let lines = 0;
  const parts = text.split(/^---.*$/m);
  const first = parts[0]?.trim() === '' ? 0 : 1; // a file may begin with a separator
  return parts.map((part, index) => {
    const piece = { text: '\n'.repeat(lines) + part, number: index + first };
    lines += part.split('\n').length - 1;
    return piece;
  });
}

/** The kind as it stands in the text: enough to pass over a document without reading all of it. */
const kindOf = (text: string): string | undefined => /^kind:\s*["']?(\w+)/m.exec(text)?.[1];

function readPiece(at: string, text: string, errors: string[]): Located | undefined {
  const document = parseDocument(text);
  errors.push(...document.errors.map(({ message }) => `${at}: ${message.split('\n')[0] ?? ''}`));
  const value: unknown = document.errors.length > 0 ? null : document.toJS();
  if (value === null) return undefined; // empty between two separators, or reported above
  const parsed = ObjectShape.safeParse(value);
  if (!parsed.success) {
    errors.push(`${at}: ${z.prettifyError(parsed.error)}`);
    return undefined;
  }
  const object = parsed.data as KubeObject;
  const { namespace } = object.metadata;
  const called = `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${object.metadata.name}`;
  return { object, where: `${at}, ${called}`, key: `${object.apiVersion} ${called}` };
}

function readFile(file: string, kinds: readonly string[] | undefined, errors: string[]): Located[] {
  return pieces(readFileSync(file, 'utf8')).flatMap(({ text, number }) => {
    if (kinds !== undefined && !kinds.includes(kindOf(text) ?? '')) return [];
    return readPiece(`${basename(file)}, document ${number}`, text, errors) ?? [];
  });
}

/**
 * Reads every document of the folders (or files), in order of file name. The same object in a later
 * folder replaces the earlier one; twice in one folder is an error. With `kinds`, other kinds are
 * passed over unread.
 */
export function readDocuments(paths: readonly string[], kinds?: readonly string[]): Documents {
  const errors: string[] = [];
  const replaced: string[] = [];
  const byKey = new Map<string, Located>();
  for (const path of paths) {
    const here = new Set<string>();
    for (const found of yamlFiles(path).flatMap((file) => readFile(file, kinds, errors))) {
      const earlier = byKey.get(found.key);
      if (here.has(found.key)) errors.push(`${found.where}: stands there twice`);
      else if (earlier !== undefined) replaced.push(`${earlier.where}: replaced by ${found.where}`);
      here.add(found.key);
      byKey.set(found.key, found);
    }
  }
  return { located: [...byKey.values()], errors, replaced };
}
