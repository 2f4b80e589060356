import { z } from 'zod';
import type { BrokerStatistics } from './chain.ts';

const FRESH_MS = 2000;
const TIMEOUT_MS = 1500;

type Read = BrokerStatistics | 'not-configured' | 'unreachable';

/** The broker's figures per function, never older than two seconds when asked for. */
export interface BrokerReader {
  /** What is known; reads anew in the background where that is old. */
  last(): Read;
  fresh(): Promise<Read>;
}

const figure = z.number().nonnegative().optional();

/** The embedded broker's `GET /internal/stats`: one entry per Trigger, named as its function. */
const Statistics = z.object({
  triggers: z.array(
    z.looseObject({
      name: z.string(),
      retries: figure,
      deadLetters: figure,
      coldStarts: figure,
    }),
  ),
});

const byName = ({ triggers }: z.infer<typeof Statistics>): BrokerStatistics =>
  Object.fromEntries(
    triggers.map(({ name, retries, deadLetters, coldStarts }) => [
      name,
      {
        ...(retries === undefined ? {} : { retries }),
        ...(deadLetters === undefined ? {} : { deadLetters }),
        ...(coldStarts === undefined ? {} : { coldStarts }),
      },
    ]),
  );

export function brokerReader(url: string | undefined, nowMs: () => number): BrokerReader {
  let known: Read = url === undefined ? 'not-configured' : 'unreachable';
  let readAtMs = -Infinity;
  let running: Promise<void> | undefined;

  const read = async (address: string): Promise<void> => {
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body: unknown = answer.ok ? await answer.json() : undefined;
      const parsed = Statistics.safeParse(body);
      known = parsed.success ? byName(parsed.data) : 'unreachable';
    } catch {
      known = 'unreachable';
    }
    readAtMs = nowMs();
    running = undefined;
  };

  const refresh = (): Promise<void> | undefined => {
    if (url === undefined || nowMs() - readAtMs < FRESH_MS) return undefined;
    return (running ??= read(url));
  };

  return {
    last() {
      void refresh();
      return known;
    },
    async fresh() {
      await refresh();
      return known;
    },
  };
}
