import { context, propagation } from '@opentelemetry/api';
import { setTimeout as sleep } from 'node:timers/promises';
import { NimbusError, messageOf } from '../errors.ts';
import type { UnknownEvent } from '../events/index.ts';
import type { EventSink } from '../ports.ts';
import { exchange, isOk, isRetried, transportOf, type Answer } from './http.ts';

type Encode = (event: UnknownEvent) => { headers: Record<string, string>; body: string };

const ATTEMPTS = 4;
const BACKOFF_MS = 50;

/**
 * Posts events to a broker's ingress (`K_SINK`). 2xx is stored; what may change (404: a Broker that is not
 * there yet) and lost connections are tried up to four times in all; other answers end at once.
 * Throws `upstream.unavailable`, or `action.refused` with the broker's words.
 */
export function brokerSink(options: {
  url: string;
  timeoutMs: number;
  encode: Encode;
}): EventSink & { close(): void } {
  const { Agent } = transportOf(options.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });

  const post = (event: UnknownEvent, signal?: AbortSignal): Promise<Answer> => {
    const { headers, body } = options.encode(event);
    propagation.inject(context.active(), headers);
    const asked = { method: 'POST', agent, timeout: options.timeoutMs, headers, body };
    return exchange(options.url, signal === undefined ? asked : { ...asked, signal });
  };

  return {
    async send(event, signal) {
      let last = '';
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 0) await sleep(BACKOFF_MS * 2 ** attempt);
        const answer = await post(event, signal).catch((error: unknown) => ({
          status: 503,
          headers: {},
          text: messageOf(error),
        }));
        if (isOk(answer)) return;
        last = `${answer.status} ${answer.text.slice(0, 300)}`;
        if (!isRetried(answer.status)) {
          throw new NimbusError('action.refused', `the broker refused ${event.type}: ${last}`);
        }
      }
      throw new NimbusError(
        'upstream.unavailable',
        `the broker did not store ${event.type}: ${last}`,
      );
    },
    close: () => agent.destroy(),
  };
}
