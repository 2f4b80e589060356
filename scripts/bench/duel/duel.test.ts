import { expect, test } from 'vitest';
import type { Pod } from '#shared/ports.ts';
import { LoadRequest, planOf } from '#functions/load-generator/request.ts';
import { parseTrace } from '../../replay/trace.ts';
import type { Outcome, Sample } from '../live.ts';
import { aheadOf } from './ahead.ts';
import { hpaInputOf } from './hpa-controller.ts';
import { CONTENDERS, fightsOf, LEAD_SECONDS, loadOf, patternOf, type Contender } from './plan.ts';
import { markdownOf, mediansOf, pageOf, scoreOf, wins, type Score } from './report.ts';

const aPod = (over: Partial<Pod>): Pod => ({
  uid: 'pod-1',
  name: 'pod-1',
  namespace: 'n',
  ip: '127.0.0.1',
  port: 8080,
  createdAtMs: 0,
  readyAtMs: 1000,
  restarts: 0,
  ready: true,
  draining: false,
  unplaced: null,
  cpuRequestCores: 0.01,
  memoryRequestBytes: null,
  ...over,
});

test('the HPA sets aside pods without a full window, counts silent ones as missing, ignores draining ones', () => {
  const pods = [
    aPod({}),
    aPod({}),
    aPod({ readyAtMs: 16_000 }),
    aPod({ ready: false, readyAtMs: null }),
    aPod({ draining: true }),
  ];
  const replicas = { desired: 4, ready: 3, starting: 1, draining: 1 };
  const readings = { cpuUtilization: 0.9, silentPods: 1 };

  expect(
    hpaInputOf({ pods, replicas }, readings, { nowMs: 30_000, previousMs: 15_000 }),
  ).toMatchObject({ replicas: 4, ready: 1, unready: 2, missing: 1, utilization: 0.9 });
});

test.each([['spike'], ['sine'], ['daily']])('%s is a load the generator takes', (name) => {
  const pattern = patternOf(name);
  if (typeof pattern !== 'string') throw new Error('not a shape');
  const load = loadOf({ pattern, durationSeconds: 240, peakPerSecond: 300 }, 7);
  const plan = planOf(LoadRequest.parse(load), 800);

  expect(plan).toMatchObject({ seed: 7, peakPerSecond: 300, startupSeconds: LEAD_SECONDS });
});

test('a trace is played in the duration, at most one point a second, its peak at --peak', () => {
  const rows = Array.from({ length: 1000 }, (_, i) => `${i * 60},${i < 500 ? 10 : 40}`);
  const trace = parseTrace('week', ['t_s,rps', ...rows].join('\n'));
  const load = loadOf({ pattern: { trace }, durationSeconds: 120, peakPerSecond: 200 }, 1);
  const request = LoadRequest.parse(load);
  const plan = planOf(request, 800, request.trace);

  expect(plan.trace).toHaveLength(120);
  expect(plan.trace[0]).toEqual({ tSeconds: 0, perSecond: 50 });
  expect(plan.trace.at(-1)?.perSecond).toBe(200);
});

test.each([undefined, 'noon', 'week.txt'])('pattern %s is refused', (text) => {
  expect(() => patternOf(text)).toThrow(/--pattern must be spike, sine, daily or the path/);
});

test('every contender fights every seed, and each begins once in three seeds', () => {
  const fights = fightsOf(3);

  expect(fights.filter(({ seed }) => seed === 2).map(({ contender }) => contender)).toEqual([
    'act',
    'floor',
    'HPA-70',
  ]);
  expect(new Set(fights.map(({ contender, seed }) => `${contender} ${seed}`)).size).toBe(9);
});

test('with one mode only, it and the HPA fight, and the report names nobody else', () => {
  const fights = fightsOf(2, ['HPA-70', 'act']);
  const scores = fights.map((fight) => aScore(fight.contender, fight.seed));

  expect(fights).toHaveLength(4);
  expect(mediansOf(scores).map(({ contender }) => contender)).toEqual(['HPA-70', 'act']);
  expect(markdownOf('t', scores)).not.toContain('mode floor');
});

