import type { UnknownEvent } from '#shared/events/index.ts';
import { BoundedMap, quantile, Ring } from './rings.ts';
import type { ChainView, DeadLetter, FunctionView } from './view.ts';

/** Figures of the broker, by function, where it offers any. */
export interface BrokerStatistics {
  readonly [functionName: string]:
    | {
        readonly retries: number;
        readonly deadLetters: number;
        readonly coldStarts: number | null;
        /** From the acceptance of an event to the answer: for who answers to what is not seen here. */
        readonly hopP50Ms: number | null;
        readonly hopP99Ms: number | null;
      }
    | undefined;
}

interface Seen {
  readonly emits: Set<string>;
  readonly arrivals: Ring<number>;
  readonly hops: Ring<number>;
  events: number;
  last: FunctionView['lastEvent'];
}

/** The functions in the order of the chain; others that send events follow them. */
const ORDER = ['observer', 'decider', 'executor', 'reward', 'advisor'];
const RECENT_HOPS = 500;
const RECENT_ARRIVALS = 4000;
const MINUTE_MS = 60_000;
const MAX_CHAINS = 2000;
const MAX_DEAD_LETTERS = 200;
const MAX_FUNCTIONS = 32;
const MAX_HOP_MS = 600_000;
const MAX_DATA_CHARACTERS = 4000;

const noun = (type: string): string => type.split('.').slice(2, 4).join('.');

/** Which event causes which; the time between them is the hop. */
const CAUSE: Readonly<Record<string, string>> = {
  'decision.made': 'state.observed',
  'action.executed': 'decision.made',
  'advice.given': 'decision.made',
  'reward.calculated': 'action.executed',
  'policy.learned': 'reward.calculated',
};

const attribute = (event: UnknownEvent, name: string): string | null => {
  const value = (event as unknown as Record<string, unknown>)[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
};

const decoded = (text: string | null): string | null => {
  if (text === null || !/^[A-Za-z0-9+/]+=*$/.test(text) || text.length % 4 !== 0) return text;
  return Buffer.from(text, 'base64').toString('utf8'); // Knative encodes the answer's body
};

/** A refused event as the broker hands it over: with who refused it, the status and the answer. */
export const isDeadLetter = (event: UnknownEvent): boolean =>
  attribute(event, 'knativeerrordest') !== null || attribute(event, 'knativeerrorcode') !== null;

const reasonOf = (data: string | null): string => {
  if (data === null || data === '') return 'no reason was given';
  try {
    const problem: unknown = JSON.parse(data);
    if (typeof problem === 'object' && problem !== null && 'detail' in problem) {
      return String(problem.detail);
    }
  } catch {
    // Not a problem document: the text itself is the reason.
  }
  return data.slice(0, 1000);
};

const refusedBy = (destination: string | null): string | null => {
  if (destination === null || !URL.canParse(destination)) return destination;
  return new URL(destination).host.replace(/\.svc\.cluster\.local$/, '');
};

export function toDeadLetter(event: UnknownEvent, receivedAtMs: number): DeadLetter {
  const code = Number(attribute(event, 'knativeerrorcode') ?? Number.NaN);
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    subject: event.subject ?? null,
    receivedAtMs,
    refusedBy: refusedBy(attribute(event, 'knativeerrordest')),
    status: Number.isFinite(code) ? code : null,
    reason: reasonOf(decoded(attribute(event, 'knativeerrordata'))),
    traceparent: event.traceparent ?? null,
    data: JSON.stringify(event.data ?? null).slice(0, MAX_DATA_CHARACTERS),
  };
}

/** Rates and hop latencies of the chain, from the events themselves. */
export class Chain {
  readonly #functions = new Map<string, Seen>();
  /** Times of the events of one beat and target, by noun. */
  readonly #beats = new BoundedMap<string, Map<string, number>>(MAX_CHAINS);
  readonly #ticks = new Ring<number>(RECENT_HOPS);
  readonly #deadLetters = new Ring<DeadLetter>(MAX_DEAD_LETTERS);
  #deadLetterCount = 0;

