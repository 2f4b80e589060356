// One event to one address: tries, waits, and what the answer means.
import { isRetried } from '#shared/adapters/http.ts';
import type { Delivery } from '../manifests/index.ts';
import { decodeReply, type BrokerEvent, type Headers } from './cloudevent.ts';
import { backoffMs } from './retry.ts';

/** What came back: an HTTP answer, or why there is none. */
export type Answer =
  | { readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
  | { readonly status: null; readonly reason: string };

/** Set by the local ingress on the answer to a request that had to start the service first. */
export const COLD_START_HEADER = 'x-cold-start';

export interface Ports {
  send(url: string, event: BrokerEvent, timeoutMs: number): Promise<Answer>;
  /** Resolves after `ms`; rejects when the broker stops. */
  sleep(ms: number): Promise<void>;
}

export interface Failure {
  /** HTTP status of the last answer; null where there was none. */
  readonly status: number | null;
  readonly reason: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export type Outcome =
  | { readonly ok: true; readonly reply: BrokerEvent | null; readonly retries: number }
  | { readonly ok: false; readonly failure: Failure; readonly retries: number };

type Judged = { reply: BrokerEvent | null } | { failure: Failure; again: boolean };

const NOTHING = new Uint8Array();
const REASON_CHARACTERS = 300;

/** The part of a refusal that a person wants to read: a problem's detail, or the text. */
function readable(body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 4096)).toString();
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === 'object' && problem !== null && 'detail' in problem) {
      return String(problem.detail).slice(0, REASON_CHARACTERS);
    }
  } catch {
    // Not a problem document: the text itself is the reason.
  }
  return text.slice(0, REASON_CHARACTERS);
}

/** Knative's contract: below 300 with nothing or ONE event is success; anything else is a failure. */
function judge(answer: Answer): Judged {
  if (answer.status === null) {
    const { reason } = answer;
    return { failure: { status: null, reason, headers: {}, body: NOTHING }, again: true };
  }
  const { status, headers, body } = answer;
  if (status >= 200 && status < 300) {
    const reply = decodeReply(headers, body);
    if (reply !== 'invalid') return { reply };
    const reason = `answered ${status} with a body that is not one CloudEvent: ${readable(body)}`;
    return { failure: { status, reason, headers, body }, again: false };
  }
  const reason = `answered ${status}: ${readable(body)}`;
  return { failure: { status, reason, headers, body }, again: isRetried(status) };
}

/** Delivers with the retries that the Trigger allows; tells `retried` before each of them. */
export async function deliver(
  event: BrokerEvent,
  to: { readonly url: string; readonly delivery: Delivery },
  ports: Ports,
  retried: (reason: string) => void,
): Promise<Outcome> {
  for (let retries = 0; ; retries += 1) {
    const judged = judge(await ports.send(to.url, event, to.delivery.timeoutMs));
    if ('reply' in judged) return { ok: true, reply: judged.reply, retries };
    const { failure, again } = judged;
    if (!again || retries >= to.delivery.retry) return { ok: false, failure, retries };
    retried(failure.reason);
    await ports.sleep(backoffMs(to.delivery, retries + 1));
  }
}

const ERROR_DATA_BYTES = 1024;
const ERROR_PREFIX = 'kne-';

/** The event as the dead letter sink gets it: with where it failed, the status and the answer's body. */
export function deadLetter(event: BrokerEvent, destination: string, failure: Failure): BrokerEvent {
  const attributes = { ...event.attributes, knativeerrordest: destination };
  // Without an answer Knative gives no data; the reason is worth more to whoever reads it.
  const data = failure.status === null ? Buffer.from(failure.reason) : failure.body;
  if (failure.status !== null) Object.assign(attributes, { knativeerrorcode: failure.status });
  for (const [name, value] of Object.entries(failure.headers)) {
    if (!name.startsWith(ERROR_PREFIX)) continue;
    Object.assign(attributes, {
      [name.slice(ERROR_PREFIX.length).replace(/[^a-z0-9]/g, '')]: value,
    });
  }
  const encoded = Buffer.from(data.subarray(0, ERROR_DATA_BYTES)).toString('base64');
  return {
    attributes: encoded === '' ? attributes : { ...attributes, knativeerrordata: encoded },
    data: event.data,
  };
}
