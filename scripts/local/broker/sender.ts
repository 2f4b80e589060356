// HTTP client of the dispatcher: binary mode, kept connections, one deadline per request.
import {
  Agent,
  request,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { messageOf } from '#shared/errors.ts';
import { encodeHeaders, type BrokerEvent } from './cloudevent.ts';
import type { Answer } from './delivery.ts';

const MAX_ANSWER_BYTES = 1_048_576; // what the log takes as an event
/** As W3C Trace Context has it; what an event calls so may be anything. */
const TRACEPARENT = /^[\da-f]{2}(-[\da-f]+){3}(-[!-~]*)?$/;
const IDLE_SOCKET_MS = 4000; // below Node's own server keep-alive of 5 s, so that we close first

interface Attempt {
  readonly answer: Answer;
  /** A kept connection that the other side had just closed: nothing was handled. */
  readonly stale: boolean;
}

const lowerCase = (message: IncomingMessage): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
};

const unanswered = (reason: string, stale = false): Attempt => ({
  answer: { status: null, reason },
  stale,
});

function collect(message: IncomingMessage, done: (attempt: Attempt) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  message.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MAX_ANSWER_BYTES) parts.push(part);
    else message.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
  });
  message.on('end', () => {
    const status = message.statusCode ?? 0;
    done({
      answer: { status, headers: lowerCase(message), body: Buffer.concat(parts) },
      stale: false,
    });
  });
  message.on('error', (error) => done(unanswered(error.message)));
}

export class Sender {
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_SOCKET_MS });

  /** Sends the event; never rejects. `namespace` is told to the subscriber as Knative does. */
  async send(
    url: string,
    event: BrokerEvent,
    timeoutMs: number,
    namespace: string,
  ): Promise<Answer> {
    const body = event.data ?? new Uint8Array();
    const { traceparent } = event.attributes;
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...encodeHeaders(event),
        ...(TRACEPARENT.test(String(traceparent)) ? { traceparent: String(traceparent) } : {}),
        prefer: 'reply',
        'kn-namespace': namespace,
        'content-length': String(body.length),
      },
    };
    const first = await this.#once(url, options, body, timeoutMs);
    return first.stale ? (await this.#once(url, options, body, timeoutMs)).answer : first.answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #once(
    url: string,
    options: RequestOptions,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Attempt> {
    return new Promise((resolve) => {
      let attempt: ClientRequest;
      try {
        attempt = request(url, options, (message) => collect(message, done));
      } catch (error) {
        // What cannot be sent fails as any delivery does: it must not hold its partition up for ever.
        resolve(unanswered(messageOf(error)));
        return;
      }
      const deadline = setTimeout(() => {
        attempt.destroy(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const done = (result: Attempt): void => {
        clearTimeout(deadline);
        resolve(result);
      };
      attempt.on('error', (error: NodeJS.ErrnoException) => {
        const stale = attempt.reusedSocket && error.code === 'ECONNRESET';
        done(unanswered(error.message || (error.code ?? 'connection failed'), stale));
      });
      attempt.end(body);
    });
  }
}