test('an added pod is in time from two start-up times before the demand needs it', () => {
  const demand = Array.from({ length: 200 }, (_, t) => (t < 100 ? 30 : 100));
  const options = { perPod: 35, startupSeconds: 8, fromSecond: 0 };
  const asked = (second: number, pods: number) =>
    aheadOf({ demand, wanted: demand.map((_, t) => (t < second ? 1 : pods)) }, options);

  expect(asked(90, 2)).toEqual({ added: 1, inTime: 1, late: 0, early: 0 });
  expect(asked(110, 3)).toEqual({ added: 2, inTime: 0, late: 2, early: 0 });
  expect(asked(40, 2)).toEqual({ added: 1, inTime: 0, late: 0, early: 1 });
  expect(asked(92, 4)).toEqual({ added: 3, inTime: 2, late: 0, early: 1 }); // nothing needs a 4th
  expect(
    aheadOf(
      { demand, wanted: demand.map((_, t) => (t < 90 ? 1 : 2)) },
      { ...options, fromSecond: 95 },
    ),
  ).toMatchObject({ added: 0 });
});

const seconds = (count: number) =>
  Array.from({ length: count }, (_, second) => ({
    second,
    offered: 40,
    violating: second === LEAD_SECONDS + 1,
  }));
const anOutcome = (samples: readonly Sample[]): Outcome => ({
  podSeconds: 0,
  samples,
  report: {
    state: 'done',
    offered: 0,
    achieved: 0,
    late: 0,
    failed: 0,
    dropped: 0,
    generatorSaturated: false,
    latencyMs: { p50: 1, p95: 1, p99: 1 },
    sendLagMs: { p99: 2 },
    slo: { violatingSeconds: 1, lateRatio: 0.02 },
    seconds: seconds(LEAD_SECONDS + 4),
  },
});

test('a score leaves the lead out of replica-seconds, changes and picture', () => {
  const at = (atSeconds: number, pods: number): Sample => ({
    atSeconds,
    desired: pods,
    ready: pods - 1,
    pods,
  });
  const samples = [at(1, 1), at(LEAD_SECONDS - 1, 2), at(LEAD_SECONDS + 1, 3)];
  const score = scoreOf(
    { contender: 'act', seed: 1 },
    anOutcome([...samples, at(LEAD_SECONDS + 3, 5)]),
  );

  expect(score).toMatchObject({ replicaSeconds: 3 * 1 + 5 * 2, changes: 1, latePercent: 2 });
  expect(score.timeline.paid).toEqual([2, 3, 3, 5]);
  expect(score.timeline.violating).toEqual([0, 1, 0, 0]);
});

const aScore = (contender: Contender, seed: number, over: Partial<Score> = {}): Score => ({
  ...scoreOf({ contender, seed }, anOutcome([])),
  ...over,
});

test('medians are of the seeds whose generator kept up under every contender', () => {
  const scores = CONTENDERS.flatMap((contender) =>
    [1, 2, 3, 4].map((seed) =>
      aScore(contender, seed, {
        violatingSeconds: seed * 10,
        generatorSaturated: contender === 'act' && seed === 4,
      }),
    ),
  );

  expect(mediansOf(scores).map(({ seeds, violatingSeconds }) => [seeds, violatingSeconds])).toEqual(
    [
      [3, 20],
      [3, 20],
      [3, 20],
    ],
  );
  expect(markdownOf('t', scores)).toContain('does not count');
  expect(pageOf('t', scores).match(/<svg/g)).toHaveLength(4);
});

test('winning is fewer violations and fewer late requests at no more replica-seconds', () => {
  const median = (violatingSeconds: number, latePercent: number, replicaSeconds: number) => ({
    ...{ contender: 'act' as const, seeds: 1, changes: 0 },
    ...{ violatingSeconds, latePercent, replicaSeconds },
  });
  const peer = median(10, 2, 1000);

  expect(wins(median(5, 1, 1000), peer)).toBe(true);
  expect(wins(median(5, 1, 1001), peer)).toBe(false);
  expect(wins(median(10, 1, 900), peer)).toBe(false);
  expect(wins({ ...median(0, 0, 1), seeds: 0 }, peer)).toBeNull();
});
