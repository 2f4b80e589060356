import { z } from 'zod';
import type { UnknownEvent } from '#shared/events/index.ts';

const PAGE = 500;
const TIMEOUT_MS = 5000;
/** Reading stops here: the operator starts with what it has rather than not at all. */
const MOST_MS = 20_000;
const MOST_EVENTS = 200_000;

/** The log of everything the broker accepted. */
export interface EventLog {
  /** Calls `take` with every event in the order of the log. Rejects where it cannot be read. */
  replay(take: (event: UnknownEvent, acceptedAtMs: number) => void): Promise<void>;
}

const Entry = z.object({
  offset: z.int().nonnegative(),
  acceptedAtMs: z.number().nonnegative(),
  event: z.looseObject({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.string(),
  }),
});
const Page = z.object({ events: z.array(Entry) });

/** The embedded broker's `GET /internal/events?after=<offset>&limit=<n>`. */
export function eventLog(url: string): EventLog {
  const page = async (after: number): Promise<z.infer<typeof Page>['events']> => {
    const address = new URL(url);
    address.searchParams.set('after', String(after));
    address.searchParams.set('limit', String(PAGE));
    const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`it answered ${String(answer.status)}`);
    return Page.parse(await answer.json()).events;
  };
  return {
    async replay(take) {
      const started = performance.now();
      let after = -1;
      for (let read = 0; read < MOST_EVENTS && performance.now() - started < MOST_MS;) {
        const entries = await page(after);
        for (const { event, acceptedAtMs } of entries) {
          take(event as unknown as UnknownEvent, acceptedAtMs);
        }
        const last = entries.at(-1);
        if (last === undefined || last.offset <= after) return;
        after = last.offset;
        read += entries.length;
      }
    },
  };
}
