import { z } from 'zod';
import { exchange, isOk } from '#shared/adapters/http.ts';
import { NimbusError } from '#shared/errors.ts';
import { AlertData, AlertRaised, type CloudEventOf } from '#shared/events/index.ts';
import { encodeEvent } from '#shared/runtime/envelope.ts';

/** Body of `POST /api/v1/events/trigger`, as users of the original system know it. */
export const TriggerRequest = z.object({
  event_type: AlertData.shape.eventType,
  service: AlertData.shape.service,
  namespace: AlertData.shape.namespace.optional(),
  value: AlertData.shape.value,
});
type TriggerRequest = z.infer<typeof TriggerRequest>;

/** Sends one alert; throws `upstream.unavailable` when it was not stored. */
export type SendAlert = (alert: CloudEventOf<AlertData>) => Promise<void>;

/** The alert a request stands for. Its UID is not known here: subject keeps its order instead. */
export function alertOf(
  request: TriggerRequest,
  envelope: { id: string; time: string; namespace: string; traceparent?: string | undefined },
): CloudEventOf<AlertData> {
  const namespace = request.namespace ?? envelope.namespace;
  const subject = `${namespace}/${request.service}`;
  return AlertRaised.build(
    {
      id: envelope.id,
      source: '/nimbusguard/consumer-workload',
      subject,
      time: envelope.time,
      partitionkey: subject,
      ...(envelope.traceparent === undefined ? {} : { traceparent: envelope.traceparent }),
    },
    {
      eventType: request.event_type,
      service: request.service,
      namespace,
      ...(request.value === undefined ? {} : { value: request.value }),
    },
  );
}

const SEND_TIMEOUT_MS = 5000;

/** Sends alerts to the Broker's ingress as binary CloudEvents; `url` undefined refuses each. */
export function brokerSender(url: string | undefined): SendAlert {
  return async (alert) => {
    if (url === undefined) {
      const message = 'no Broker is configured: set BROKER_URL, or K_SINK by a SinkBinding';
      throw new NimbusError('upstream.unavailable', message);
    }
    const answer = await exchange(url, {
      method: 'POST',
      ...encodeEvent(alert),
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw new NimbusError('upstream.unavailable', 'the Broker cannot be reached', { cause });
    });
    if (!isOk(answer)) {
      const message = `the Broker answered ${answer.status}: the alert was not stored`;
      throw new NimbusError('upstream.unavailable', message);
    }
  };
}
