// Knative's data-plane spec makes the HTTP status the delivery contract:
// 400 and 422 end delivery (dead letter); 409, 429 and 503 ask the broker to try again.
const STATUS = {
  'event.malformed': 400,
  'input.invalid': 400,
  'route.unknown': 404,
  'method.unsupported': 405,
  'state.conflict': 409,
  'target.conflict': 409,
  'body.oversized': 413,
  'content.unsupported': 415,
  'action.refused': 422,
  'event.unusable': 422,
  'upstream.throttled': 429,
  'upstream.unavailable': 503,
} as const;

export type ErrorCode = keyof typeof STATUS;

/** One wrong field of an input: where it is, what stood there, what is allowed. */
export interface FieldProblem {
  /** JSON path such as `data.replicas.ready`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
  /** The offending value as JSON, cut to 80 characters; absent where nothing stood there. */
  readonly value?: string;
}

/** The one error a handler throws on purpose; anything else is a bug and becomes a 500. */
export class NimbusError extends Error {
  override readonly name = 'NimbusError';
  readonly code: ErrorCode;
  readonly status: (typeof STATUS)[ErrorCode];
  readonly fields: readonly FieldProblem[];

  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { fields?: readonly FieldProblem[] },
  ) {
    super(message, options);
    this.code = code;
    this.status = STATUS[code];
    this.fields = options?.fields ?? [];
  }
}

/** What was thrown, in its own words. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

export const hasCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof NimbusError && error.code === code;
