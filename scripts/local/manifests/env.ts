// A container's environment as the kubelet would make it.
import { z } from 'zod';
import type { Variables } from './types.ts';

const KeyRef = z.object({
  name: z.string().min(1),
  key: z.string().min(1),
  optional: z.boolean().default(false),
});
const SourceRef = z.object({ name: z.string().min(1), optional: z.boolean().default(false) });

export const EnvEntry = z.strictObject({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'must be a variable name'),
  value: z.string('must be a string: quote numbers and booleans').optional(),
  valueFrom: z
    .strictObject(
      { configMapKeyRef: KeyRef.optional(), secretKeyRef: KeyRef.optional() },
      'only configMapKeyRef and secretKeyRef are supported',
    )
    .optional(),
});
export const EnvFrom = z.strictObject({
  prefix: z.string().default(''),
  configMapRef: SourceRef.optional(),
  secretRef: SourceRef.optional(),
});

export interface EnvSpec {
  readonly env: readonly z.infer<typeof EnvEntry>[];
  readonly envFrom: readonly z.infer<typeof EnvFrom>[];
}

export interface EnvSources {
  configMap(name: string): Variables | undefined;
  secret(name: string): Variables | undefined;
}

function fromReference(
  entry: z.infer<typeof EnvEntry>,
  sources: EnvSources,
): { value?: string; error?: string } {
  const { configMapKeyRef, secretKeyRef } = entry.valueFrom ?? {};
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return { value: entry.value ?? '' };
  const kind = configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  const data =
    configMapKeyRef === undefined ? sources.secret(ref.name) : sources.configMap(ref.name);
  const value = data?.[ref.key];
  if (value !== undefined) return { value };
  if (ref.optional) return {};
  return { error: `env ${entry.name}: ${kind} ${ref.name} has no key ${ref.key}` };
}

function wholeSources(
  spec: EnvSpec,
  sources: EnvSources,
  errors: string[],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { prefix, configMapRef, secretRef } of spec.envFrom) {
    for (const [kind, ref, data] of [
      ['ConfigMap', configMapRef, configMapRef && sources.configMap(configMapRef.name)],
      ['Secret', secretRef, secretRef && sources.secret(secretRef.name)],
    ] as const) {
      if (ref === undefined) continue;
      if (data === undefined && !ref.optional) errors.push(`envFrom: no ${kind} ${ref.name}`);
      for (const [key, value] of Object.entries(data ?? {})) env[prefix + key] = value;
    }
  }
  return env;
}

/** `$(NAME)` of an earlier variable is replaced, `$$(NAME)` is the text `$(NAME)`. */
const expand = (text: string, env: Variables): string =>
  text.replace(/\$?\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name: string) =>
    whole.startsWith('$$') ? whole.slice(1) : (env[name] ?? whole),
  );

/**
 * Resolves `env` and `envFrom` of a container. A reference that is optional and missing leaves its
 * variable out; one that is not is an error.
 */
export function resolveEnv(
  spec: EnvSpec,
  sources: EnvSources,
): { env: Variables; errors: readonly string[] } {
  const errors: string[] = [];
  const env = wholeSources(spec, sources, errors);
  for (const entry of spec.env) {
    const { value, error } = fromReference(entry, sources);
    if (error !== undefined) errors.push(error);
    if (value !== undefined) env[entry.name] = expand(value, env);
  }
  return { env, errors };
}
