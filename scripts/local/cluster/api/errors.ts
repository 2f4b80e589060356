// Errors as the Kubernetes API tells them: a `Status` object with code, reason and details.
import type { Dict } from '../types.ts';

const REASONS = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
} as const;

export type ErrorCode = keyof typeof REASONS;

/** One wrong field of an object. */
export interface Cause {
  reason:
    'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueNotSupported' | 'FieldManagerConflict';
  message: string;
  field: string;
}

export interface Details {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: readonly Cause[];
  retryAfterSeconds?: number;
}

/** What an object is called in messages: `deployments.apps "web"`. */
export interface Subject {
  group: string;
  plural: string;
  kind: string;
  name: string;
}

const qualified = (name: string, group: string): string =>
  group === '' ? name : `${name}.${group}`;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly details: Details | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { reason?: string; details?: Details } = {},
  ) {
    super(message);
    this.code = code;
    this.reason = options.reason ?? REASONS[code];
    this.details = options.details;
  }

  toStatus(): Dict {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

const named = ({ name, group, plural }: Subject): Details => ({
  name,
  ...(group === '' ? {} : { group }),
  kind: plural,
});

export const notFound = (subject: Subject): ApiError =>
  new ApiError(404, `${qualified(subject.plural, subject.group)} "${subject.name}" not found`, {
    details: named(subject),
  });

export const alreadyExists = (subject: Subject): ApiError =>
  new ApiError(
    409,
    `${qualified(subject.plural, subject.group)} "${subject.name}" already exists`,
    {
      reason: 'AlreadyExists',
      details: named(subject),
    },
  );

export const conflict = (subject: Subject, why: string, causes?: readonly Cause[]): ApiError =>
  new ApiError(
    409,
    `Operation cannot be fulfilled on ${qualified(subject.plural, subject.group)} "${subject.name}": ${why}`,
    { details: { ...named(subject), ...(causes === undefined ? {} : { causes }) } },
  );

export const staleVersion = (subject: Subject): ApiError =>
  conflict(
    subject,
    'the object has been modified; please apply your changes to the latest version and try again',
  );

export function invalid(subject: Subject, causes: readonly Cause[]): ApiError {
  const list = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const text = list.length === 1 ? (list[0] ?? '') : `[${list.join(', ')}]`;
  return new ApiError(
    422,
    `${qualified(subject.kind, subject.group)} "${subject.name}" is invalid: ${text}`,
    { details: { ...named(subject), kind: subject.kind, causes } },
  );
}

export const badRequest = (message: string): ApiError => new ApiError(400, message);

export const gone = (asked: number, oldest: number): ApiError =>
  new ApiError(410, `too old resource version: ${asked} (${oldest})`);

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'null' : text.length > 120 ? `${text.slice(0, 119)}…` : text;
};

export const badValue = (field: string, value: unknown, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${shown(value)}: ${why}`,
});

export const missingValue = (field: string, why = ''): Cause => ({
  reason: 'FieldValueRequired',
  field,
  message: `Required value${why === '' ? '' : `: ${why}`}`,
});
