import type { Context } from 'hono';
import { SSEStreamingApi } from 'hono/streaming';
import type { Logger } from 'pino';
import { NimbusError } from '#shared/errors.ts';
import type { Chain, BrokerStatistics } from './chain.ts';
import { compact, forTarget, joined } from './batch.ts';
import { isDuplicate } from './duplicate.ts';
import type { History } from './history.ts';
import type { TargetLog } from './target-log.ts';
import type { Batch, DeadLetter, DecisionRecord, Series } from './view.ts';

const TICK_MS = 500; // at most two batches a second
const KEPT_BATCHES = 1200; // ten minutes of a busy stream: a laptop's lid, a tunnel
const KEPT_CHARACTERS = 16_000_000;
const MAX_READERS = 64;
const HEARTBEAT_MS = 15_000;
const CHAIN_EVERY_MS = 2000;

/** One who reads: from which id, and of which target alone. */
interface Reader {
  readonly from: string | undefined;
  readonly target: string | undefined;
  readonly stopping: AbortSignal;
}

export interface Surroundings {
  readonly stopping: AbortSignal;
  readonly log: Pick<Logger, 'error'>;
}

/** Given as a whole: of headers that are added one by one Hono makes a Headers, for which Node loads fetch. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  connection: 'keep-alive',
  'x-accel-buffering': 'no', // a proxy that collects the stream makes it useless
};

interface Stored {
  readonly id: number;
  readonly batch: Batch;
  readonly characters: number;
}

interface Sources {
  readonly history: () => History;
  readonly chain: Chain;
  readonly broker: () => BrokerStatistics | 'not-configured' | 'unreachable';
  readonly nowMs: () => number;
}

/**
 * Server-sent events: what changed, in batches with ids. A reader that comes back with
 * `Last-Event-ID` gets everything it missed; one that was away too long, or that met another
 * process, gets `reset` and starts over. A slow reader holds up nobody: each one reads the ring
 * of batches at its own pace.
 */
export class Stream {
  readonly #sources: Sources;
  /** Ids of another process are of no meaning here. */
  readonly #epoch: string;
  #batches: Stored[] = [];
  #characters = 0;
  #next = 1;
  #readers = 0;
  #wake = Promise.withResolvers<undefined>();
  #timer: NodeJS.Timeout | undefined;
  readonly #started = Promise.withResolvers<undefined>();
  #chainAtMs = 0;
  #chainDirty = false;
  readonly #targets = new Set<TargetLog>();
  readonly #points = new Map<TargetLog, Series>();
  readonly #decisions = new Map<string, DecisionRecord>();
  #deadLetters: DeadLetter[] = [];
  readonly #states = new Map<string, string>();
  #ids: string[] = [];

  constructor(sources: Sources) {
    this.#sources = sources;
    this.#epoch = sources.nowMs().toString(36);
  }

