// Live, on the running local loop: a spike from 40 to 600 requests/s, under NimbusGuard and under fixed
// fleets, beside the clairvoyant plan.
import { listOf, runCommand, type CommandLine, type Given } from '../command-line.ts';
import { DEMO_POD, LiveLoop, SLO_RATE_PER_POD, type Outcome } from './live.ts';

const BASE = 40;

type Name = 'fixed' | 'seeds';

const LINE: CommandLine<Name> = {
  command: 'node scripts/bench/spike.ts',
  does: 'On the running local loop: a spike from 40 to 600 requests/s under NimbusGuard and under fixed fleets, beside the clairvoyant plan. Three minutes and more for each fleet and seed.',
  options: {
    fixed: { value: 'LIST', help: 'pods of the fixed fleets (1,8,16)' },
    seeds: { value: 'LIST', help: 'seeds of the arrivals (1)' },
  },
};

const wholeNumber = (low: number, high: number) => ({
  one: (text: string) => {
    const value = Number(text);
    return text !== '' && Number.isInteger(value) && value >= low && value <= high ? value : null;
  },
  allowed: `a whole number from ${low} to ${high}`,
});

const spike = (seed: number) => ({
  pattern: 'spike',
  target: 'http',
  duration: 180,
  rate: 600,
  baseRate: BASE,
  spikeAtSeconds: 40,
  riseSeconds: 20,
  holdSeconds: 60,
  startupSeconds: 60,
  arrivals: 'poisson',
  seed,
});

/** Least pod-seconds with every second's demand below the knee, pods started just early enough. */
function clairvoyant({ report }: Outcome): number {
  const need = report.seconds.map(({ offered }) =>
    Math.max(1, Math.ceil(offered / SLO_RATE_PER_POD)),
  );
  return need.reduce(
    (sum, _now, second) =>
      sum + Math.max(...need.slice(second, second + DEMO_POD.startupSeconds + 1)),
    0,
  );
}

const cell = (value: number | string | null, width: number): string =>
  String(value ?? '–').padStart(width);

function print(name: string, outcome: Outcome): void {
  const { report, podSeconds } = outcome;
  const plan = clairvoyant(outcome);
  const late = (report.slo.lateRatio ?? 0) * 100;
  console.log(
    [
      name.padEnd(14),
      cell(report.slo.violatingSeconds, 10),
      cell(late.toFixed(2), 8),
      cell(report.latencyMs.p95?.toFixed(0) ?? null, 8),
      cell(podSeconds.toFixed(0), 12),
      cell((podSeconds / plan).toFixed(2), 8),
      report.generatorSaturated ? '  generator saturated' : '',
    ].join(''),
  );
}

async function main(given: Given<Name>): Promise<number> {
  const seeds = listOf(given, 'seeds', [1], wholeNumber(0, 1_000_000));
  const fleets = listOf(given, 'fixed', [1, 8, 16], wholeNumber(1, 20));
  const loop = LiveLoop.running();
  console.log(
    ['controller    ', ' violating', '  late %', '  p95 ms', ' pod-seconds', ' / plan'].join(''),
  );
  for (const seed of seeds) {
    await loop.setMode('act');
    print(`NimbusGuard ${seed}`, await loop.run(spike(seed)));
    await loop.setMode('off');
    for (const fixed of fleets) {
      await loop.setReplicas(fixed);
      await loop.settle(fixed);
      print(`fixed ${fixed}`, await loop.run(spike(seed)));
    }
    await loop.setReplicas(1);
    await loop.settle(1);
  }
  await loop.setMode('act');
  return 0;
}

await runCommand(LINE, main);
