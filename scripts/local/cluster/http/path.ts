// What a URL of the Kubernetes API names.

export interface ApiPath {
  /** `v1` or `group/version`. */
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

function resourcePart(apiVersion: string, parts: readonly string[]): ApiPath | undefined {
  // `/namespaces/x` alone is the Namespace itself; with more behind it, it is a place.
  const isPlaced =
    parts[0] === 'namespaces' &&
    parts.length > 2 &&
    !['status', 'finalize'].includes(parts[2] ?? '');
  const namespace = isPlaced ? parts[1] : undefined;
  const [plural, name, subresource, ...rest] = isPlaced ? parts.slice(2) : parts;
  if (plural === undefined || rest.length > 0) return undefined;
  return { apiVersion, plural, namespace, name, subresource };
}

/** Reads `/api/v1/…` and `/apis/<group>/<version>/…`; undefined for any other path. */
export function parsePath(pathname: string): ApiPath | undefined {
  const parts = pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  if (parts[0] === 'api' && parts.length > 2) return resourcePart(parts[1] ?? '', parts.slice(2));
  if (parts[0] === 'apis' && parts.length > 3) {
    return resourcePart(`${parts[1] ?? ''}/${parts[2] ?? ''}`, parts.slice(3));
  }
  return undefined;
}
