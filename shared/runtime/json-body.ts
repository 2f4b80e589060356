import type { Context } from 'hono';
import type { z } from 'zod';
import { NimbusError, messageOf } from '../errors.ts';
import { parseOrThrow } from '../events/index.ts';
import { parseJson } from './json.ts';

/** `curl -d` without a header says it sends a form; the three calls of the original rely on it. */
const JSON_TYPES = /^(application\/([a-z0-9.-]+\+)?json|application\/x-www-form-urlencoded)$/;

/**
 * Reads a JSON request body of an HTTP route and parses it with `schema`.
 * Throws 415 for another content type, 400 for malformed JSON or, with every wrong field, for bad values.
 * An empty body is read as `{}`: all fields of most requests have defaults.
 */
export async function readJson<T>(c: Context, schema: z.ZodType<T>, what: string): Promise<T> {
  const type = (c.req.header('content-type') ?? 'application/json').split(';')[0]?.trim() ?? '';
  if (!JSON_TYPES.test(type.toLowerCase())) {
    throw new NimbusError(
      'content.unsupported',
      `${what}: content-type must be application/json (got ${type.slice(0, 80)})`,
    );
  }
  const text = await c.req.text();
  return parseOrThrow(schema, text.trim() === '' ? {} : readable(text, what), {
    code: 'input.invalid',
    what,
  });
}

/** Throws 400 `input.invalid` that says where the text breaks. */
function readable(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    const reason = messageOf(cause).slice(0, 200);
    throw new NimbusError('input.invalid', `${what}: malformed JSON (${reason})`, { cause });
  }
}
