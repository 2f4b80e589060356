// Environment of a container: its template's, with references to ConfigMaps and Secrets looked up.
import type { Api } from '../api/api.ts';
import {
  at,
  textAt,
  type Container,
  type EnvFrom,
  type EnvVar,
  type KeyRef,
  type Pod,
} from '../types.ts';

/** A container cannot be made as its template is: says what is missing. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

type Source = 'ConfigMap' | 'Secret';

const decode = (kind: Source, text: string): string =>
  kind === 'Secret' ? Buffer.from(text, 'base64').toString('utf8') : text;

function dataOf(
  api: Api,
  kind: Source,
  ref: { namespace: string; name: string },
): Record<string, string> | undefined {
  const found = api.find(api.kind('v1', kind), ref);
  if (found === undefined) return undefined;
  const data = (found['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(kind, value)]));
}

function fromKey(api: Api, pod: Pod, what: { kind: Source; ref: KeyRef }): string | undefined {
  const { kind, ref } = what;
  const data = dataOf(api, kind, { namespace: pod.metadata.namespace ?? '', name: ref.name });
  const value = data?.[ref.key];
  if (value !== undefined || ref.optional === true) return value;
  const lower = kind.toLowerCase();
  throw new ContainerConfigError(
    data === undefined
      ? `${lower} "${ref.name}" not found`
      : `couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace ?? ''}/${ref.name}`,
  );
}

function fromField(pod: Pod, fieldPath: string): string {
  const quoted = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (quoted !== null) return textAt(at(pod, 'metadata', quoted[1] ?? ''), quoted[2] ?? '');
  return textAt(pod, ...fieldPath.split('.'));
}

function valueOf(api: Api, pod: Pod, variable: EnvVar): string | undefined {
  const { valueFrom } = variable;
  if (valueFrom === undefined) return variable.value ?? '';
  if (valueFrom.configMapKeyRef !== undefined)
    return fromKey(api, pod, { kind: 'ConfigMap', ref: valueFrom.configMapKeyRef });
  if (valueFrom.secretKeyRef !== undefined)
    return fromKey(api, pod, { kind: 'Secret', ref: valueFrom.secretKeyRef });
  if (valueFrom.fieldRef !== undefined) return fromField(pod, valueFrom.fieldRef.fieldPath);
  throw new ContainerConfigError(
    `env ${variable.name}: this kind of valueFrom is not supported here`,
  );
}

/** `$(NAME)` stands for a variable defined before; `$$(NAME)` for itself. */
const expand = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );

function fromOne(
  api: Api,
  pod: Pod,
  { prefix = '', configMapRef, secretRef }: EnvFrom,
): [string, string][] {
  const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap';
  const ref = configMapRef ?? secretRef;
  if (ref === undefined) return [];
  const data = dataOf(api, kind, { namespace: pod.metadata.namespace ?? '', name: ref.name });
  if (data === undefined && ref.optional !== true) {
    throw new ContainerConfigError(`${kind.toLowerCase()} "${ref.name}" not found`);
  }
  return Object.entries(data ?? {}).map(([key, value]) => [prefix + key, value]);
}

/** Throws ContainerConfigError where something that is not optional is missing. */
export function containerEnv(api: Api, pod: Pod, container: Container): Record<string, string> {
  const env: Record<string, string> = Object.fromEntries(
    (container.envFrom ?? []).flatMap((source) => fromOne(api, pod, source)),
  );
  for (const variable of container.env ?? []) {
    const value = valueOf(api, pod, variable);
    if (value === undefined) continue;
    env[variable.name] = variable.valueFrom === undefined ? expand(value, env) : value;
  }
  return env;
}