  // Before `start` nothing is collected: what the log brought back is loaded, not streamed.
  target(log: TargetLog): void {
    if (this.#timer === undefined) return;
    this.#targets.add(log);
  }

  point(log: TargetLog): void {
    const { observed } = log;
    if (this.#timer === undefined || (observed && isDuplicate(observed))) return;
    const newest = log.newest();
    const before = this.#points.get(log);
    if (newest === undefined) return;
    this.#points.set(log, before === undefined ? newest : joined(before, newest));
  }

  decision(record: DecisionRecord): void {
    if (this.#timer === undefined) return;
    this.#decisions.set(record.id, record);
  }

  deadLetter(letter: DeadLetter): void {
    if (this.#timer === undefined) return;
    this.#deadLetters.push(letter);
  }

  chainChanged(): void {
    this.#chainDirty = true;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    this.#started.resolve(undefined);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#wake.resolve(undefined);
  }

  /**
   * The id a page should ask the stream to go on from, taken before it loads the rest. Until the log is read
   * there is none: whoever loaded some of it must load anew.
   */
  get position(): string {
    return this.#timer === undefined ? `${this.#epoch}-none` : this.#id(this.#next - 1);
  }

  /** Answers one reader until it leaves or the process stops. */
  serve(c: Context, target: string | undefined, { stopping, log }: Surroundings): Response {
    if (this.#readers >= MAX_READERS) {
      throw new NimbusError(
        'upstream.throttled',
        `stream: at most ${MAX_READERS} readers at a time`,
      );
    }
    // Nobody would ever read, or leave, what a HEAD is answered: it must not take a reader's place.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    const from = c.req.header('last-event-id') ?? c.req.query('from');
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const sse = new SSEStreamingApi(writable, readable);
    this.#feed(sse, { from, target, stopping })
      .catch((error: unknown) => log.error({ err: error }, 'a stream ended'))
      .finally(() => void sse.close());
    return new Response(sse.responseReadable, { headers: HEADERS });
  }

  /** Sends one reader everything from where it asks until it leaves. */
  async #feed(sse: SSEStreamingApi, { from, target, stopping }: Reader): Promise<void> {
    this.#readers += 1;
    const gone = new AbortController();
    sse.onAbort(() => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping]);
    try {
      await this.#ready(signal);
      let at = this.#resume(from);
      // A resuming reader keeps its own id until it has caught up.
      const greeting =
        at === undefined ? { event: 'reset', id: this.position } : { event: 'hello' };
      await sse.writeSSE({ ...greeting, data: '{}', retry: 1000 });
      at ??= this.#next;
      while (!signal.aborted) {
        const oldest = this.#batches[0]?.id ?? this.#next;
        if (at < oldest) {
          await sse.writeSSE({ event: 'reset', id: this.position, data: '{}' });
          at = this.#next;
        }
        at = await this.#catchUp(at, target, (message) => sse.writeSSE(message));
        // An event, as a page hears no comments: it must tell quiet from a line that is dead.
        if (!(await this.#wait(signal))) await sse.writeSSE({ event: 'alive', data: '{}' });
      }
    } finally {
      this.#readers -= 1;
    }
  }

  async #catchUp(
    from: number,
    target: string | undefined,
    write: (message: { event: string; id: string; data: string }) => Promise<void>,
  ): Promise<number> {
    let at = from;
    while (at < this.#next) {
      const first = this.#batches[0]?.id ?? this.#next;
      const stored = this.#batches[at - first];
      if (stored === undefined) return at;
      const batch = forTarget(stored.batch, target);
      at = stored.id + 1;
      if (batch !== undefined) {
        await write({ event: 'batch', id: this.#id(stored.id), data: JSON.stringify(batch) });
      }
    }
    return at;
  }

  /** Until the log is read, or the reader has left. */
  async #ready(signal: AbortSignal): Promise<void> {
    const left = new Promise((resolve) =>
      signal.addEventListener('abort', resolve, { once: true }),
    );
    await Promise.race([this.#started.promise, left]);
  }

  /** True when something new is there, false after the heartbeat's time. */
  async #wait(signal: AbortSignal): Promise<boolean> {
    const waited = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => waited.resolve(false), HEARTBEAT_MS);
    const leave = (): void => waited.resolve(false);
    signal.addEventListener('abort', leave, { once: true });
    void this.#wake.promise.then(() => waited.resolve(true));
    try {
      return await waited.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }

  #id(number: number): string {
    return `${this.#epoch}-${String(number)}`;
  }

  /** Number of the first batch to send; undefined where the reader must start over. */
  #resume(asked: string | undefined): number | undefined {
    if (asked === undefined) return this.#next;
    const [epoch, number] = asked.split('-');
    const last = Number(number);
    if (epoch !== this.#epoch || !Number.isInteger(last)) return undefined;
    const oldest = this.#batches[0]?.id ?? this.#next;
    return last + 1 >= oldest && last < this.#next ? last + 1 : undefined;
  }

  #tick(): void {
    const batch = this.#collect();
    if (batch === undefined) return;
    const characters = JSON.stringify(batch).length;
    this.#batches.push({ id: this.#next, batch, characters });
    this.#next += 1;
    this.#characters += characters;
    while (this.#batches.length > KEPT_BATCHES || this.#characters > KEPT_CHARACTERS) {
      this.#characters -= this.#batches.shift()?.characters ?? 0;
    }
    this.#wake.resolve(undefined);
    this.#wake = Promise.withResolvers<undefined>();
  }

  #collect(): Batch | undefined {
    const nowMs = this.#sources.nowMs();
    const { logs } = this.#sources.history();
    const states = this.#newStates(logs, nowMs);
    const ids = this.#newIds(logs);
    const targets = [...this.#targets].map((log) => log.view(nowMs));
    const points = [...this.#points.values()].map((series) => ({ target: series.target, series }));
    const decisions = [...this.#decisions.values()].map((record) => ({ ...record }));
    const deadLetters = this.#deadLetters;
    const chain = this.#chainView(nowMs);
    this.#targets.clear();
    this.#points.clear();
    this.#decisions.clear();
    this.#deadLetters = [];
    return compact({ nowMs, ids, states, targets, points, decisions, chain, deadLetters });
  }

  /** A state may change by time alone: data grow stale, a change is over. */
  #newStates(logs: readonly TargetLog[], nowMs: number): NonNullable<Batch['states']> {
    const changed = [];
    for (const log of logs) {
      const { id } = log;
      const state = log.state(nowMs);
      const said = `${state} ${id}`; // a target that is back is named anew
      if (this.#states.get(log.uid) === said) continue;
      this.#states.set(log.uid, said);
      this.#targets.add(log);
      if (!log.observed || !isDuplicate(log.observed)) changed.push({ id, state });
    }
    return changed;
  }

  /** The targets that are there, where others were before: a page offers them without being loaded anew. */
  #newIds(logs: readonly TargetLog[]): string[] | undefined {
    const ids = [...new Set(logs.map((log) => log.id))];
    if (ids.join('\n') === this.#ids.join('\n')) return undefined;
    this.#ids = ids;
    return ids;
  }

  #chainView(nowMs: number): Batch['chain'] {
    if (!this.#chainDirty || nowMs - this.#chainAtMs < CHAIN_EVERY_MS) return undefined;
    this.#chainAtMs = nowMs;
    this.#chainDirty = false;
    return this.#sources.chain.view(nowMs, this.#sources.broker());
  }
}
