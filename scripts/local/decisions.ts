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
        id: z.string(),
        /** `namespace/name` of the target. */
        subject: z.string(),
        atMs: z.number(),
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

/** `12:00:05  8 → 10  sentence` in local time; the target is named where it is not the only one. */
const line = (decision: Told, isOnly: boolean): string => {
  const time = new Date(decision.atMs).toLocaleTimeString('en-GB');
  const target = isOnly ? '' : `${decision.subject}: `;
  return `${time}  ${change(decision.from, decision.to).padEnd(8)}  ${target}${decision.sentence}`;
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
  readonly #said = new Set<string>();
  /** By target, why the last change that was wanted was not made: said once for as long as it stays the same. */
  readonly #hindrances = new Map<string, string | undefined>();
  readonly #targets = new Set<string>();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  tell(payload: string): void {
    const batch = Batch.safeParse(JSON.parse(payload));
    for (const decision of batch.data?.decisions ?? []) {
      this.#decided(decision);
      if (decision.kind === 'scale' && decision.action)
        this.#executed(decision.subject, decision.action);
    }
  }

  #decided(decision: Told): void {
    if (this.#said.has(decision.id)) return;
    this.#said.add(decision.id);
    const [oldest = ''] = this.#said;
    if (this.#said.size > 1000) this.#said.delete(oldest);
    this.#targets.add(decision.subject);
    this.#say(line(decision, this.#targets.size === 1));
  }

  #executed(target: string, { outcome, message }: NonNullable<Told['action']>): void {
    const hindrance = outcome === 'held' ? message : undefined;
    if (hindrance !== undefined && hindrance !== this.#hindrances.get(target))
      this.#say(`${' '.repeat(20)}not done: ${hindrance}`);
    this.#hindrances.set(target, hindrance);
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