  /** `atMs`: when the event arrived. Its own time is that of what it tells, the same at every hop. */
  accept(event: UnknownEvent, atMs: number): void {
    const name = /^\/nimbusguard\/([a-z-]{1,40})$/.exec(event.source)?.[1];
    if (name === undefined) return;
    const seen = this.#seen(name);
    if (seen === undefined) return;
    if (seen.last?.id === event.id && seen.last.type === event.type) return;
    seen.events += 1;
    seen.emits.add(event.type);
    seen.arrivals.push(atMs);
    seen.last = {
      id: event.id,
      type: event.type,
      subject: event.subject ?? null,
      atMs,
      traceparent: event.traceparent ?? null,
    };
    this.#hop(event, atMs, seen);
  }

  refuse(letter: DeadLetter): void {
    this.#deadLetterCount += 1;
    this.#deadLetters.push(letter);
  }

  deadLetters(limit: number): DeadLetter[] {
    return this.#deadLetters.newestFirst(limit);
  }

  view(nowMs: number, broker: BrokerStatistics | 'not-configured' | 'unreachable'): ChainView {
    const seen = [...this.#functions].sort(([a], [b]) => rank(a) - rank(b));
    const statistics = typeof broker === 'string' ? {} : broker;
    return {
      functions: seen.map(([name, each]) => this.#viewOf(name, each, nowMs, statistics)),
      tickToActionP50Ms: quantile(this.#ticks.items, 0.5),
      tickToActionP99Ms: quantile(this.#ticks.items, 0.99),
      brokerStatistics: typeof broker === 'string' ? broker : 'read',
      deadLetters: this.#deadLetterCount,
    };
  }

  #viewOf(name: string, seen: Seen, nowMs: number, broker: BrokerStatistics): FunctionView {
    const statistics = { ...UNKNOWN, ...broker[name] };
    const letters = this.#deadLetters.items.filter((each) => sentTo(each, name)).length;
    return {
      name,
      emits: [...seen.emits].sort(),
      events: seen.events,
      perMinute: seen.arrivals.items.filter((atMs) => atMs > nowMs - MINUTE_MS).length,
      hopP50Ms: quantile(seen.hops.items, 0.5) ?? statistics.hopP50Ms,
      hopP99Ms: quantile(seen.hops.items, 0.99) ?? statistics.hopP99Ms,
      retries: statistics.retries,
      deadLetters: statistics.deadLetters ?? letters,
      coldStarts: statistics.coldStarts,
      lastEvent: seen.last,
    };
  }

  #seen(name: string): Seen | undefined {
    const known = this.#functions.get(name);
    if (known !== undefined || this.#functions.size >= MAX_FUNCTIONS) return known;
    const seen: Seen = {
      emits: new Set(),
      arrivals: new Ring(RECENT_ARRIVALS),
      hops: new Ring(RECENT_HOPS),
      events: 0,
      last: null,
    };
    this.#functions.set(name, seen);
    return seen;
  }

  /** Ids are `<tick>.<target>.<hop>`: without their last part they name one beat of one target. */
  #hop(event: UnknownEvent, atMs: number, seen: Seen): void {
    const beat = event.id.split('.').slice(0, -1).join('.');
    if (beat === '') return;
    const times = this.#beats.get(beat) ?? new Map<string, number>();
    if (times.size === 0) this.#beats.set(beat, times);
    times.set(noun(event.type), atMs);
    const causeAtMs = times.get(CAUSE[noun(event.type)] ?? '');
    if (causeAtMs !== undefined) push(seen.hops, atMs - causeAtMs);
    const observedAtMs = times.get('state.observed');
    if (noun(event.type) === 'action.executed' && observedAtMs !== undefined) {
      push(this.#ticks, atMs - observedAtMs);
    }
  }
}

const UNKNOWN = {
  retries: null,
  deadLetters: null,
  coldStarts: null,
  hopP50Ms: null,
  hopP99Ms: null,
};

const push = (ring: Ring<number>, ms: number): void => {
  if (ms >= 0 && ms < MAX_HOP_MS) ring.push(ms); // clocks of two machines may disagree
};

const rank = (name: string): number => {
  const at = ORDER.indexOf(name);
  return at === -1 ? ORDER.length : at;
};

const sentTo = (letter: DeadLetter, name: string): boolean =>
  letter.refusedBy?.split(/[.:]/)[0] === name;
