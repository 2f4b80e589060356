// Latency of the live chain, hop by hop, from the times at which the broker's log accepted each event: an
// alert is a tick for one target whose decision always travels. Starts a loop of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { integerOf, readCommandLine } from '../command-line.ts';
import { OwnLoop } from './own-loop.ts';

const BAR_MS = 150;
/** The first events compile what the later ones run. */
const WARM_UP = 20;
const HOPS = ['alert.raised', 'state.observed', 'decision.made', 'action.executed'];

const settings = readCommandLine(
  {
    command: 'npm run build && node scripts/bench/hops.ts',
    does: `Latency of the live chain, hop by hop, on a local loop of its own. Exit code 1 when p99 is above ${BAR_MS} ms.`,
    options: {
      alerts: { value: 'N', help: 'ticks that are measured (200)' },
      every: { value: 'MILLISECONDS', help: 'from one to the next (300)' },
    },
  },
  (given) => ({
    alerts: integerOf(given, 'alerts', 200, [1, 100_000]),
    everyMs: integerOf(given, 'every', 300, [0, 60_000]),
  }),
);

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;

/** Accepted times of each alert's events, by noun, in the order of the alerts. */
async function timesOf(loop: OwnLoop): Promise<Map<string, number>[]> {
  const chains = new Map<string, Map<string, number>>();
  for (const { id, type, atMs } of await loop.events()) {
    const alert = /^hop-\d+/.exec(id)?.[0];
    if (alert === undefined) continue;
    const times = chains.get(alert) ?? new Map<string, number>();
    chains.set(alert, times.set(type.split('.').slice(2, 4).join('.'), atMs));
  }
  return [...chains.values()].slice(WARM_UP);
}

function print(name: string, chains: readonly Map<string, number>[], from: string, to: string) {
  const took = chains
    .map((times) => (times.get(to) ?? NaN) - (times.get(from) ?? NaN))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(took, share));
  console.log(`${name.padEnd(34)} ${took.length} × p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms`);
  return p99 ?? NaN;
}

const loop = new OwnLoop();
try {
  await loop.start();
  await loop.until('the first decision', 60_000, async () => {
    const decisions = await loop.newest('io.nimbusguard.decision.made.v1');
    return decisions.length > 0;
  });
  for (let n = 0; n < settings.alerts + WARM_UP; n += 1) {
    await loop.alert(`hop-${n}`);
    await sleep(settings.everyMs);
  }
  await loop.until('empty queues', 60_000, async () => (await loop.lag()) === 0);
  const chains = await timesOf(loop);
  for (const [index, to] of HOPS.slice(1).entries()) {
    const from = HOPS[index] ?? '';
    print(`${from} → ${to}`, chains, from, to);
  }
  const p99 = print('tick → executed action', chains, 'alert.raised', 'action.executed');
  process.exitCode = p99 <= BAR_MS ? 0 : 1;
} finally {
  await loop.end();
}
