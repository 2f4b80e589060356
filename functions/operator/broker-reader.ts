import { z } from 'zod';
import { exchange, isOk } from '#shared/adapters/http.ts';
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
const known = figure.nullable().default(null);

/** The embedded broker's `GET /internal/stats`: one entry per Trigger. */
const Statistics = z.object({
  triggers: z.record(
    z.string(),
    z.looseObject({
      retries: figure,
      deadLetters: figure,
      coldStarts: known,
      hopP50Ms: known,
      hopP99Ms: known,
    }),
  ),
});

/** A function's Triggers are named after it: `observer`, `observer-beat`. */
const functionOf = (trigger: string): string => /^[a-z]+/.exec(trigger)?.[0] ?? trigger;

/** Of two Triggers of a function: what is known of one, or both put together. */
const either = (
  one: number | null,
  other: number | null,
  both: (a: number, b: number) => number,
): number | null => (one === null || other === null ? (one ?? other) : both(one, other));

type Figures = NonNullable<BrokerStatistics[string]>;

const together = (a: Figures, b: Figures): Figures => ({
  retries: a.retries + b.retries,
  deadLetters: a.deadLetters + b.deadLetters,
  coldStarts: either(a.coldStarts, b.coldStarts, (one, other) => one + other),
  hopP50Ms: either(a.hopP50Ms, b.hopP50Ms, Math.max),
  hopP99Ms: either(a.hopP99Ms, b.hopP99Ms, Math.max),
});

function byFunction({ triggers }: z.infer<typeof Statistics>): BrokerStatistics {
  const byName: Record<string, Figures> = {};
  for (const [trigger, figures] of Object.entries(triggers)) {
    const name = functionOf(trigger);
    const other = byName[name];
    byName[name] = other === undefined ? figures : together(other, figures);
  }
  return byName;
}

export function brokerReader(url: string | undefined, nowMs: () => number): BrokerReader {
  let known: Read = url === undefined ? 'not-configured' : 'unreachable';
  let readAtMs = -Infinity;
  let running: Promise<void> | undefined;

  const read = async (address: string): Promise<void> => {
    try {
      const answer = await exchange(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body: unknown = isOk(answer) ? JSON.parse(answer.text) : undefined;
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
