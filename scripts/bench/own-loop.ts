// A local loop of a measurement's own: its state in a folder that goes away with it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { endLeftovers, type RunState } from '../local/run-state.ts';

const BUNDLE = fileURLToPath(new URL('../../dist/local-loop/index.mjs', import.meta.url));
const START_MS = 60_000;
const PAGE = 1000;

const Events = z.object({
  events: z.array(
    z.object({
      atMs: z.number(),
      event: z.looseObject({
        id: z.string(),
        type: z.string(),
        data: z.record(z.string(), z.unknown()).default({}),
      }),
    }),
  ),
  next: z.number().nullable(),
});
const Stats = z.object({ triggers: z.record(z.string(), z.object({ lag: z.number() })) });

export interface LoggedEvent {
  readonly id: string;
  readonly type: string;
  /** When the broker accepted it, Unix epoch. */
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export class OwnLoop {
  readonly #folder = mkdtempSync(join(tmpdir(), 'nimbusguard-bench-'));
  #supervisor: ChildProcess | undefined;
  #output = '';

  get state(): RunState {
    return JSON.parse(readFileSync(join(this.#folder, 'run.json'), 'utf8')) as RunState;
  }

  /** Starts it, or starts it again after a kill; resolves when it is ready. */
  async start(): Promise<void> {
    this.#output = '';
    const env = { ...process.env, NIMBUSGUARD_STATE_DIR: this.#folder };
    const child = spawn(process.execPath, [BUNDLE], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#supervisor = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    await this.until('ready', START_MS, () => Promise.resolve(this.#output.includes('ready in')));
  }

  async kill(): Promise<void> {
    const gone = this.#supervisor === undefined ? undefined : once(this.#supervisor, 'exit');
    this.#supervisor?.kill('SIGKILL');
    await gone;
  }

  /** Stops it in order, and removes what it left. */
  async end(): Promise<void> {
    if (this.#supervisor?.exitCode === null && this.#supervisor.signalCode === null) {
      const gone = once(this.#supervisor, 'exit');
      this.#supervisor.kill('SIGTERM');
      await gone;
    } else if (existsSync(join(this.#folder, 'run.json'))) {
      await endLeftovers(this.state); // killed; one that ended in order leaves nothing
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async until(what: string, ms: number, look: () => Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + ms;
    while (performance.now() < giveUpAt) {
      if (await look().catch(() => false)) return;
      await sleep(25);
    }
    throw new Error(`${what}: not within ${ms / 1000} s\n${this.#output.slice(-2000)}`);
  }

  /** Sends an alert about the demo target to the broker; true when it was accepted. */
  async alert(id: string): Promise<boolean> {
    const response = await fetch(`${this.#url('broker')}/nimbusguard/default`, {
      method: 'POST',
      headers: {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-source': '/bench/kill',
        'ce-type': 'io.nimbusguard.alert.raised.v1',
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        eventType: 'high_cpu_usage',
        service: 'consumer-workload',
        namespace: 'nimbusguard',
      }),
    });
    return response.status === 202;
  }

  /** Starts the load unless one runs; true when one does. */
  async load(load: object): Promise<boolean> {
    const url = this.#url('load-generator');
    const { state } = (await this.#get(`${url}/load/status`)) as { state: string };
    if (state === 'running') return true;
    const response = await fetch(`${url}/load/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(load),
    });
    return response.status === 202;
  }

  /** Newest events of a type. */
  async newest(type: string): Promise<LoggedEvent[]> {
    return (await this.#page(`type=${type}&order=desc&limit=20`)).events;
  }

  /** Everything that the broker keeps, oldest first. */
  async events(): Promise<LoggedEvent[]> {
    const all: LoggedEvent[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: { events: LoggedEvent[]; next: number | null } = await this.#page(
        `after=${after}&limit=${PAGE}`,
      );
      all.push(...page.events);
      after = page.next;
    }
    return all;
  }

  async lag(): Promise<number> {
    const { triggers } = Stats.parse(await this.#get(`${this.#url('broker')}/internal/stats`));
    return Object.values(triggers).reduce((sum, { lag }) => sum + lag, 0);
  }

  async deadLetters(): Promise<string> {
    const body = await this.#get(`${this.#url('broker')}/internal/dead-letters`);
    const { deadLetters } = z
      .object({ deadLetters: z.array(z.object({ trigger: z.string(), reason: z.string() })) })
      .parse(body);
    return deadLetters.map(({ trigger, reason }) => `${trigger}: ${reason}`).join('; ') || 'none';
  }

  async #page(query: string): Promise<{ events: LoggedEvent[]; next: number | null }> {
    const page = Events.parse(await this.#get(`${this.#url('broker')}/internal/events?${query}`));
    return { events: page.events.map(({ event, atMs }) => ({ ...event, atMs })), next: page.next };
  }

  #url(name: string): string {
    return this.state.urls[name] ?? '';
  }

  async #get(url: string): Promise<unknown> {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
