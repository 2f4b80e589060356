// Live, on the running local loop: a spike from 40 to 600 requests/s, under NimbusGuard and under fixed
// fleets, beside the clairvoyant plan. `node scripts/bench/spike.ts [--fixed 1,8,16] [--seeds 1]`
import { parseArgs } from 'node:util';
import { DEMO_POD, LiveLoop, SLO_RATE_PER_POD, type Outcome } from './live.ts';

const BASE = 40;

const { values } = parseArgs({
  options: {
    fixed: { type: 'string', default: '1,8,16' },
    seeds: { type: 'string', default: '1' },
  },
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

const loop = LiveLoop.running();
console.log(
  ['controller    ', ' violating', '  late %', '  p95 ms', ' pod-seconds', ' / plan'].join(''),
);
for (const seed of values.seeds.split(',').map(Number)) {
  await loop.setMode('act');
  print(`NimbusGuard ${seed}`, await loop.run(spike(seed)));
  await loop.setMode('off');
  for (const fixed of values.fixed.split(',').filter(Boolean).map(Number)) {
    await loop.setReplicas(fixed);
    await loop.settle(fixed);
    print(`fixed ${fixed}`, await loop.run(spike(seed)));
  }
  await loop.setReplicas(1);
  await loop.settle(1);
}
await loop.setMode('act');
