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

const figure = z.number().nonnegative();

/** The embedded broker's `GET /internal/stats`: one entry per Trigger. */
const Statistics = z.object({
  triggers: z.record(z.string(), z.looseObject({ retries: figure, deadLetters: figure })),
});

/** A function's Triggers are named after it: `observer`, `observer-beat`. */
const functionOf = (trigger: string): string => /^[a-z]+/.exec(trigger)?.[0] ?? trigger;

function byFunction({ triggers }: z.infer<typeof Statistics>): BrokerStatistics {
  const sums: Record<string, { retries: number; deadLetters: number }> = {};
  for (const [trigger, { retries, deadLetters }] of Object.entries(triggers)) {
    const sum = (sums[functionOf(trigger)] ??= { retries: 0, deadLetters: 0 });
    sum.retries += retries;
    sum.deadLetters += deadLetters;
  }
  return sums;
}

export function brokerReader(url: string | undefined, nowMs: () => number): BrokerReader {
  let known: Read = url === undefined ? 'not-configured' : 'unreachable';
  let readAtMs = -Infinity;
  let running: Promise<void> | undefined;

  const read = async (address: string): Promise<void> => {
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body: unknown = answer.ok ? await answer.json() : undefined;
      const parsed = Statistics.safeParse(body);
      known = parsed.success ? byFunction(parsed.data) : 'unreachable';
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
