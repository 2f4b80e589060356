// One line per decision for the terminal, read from the operator's event stream.
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { send } from './http.ts';

const RETRY_MS = 1000;

const Batch = z.object({
  decisions: z
    .array(
      z.object({
        atMs: z.number(),
        sequence: z.number(),
        kind: z.enum(['scale', 'hold']),
        from: z.number(),
        to: z.number(),
        sentence: z.string(),
        action: z.object({ outcome: z.string(), message: z.string() }).nullish(),
      }),
    )
    .default([]),
});

type Told = NonNullable<z.infer<typeof Batch>['decisions']>[number];

const change = (from: number, to: number): string => (to === from ? `${from}` : `${from} → ${to}`);

/** `12:00:05  8 → 10  sentence` in local time. */
const line = (decision: Told): string => {
  const time = new Date(decision.atMs).toLocaleTimeString('en-GB');
  return `${time}  ${change(decision.from, decision.to).padEnd(8)}  ${decision.sentence}`;
};

/** The `data:` payloads of a stream of server-sent events, one per event. */
async function* payloads(stream: Readable): AsyncGenerator<string> {
  let held = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    held += String(chunk);
    const events = held.split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').filter((part) => part.startsWith('data:'));
      if (data.length > 0) yield data.map((part) => part.slice(5).trim()).join('\n');
    }
  }
}

/** Remembers which decisions were said, for a stream that starts again. */
export class Teller {
  readonly #said = new Set<number>();
  /** Why the last change that was wanted was not made: said once for as long as it stays the same. */
  #hindrance: string | undefined;
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  tell(payload: string): void {
    const batch = Batch.safeParse(JSON.parse(payload));
    for (const decision of batch.data?.decisions ?? []) {
      this.#decided(decision);
      if (decision.kind === 'scale' && decision.action) this.#executed(decision.action);
    }
  }

  #decided(decision: Told): void {
    if (this.#said.has(decision.sequence)) return;
    this.#said.add(decision.sequence);
    if (this.#said.size > 1000) this.#said.delete([...this.#said][0] ?? 0);
    this.#say(line(decision));
  }

  #executed({ outcome, message }: NonNullable<Told['action']>): void {
    const hindrance = outcome === 'held' ? message : undefined;
    if (hindrance !== undefined && hindrance !== this.#hindrance)
      this.#say(`${' '.repeat(20)}not done: ${hindrance}`);
    this.#hindrance = hindrance;
  }
}

/**
 * Prints every new decision until `signal` aborts; a lost connection is taken up again.
 * Routine repetitions of the same hold come at most once a minute, as the decider sends them.
 */
export async function followDecisions(
  operatorUrl: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const teller = new Teller(say);
  while (!signal.aborted) {
    try {
      const stream = await send(`${operatorUrl}/api/stream`, { signal });
      for await (const payload of payloads(stream)) teller.tell(payload);
    } catch {
      // The operator is being started again, or we are stopping.
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}
