import type { Logger } from 'pino';
import { NimbusError, type ErrorCode, type FieldProblem } from '../errors.ts';

/** RFC 9457. `errors` is our extension: one entry per wrong field. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
}

const TITLE: Record<ErrorCode | 'internal', string> = {
  'event.malformed': 'Malformed CloudEvent',
  'input.invalid': 'Invalid input',
  'route.unknown': 'No such route',
  'method.unsupported': 'Method not allowed',
  'state.conflict': 'Not possible at the moment',
  'target.conflict': 'The object was changed by somebody else',
  'body.oversized': 'Body too large',
  'content.unsupported': 'Unsupported content type',
  'action.refused': 'Action refused',
  'event.unusable': 'Event of no use to this function',
  'upstream.throttled': 'Throttled by an upstream',
  'upstream.unavailable': 'An upstream is unavailable',
  internal: 'Internal error',
};

/** What a caller may know of an error: a NimbusError in full, of a bug only that there was one. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof NimbusError)) {
    return {
      type: 'urn:nimbusguard:problem:internal',
      title: TITLE.internal,
      status: 500,
      detail: 'The function failed; its log says why.',
    };
  }
  return {
    type: `urn:nimbusguard:problem:${error.code}`,
    title: TITLE[error.code],
    status: error.status,
    detail: error.message,
    ...(error.fields.length === 0 ? {} : { errors: error.fields }),
  };
}

/**
 * What Node says of a request whose connection ended before it was read: no error of ours, but a sender
 * out of time, who will come again.
 */
const hasLeft = (error: unknown): boolean =>
  error instanceof Error &&
  error.message === 'aborted' &&
  'code' in error &&
  error.code === 'ECONNRESET';

/** Logs what a caller's problem does not tell: a bug in full, and at `debug` a sender who left. */
export function logFailure(log: Pick<Logger, 'debug' | 'error'>, error: unknown): void {
  if (hasLeft(error)) log.debug('the sender left before its request was read');
  else if (!(error instanceof NimbusError)) log.error({ err: error }, 'a request failed');
}

/**
 * Brokers hand the answer on as an extension of the dead letter: 1024 characters of base64. The
 * dispatcher of Knative's in-memory channel (1.23) ends with a panic where the answer is longer.
 */
export const DELIVERY_ANSWER_MAX_BYTES = 768;

/** The problem as JSON of at most so many bytes: without its list of fields, then with a cut detail. */
function fitted(problem: Problem, maxBytes: number): string {
  const full = JSON.stringify(problem);
  if (Buffer.byteLength(full) <= maxBytes) return full;
  const { type, title, status } = problem;
  const brief = (detail: string): string => JSON.stringify({ type, title, status, detail });
  let { detail } = problem;
  for (
    let left = Math.min(detail.length, maxBytes);
    Buffer.byteLength(brief(detail)) > maxBytes;
    left -= 16
  )
    detail = `${problem.detail.slice(0, left)}…`;
  return brief(detail);
}

/** The error as `application/problem+json` with its status. */
export function problemResponse(error: unknown, maxBytes = Infinity): Response {
  const problem = problemOf(error);
  return new Response(fitted(problem, maxBytes), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json' },
  });
}
