// Kills parts of a loop of its own with -9 while spikes run: every function, the broker, a pod and the
// supervisor, twice each, in random order at random moments. Then it asks the broker's log whether every
// accepted event was delivered, no action was applied twice, and how soon the loop went on each time.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '#shared/adapters/system.ts';
import { integerOf, readCommandLine } from '../command-line.ts';
import { OwnLoop, type LoggedEvent } from './own-loop.ts';

const FUNCTIONS = ['observer', 'decider', 'advisor', 'executor', 'reward', 'operator'];
const VICTIMS = [...FUNCTIONS, 'load-generator', 'broker', 'pod', 'supervisor'];
/** The bar: a decision about an event that was sent after the kill stands in the log. */
const GOES_ON_MS = 5000;
/** One spike after another, so that the kills meet actions. */
const LOAD = { pattern: 'sine', duration: 900, rate: 300, baseRate: 20, periodSeconds: 40 };

const settings = readCommandLine(
  {
    command: 'npm run build && node scripts/bench/kill.ts',
    does: 'Kills every part of a local loop of its own at random during spikes. Exit code 1 when an event was lost, an action done twice or the loop stood still for more than 5 s.',
    options: {
      seed: { value: 'N', help: 'of the moments and their order (1)' },
      rounds: { value: 'N', help: 'kills of each part (2)' },
    },
  },
  (given) => ({
    seed: integerOf(given, 'seed', 1, [0, 1_000_000]),
    rounds: integerOf(given, 'rounds', 2, [1, 100]),
  }),
);
const random = seededRandom(String(settings.seed));

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const loop = new OwnLoop();
/** Ids of events that the broker answered 202; what is made of one begins with its id and `~`. */
const accepted: string[] = [];

async function send(id: string): Promise<boolean> {
  const taken = await loop.alert(id).catch(() => false);
  if (taken) accepted.push(id);
  return taken;
}

async function sendUntil(ended: AbortSignal): Promise<void> {
  for (let n = 0; !ended.aborted; n += 1) {
    await send(`steady-${n}`);
    await sleep(500);
  }
}

/** Children of the supervisor that are no functions: the pods. */
function podPid(): number | undefined {
  const known = new Set(loop.state.children.map(({ pid }) => pid));
  const pods = execFileSync('ps', ['-axo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((found) => Number(found?.[2]) === loop.state.supervisor.pid)
    .filter((found) => found?.[3]?.includes('consumer-workload') === true)
    .map((found) => Number(found?.[1]))
    .filter((pid) => !known.has(pid));
  return pods[Math.floor(random() * pods.length)];
}

async function kill(victim: string): Promise<void> {
  if (victim === 'supervisor') {
    await loop.kill();
    return;
  }
  const pid =
    victim === 'pod' ? podPid() : loop.state.children.find(({ name }) => name === victim)?.pid;
  if (pid === undefined) console.log(`${victim}: scaled to zero at this moment`);
  else process.kill(pid, 'SIGKILL');
}

/** Kills; resolves to the time until an event that was sent afterwards has its decision, ms. */
async function strike(victim: string, index: number): Promise<number> {
  await kill(victim);
  const startedMs = performance.now();
  if (victim === 'supervisor') await loop.start();
  for (let attempt = 0; !(await send(`probe-${index}-${attempt}`)); attempt += 1) await sleep(25);
  const probe = accepted.at(-1) ?? '';
  await loop.until(`a decision after ${victim}`, 60_000, async () =>
    (await loop.newest('io.nimbusguard.decision.made.v1')).some(({ id }) =>
      id.startsWith(`${probe}~`),
    ),
  );
  const tookMs = performance.now() - startedMs;
  await loop.until('load again', 60_000, () => loop.load(LOAD));
  return tookMs;
}

/** Ids of accepted alerts of which the log has no observation. */
function missing(events: readonly LoggedEvent[]): string[] {
  const observed = events.filter(({ type }) => type === 'io.nimbusguard.state.observed.v1');
  return accepted.filter((id) => !observed.some((event) => event.id.startsWith(`${id}~`)));
}

/** Sequences whose action the log has as applied more than once. */
function appliedTwice(events: readonly LoggedEvent[]): number[] {
  const applied = new Map<number, Set<string>>();
  for (const { type, data } of events) {
    if (type !== 'io.nimbusguard.action.executed.v1' || data['outcome'] !== 'applied') continue;
    const sequence = Number(data['sequence']);
    const at = String(data['executedAtMs']);
    applied.set(sequence, (applied.get(sequence) ?? new Set()).add(at));
  }
  return [...applied].filter(([, times]) => times.size > 1).map(([sequence]) => sequence);
}

async function judge(tookMs: readonly number[]): Promise<void> {
  await loop.until('empty queues', 60_000, async () => (await loop.lag()) === 0);
  const events = await loop.events();
  const lost = missing(events);
  const twice = appliedTwice(events);
  const applied = events.filter(({ data }) => data['outcome'] === 'applied').length;
  const slow = tookMs.filter((ms) => ms > GOES_ON_MS).length;
  const mean = tookMs.reduce((sum, ms) => sum + ms, 0) / tookMs.length;
  console.log(`${accepted.length} events accepted, ${lost.length} not delivered ${lost.join(' ')}`);
  console.log(`${applied} actions applied, ${twice.length} of them twice ${twice.join(' ')}`);
  console.log(
    `goes on after ${mean.toFixed(0)} ms on average, ${Math.max(...tookMs).toFixed(0)} ms at most; ${slow} of ${tookMs.length} over ${GOES_ON_MS} ms`,
  );
  console.log(`dead letters: ${await loop.deadLetters()}`);
  process.exitCode = lost.length + twice.length + slow === 0 ? 0 : 1;
}

try {
  await loop.start();
  await loop.until('load', 60_000, () => loop.load(LOAD));
  const ended = new AbortController();
  const sender = sendUntil(ended.signal);
  const victims = Array.from({ length: settings.rounds }, () => VICTIMS).flat();
  const tookMs: number[] = [];
  for (const [index, victim] of shuffled(victims).entries()) {
    await sleep(2000 + random() * 6000); // long enough that the load rises and falls between two kills
    const took = await strike(victim, index);
    console.log(`${victim.padEnd(16)} goes on after ${took.toFixed(0)} ms`);
    tookMs.push(took);
  }
  ended.abort();
  await sender;
  await judge(tookMs);
} finally {
  await loop.end();
}
