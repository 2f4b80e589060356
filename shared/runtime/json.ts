/**
 * No document of ours is half as deep. JSON.parse takes any depth, but whoever walks the result by
 * recursion (JSON.stringify, a schema) fails by stack overflow, which would be a bug's 500.
 */
const MAX_DEPTH = 100;

/** More levels than are accepted, for what was parsed by other means. */
export const isTooDeep = (value: unknown, levels = MAX_DEPTH): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((each) => isTooDeep(each, levels - 1)));

/** Parses JSON text; throws an Error that says where it breaks, or that it is too deep. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (isTooDeep(value)) throw new Error(`more than ${MAX_DEPTH} levels deep`);
  return value;
}
