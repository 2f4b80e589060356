// PingSource: sends its event on schedule, as Knative's adapter does.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#shared/errors.ts';
import { Cron } from 'croner';
import { isOk, statusOf, type Sent } from './http.ts';
import type { Destination, PingSource } from './manifests/index.ts';

const PING_TYPE = 'dev.knative.sources.ping';
/** Knative's adapter: five retries, the first after 50 ms, each wait twice the last; then the beat is lost. */
const RETRIES = 5;
const FIRST_WAIT_MS = 50;
const SEND_TIMEOUT_MS = 5000;

export interface PingOptions {
  /** Address of a sink on this machine. */
  sinkUrl(sink: Destination): string;
  /** Told when a beat could not be delivered. */
  lost(source: PingSource, reason: string): void;
}

export interface Pings {
  /** When the next beat is due, Unix epoch ms; null when there is none. */
  nextAtMs(): number | null;
  /** One fire of every source beside its schedule. */
  fireNow(): void;
  /** Ends the schedules and aborts what is being sent. */
  stop(): void;
}

/** Headers of one fire in the binary mode of CloudEvents. The id is random: two fires are two events. */
function headersOf(source: PingSource, firedAt: Date): Record<string, string> {
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
  return {
    'ce-specversion': '1.0',
    'ce-id': randomUUID(),
    'ce-source': `/apis/v1/namespaces/${source.namespace}/pingsources/${source.name}`,
    'ce-type': PING_TYPE,
    'ce-time': firedAt.toISOString(),
    'ce-traceparent': traceparent,
    traceparent,
    ...(source.contentType === undefined ? {} : { 'content-type': source.contentType }),
    ...Object.fromEntries(
      Object.entries(source.extensions).map(([name, value]) => [
        `ce-${name}`,
        encodeURIComponent(value),
      ]),
    ),
  };
}

/** Tries to deliver one fire; resolves to the reason when it was lost. */
async function deliver(url: string, fire: Sent, signal: AbortSignal): Promise<string | null> {
  let reason = '';
  for (let attempt = 0; attempt <= RETRIES; attempt += 1) {
    if (attempt > 0) await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1), undefined, { signal });
    try {
      const timeout = AbortSignal.timeout(SEND_TIMEOUT_MS);
      const status = await statusOf(url, { ...fire, signal: AbortSignal.any([signal, timeout]) });
      if (isOk(status)) return null;
      reason = `the sink answered ${status}`;
      if (status < 500 && status !== 429) return reason; // will not change
    } catch (error) {
      reason = messageOf(error);
    }
  }
  return reason;
}

/** Schedules every PingSource. Throws, naming the source, where a schedule or time zone is none. */
export function startPingSources(sources: readonly PingSource[], options: PingOptions): Pings {
  const ended = new AbortController();
  const fire = async (source: PingSource): Promise<void> => {
    const { data } = source;
    const init = {
      method: 'POST',
      headers: headersOf(source, new Date()),
      ...(data === undefined ? {} : { body: Buffer.from(data) }),
    };
    const reason = await deliver(options.sinkUrl(source.sink), init, ended.signal);
    if (reason !== null) options.lost(source, reason);
  };
  const fireOrStop = (source: PingSource): void => {
    fire(source).catch(() => undefined); // stopped while waiting for a retry
  };
  const jobs = sources.map((source) => {
    try {
      const { timezone } = source;
      const settings = { mode: '5-or-6-parts' as const, ...(timezone ? { timezone } : {}) };
      return new Cron(source.schedule, settings, () => fireOrStop(source));
    } catch (error) {
      const why = messageOf(error);
      throw new Error(`${source.where}: spec.schedule "${source.schedule}": ${why}`, {
        cause: error,
      });
    }
  });
  return {
    nextAtMs() {
      const due = jobs.flatMap((job) => job.nextRun()?.getTime() ?? []);
      return due.length === 0 ? null : Math.min(...due);
    },
    fireNow() {
      for (const source of sources) fireOrStop(source);
    },
    stop() {
      for (const job of jobs) job.stop();
      ended.abort();
    },
  };
}
