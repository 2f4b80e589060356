import { z } from 'zod';
import { exchange, isOk } from '#shared/adapters/http.ts';
import type { UnknownEvent } from '#shared/events/index.ts';

const PAGE = 500;
const TIMEOUT_MS = 5000;
/** A day and more of one target, or half an hour of fifty. */
const NEWEST = 30_000;
/** Reading stops here: the operator starts with what it has rather than not at all. */
const MOST_MS = 8000;

/** The log of everything the broker accepted. */
export interface EventLog {
  /**
   * Calls `take` with the newest events in the order of the log, and `refused` with the dead letters.
   * Rejects where the log cannot be read.
   */
  replay(
    take: (event: UnknownEvent, acceptedAtMs: number) => void,
    refused: (event: UnknownEvent, refusedAtMs: number) => void,
  ): Promise<void>;
}

const Event = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
});
const atMs = z.number().nonnegative();
const Page = z.object({
  events: z.array(z.object({ offset: z.int().nonnegative(), atMs, event: Event })),
  end: z.int().nonnegative(),
});
const Letters = z.object({
  deadLetters: z.array(
    z.object({
      trigger: z.string(),
      atMs,
      status: z.int().nullable(),
      reason: z.string(),
      event: Event,
    }),
  ),
});

const read = async <T>(address: URL, schema: z.ZodType<T>): Promise<T> => {
  const answer = await exchange(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!isOk(answer)) throw new Error(`it answered ${String(answer.status)}`);
  return schema.parse(JSON.parse(answer.text));
};

/** A Trigger `namespace/name` as its subscriber's host, which is how a dead letter names it. */
const subscriberOf = (trigger: string): string => trigger.split('/').reverse().join('.');

const asEvent = (event: z.infer<typeof Event>): UnknownEvent => event as unknown as UnknownEvent;

/**
 * The embedded broker's log: `GET /internal/events?after=<offset>&limit=<n>` at `url`, and
 * `dead-letters` beside it.
 */
export function eventLog(url: string): EventLog {
  const page = (after: number, limit: number): Promise<z.infer<typeof Page>> => {
    const address = new URL(url);
    address.searchParams.set('after', String(after));
    address.searchParams.set('limit', String(limit));
    return read(address, Page);
  };
  return {
    async replay(take, refused) {
      const started = performance.now();
      const letters = await read(new URL(`dead-letters?limit=${String(PAGE)}`, url), Letters);
      for (const { event, trigger, status, reason, ...letter } of letters.deadLetters.reverse()) {
        const told = {
          knativeerrordest: subscriberOf(trigger),
          knativeerrorcode: status,
          knativeerrordata: reason,
        };
        refused(asEvent({ ...event, ...told }), letter.atMs);
      }
      let after = Math.max(0, (await page(0, 1)).end - NEWEST);
      while (performance.now() - started < MOST_MS) {
        const { events } = await page(after, PAGE);
        for (const { event, ...entry } of events) take(asEvent(event), entry.atMs);
        const last = events.at(-1);
        if (last === undefined || last.offset <= after) return;
        after = last.offset;
      }
    },
  };
}
