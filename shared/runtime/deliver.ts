import { context as active, propagation, SpanKind, trace } from '@opentelemetry/api';
import type { Context as HonoContext } from 'hono';
import type { Logger } from 'pino';
import { NimbusError } from '../errors.ts';
import type { UnknownEvent } from '../events/index.ts';
import { decodeEvent, encodeEvent, type HeaderMap } from './envelope.ts';
import type { Accept, FunctionSpec } from './function.ts';
import type { functionMetrics } from './metrics.ts';
import { problemOf } from './problem.ts';
import { createReplies } from './replies.ts';
import { headersOf } from './request.ts';
import { traceIdOf, traceparentOf } from './trace.ts';

const REMEMBERED_REPLIES = 512; // a decision is about 10 KB: 5 MB at most

interface Deps {
  readonly log: Logger;
  readonly metrics: ReturnType<typeof functionMetrics>;
  readonly abort: AbortSignal;
}

const matches = (accept: Accept, type: string): boolean =>
  accept.type.endsWith('*') ? type.startsWith(accept.type.slice(0, -1)) : accept.type === type;

function acceptOf(spec: FunctionSpec, type: string): Accept {
  const found = spec.accepts.find((accept) => matches(accept, type));
  if (found !== undefined) return found;
  const allowed = spec.accepts.map((accept) => accept.type).join(', ');
  throw new NimbusError('event.unusable', `type: ${spec.name} accepts ${allowed} (got ${type})`, {
    fields: [{ path: 'type', message: `expected one of ${allowed}`, value: type.slice(0, 80) }],
  });
}

const replyResponse = (reply: UnknownEvent | undefined): Response => {
  if (reply === undefined) return new Response(null, { status: 204 });
  const { headers, body } = encodeEvent(reply);
  return new Response(body, { status: 200, headers });
};

const outcomeOf = (error: unknown): 'refused' | 'retry' | 'failed' => {
  const { status } = problemOf(error);
  if (status === 500) return 'failed';
  return status === 409 || status === 429 || status === 503 ? 'retry' : 'refused';
};

/** An abort means that nobody waits any more: the broker will deliver again. */
const retriable = (error: unknown, signal: AbortSignal): unknown =>
  signal.aborted && !(error instanceof NimbusError)
    ? new NimbusError('upstream.unavailable', 'interrupted before the work was done', {
        cause: error,
      })
    : error;

/** Runs the handler in a span whose parent is the hop's HTTP header and that links the event's trace. */
async function handleInSpan(
  event: UnknownEvent,
  headers: Record<string, string>,
  run: () => Promise<UnknownEvent | undefined>,
): Promise<UnknownEvent | undefined> {
  const carrier = { ...headers, traceparent: headers['traceparent'] ?? event.traceparent ?? '' };
  const parent = propagation.extract(active.active(), carrier);
  const options = {
    kind: SpanKind.CONSUMER,
    attributes: {
      'cloudevents.event_id': event.id,
      'cloudevents.event_source': event.source,
      'cloudevents.event_type': event.type,
      'faas.trigger': 'pubsub',
    },
  };
  return trace
    .getTracer('nimbusguard')
    .startActiveSpan(`process ${event.type}`, options, parent, async (span) => {
      try {
        return await run();
      } catch (error) {
        span.recordException(error instanceof Error ? error : String(error));
        throw error;
      } finally {
        span.end();
      }
    });
}

/**
 * The event route `POST /` of a function, with Knative's delivery contract: 200 with ONE CloudEvent,
 * 204 empty, a NimbusError's status, 500 for a bug. An aborted handler answers 503: deliver again.
 */
export function deliverTo(spec: FunctionSpec, deps: Deps) {
  const replies = createReplies(REMEMBERED_REPLIES);

  const handle = async (
    event: UnknownEvent,
    headers: HeaderMap,
    signal: AbortSignal,
  ): Promise<UnknownEvent | undefined> => {
    const accept = acceptOf(spec, event.type);
    const log = deps.log.child({ trace_id: traceIdOf(event.traceparent ?? ''), event: event.id });
    try {
      const reply = await handleInSpan(event, headers, () => accept.handle(event, { log, signal }));
      return reply && { ...reply, traceparent: event.traceparent };
    } catch (error) {
      const shown = retriable(error, signal);
      const outcome = outcomeOf(shown);
      if (outcome === 'failed') log.error({ err: error }, 'the handler failed');
      else log.info({ reason: String(shown), outcome }, 'the event was not handled');
      throw shown;
    }
  };

  return async (c: HonoContext): Promise<Response> => {
    const startedMs = performance.now();
    const headers = headersOf(c);
    const decoded = decodeEvent(headers, await c.req.text());
    const event: UnknownEvent = { ...decoded, traceparent: traceparentOf(decoded) };
    const signal = AbortSignal.any([c.req.raw.signal, deps.abort]);
    // A label must not grow with what is sent to us: who takes every type counts them as one.
    const type = spec.accepts.find((accept) => matches(accept, event.type))?.type ?? 'unknown';
    let outcome: string = 'failed';
    try {
      const { reply, duplicate } = replies.once(event, () => handle(event, headers, signal));
      const answer = await reply;
      outcome = duplicate ? 'duplicate' : answer === undefined ? 'empty' : 'replied';
      return replyResponse(answer);
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      deps.metrics.events.inc({ type, outcome });
      deps.metrics.duration.observe({ type }, (performance.now() - startedMs) / 1000);
    }
  };
}
