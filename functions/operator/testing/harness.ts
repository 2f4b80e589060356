import { connect, createServer, type AddressInfo } from 'node:net';
import { measure } from '#shared/domain/index.ts';
import type { UnknownEvent } from '#shared/events/index.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { brokerReader } from '../broker-reader.ts';
import type { EventLog } from '../event-log.ts';
import { operator } from '../handler.ts';
import type { Policies } from '../policies.ts';
import type { Upstream } from '../upstream.ts';
import { session } from './session.ts';

export const START_MS = 1_790_000_000_000;

interface Options {
  readonly nowMs?: () => number;
  readonly eventLog?: EventLog;
  readonly policies?: Policies;
  readonly loadGenerator?: Upstream;
  readonly workload?: Upstream;
  readonly loopback?: boolean;
  readonly page?: URL;
}

/** The operator with its real parts, at a clock of the test's own. */
export function anOperator(options: Options = {}) {
  const nowMs = options.nowMs ?? (() => START_MS);
  return operator({
    nowMs,
    measure,
    broker: brokerReader(undefined, nowMs),
    eventLog: options.eventLog,
    policies: options.policies,
    loadGenerator: options.loadGenerator,
    workload: options.workload,
    loopback: options.loopback ?? false,
    page: options.page ?? new URL('../page/', import.meta.url),
  });
}

/** A request in structured mode, as a broker may send it. */
export const delivery = (event: UnknownEvent, path = '/'): Request =>
  new Request(`http://operator${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event),
  });

/** All events of the first `beats` beats of a session from START_MS on. */
export function firstBeats(beats: number, seed = 1): UnknownEvent[] {
  const live = session(START_MS, seed);
  return Array.from({ length: beats }, () => live.next().value).flatMap((made) =>
    made.map(({ event }) => event),
  );
}

/** The clock `beats` beats into a session. */
export const after = (beats: number): number => START_MS + beats * 5000 + 100;

/** An operator that has seen the first `beats` beats, as an application to ask. */
export async function anOperatorAfter(beats: number, options: Options = {}) {
  const nowMs = options.nowMs ?? (() => after(beats));
  const app = createApp(anOperator({ nowMs, ...options }));
  for (const event of firstBeats(beats)) {
    const answer = await app.request(delivery(event));
    if (answer.status !== 204) throw new Error(`${event.type}: ${await answer.text()}`);
  }
  return app;
}

/** A tunnel to a port of this machine that dies without a word: nothing is closed, and nothing comes any more. */
export async function aTunnel(to: number) {
  let dead = false;
  const server = createServer((near) => {
    if (dead) return;
    const far = connect(to, '127.0.0.1');
    near.on('data', (data) => dead || far.write(data));
    far.on('data', (data) => dead || near.write(data));
    near.on('close', () => far.destroy()).on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${String(port)}`, die: (is: boolean) => (dead = is) };
}
