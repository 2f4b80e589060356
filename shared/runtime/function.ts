import type { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { EventDefinition, UnknownEvent } from '#shared/events/index.ts';

/** What a handler gets besides its event. */
export interface Context {
  readonly log: Logger;
  /** Aborted when the sender stops waiting or the process shuts down. */
  readonly signal: AbortSignal;
}

/** One accepted event type with its handler: answers with ONE event, or nothing (204). */
export interface Accept {
  readonly type: string;
  handle(event: UnknownEvent, context: Context): Promise<UnknownEvent | undefined>;
}

/** Binds a handler to an event of the vocabulary; the event is parsed before the handler sees it. */
export function on<T>(
  definition: EventDefinition<T>,
  handle: (
    event: UnknownEvent & { readonly data: T },
    context: Context,
  ) => Promise<UnknownEvent | undefined>,
): Accept {
  return {
    type: definition.type,
    handle: (event, context) => handle(definition.parse(event), context),
  };
}

/** What a function's own routes get. */
export interface RouteContext {
  readonly log: Logger;
  /** Metrics of the app; the process figures are in it already (see createApp). */
  readonly registry: Registry;
  /** Aborted when the process is asked to stop: long answers such as event streams end here. */
  readonly stopping: AbortSignal;
}

/** A function of the chain: `(event) → event | undefined`, and for some an HTTP API of their own. */
export interface FunctionSpec {
  readonly name: string;
  /** Exact types, or one entry whose type ends in `*` for a prefix. */
  readonly accepts: readonly Accept[];
  /** Adds HTTP routes of the function's own. They are mounted beside the event route `POST /`. */
  routes?(app: Hono, context: RouteContext): void;
  /** Throws with the reason while the function cannot do its work (`/readyz`). */
  ready?(): Promise<void>;
  /** Called once at shutdown, after the last request was answered. */
  close?(): Promise<void>;
}
