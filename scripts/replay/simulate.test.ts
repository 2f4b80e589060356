import { expect, test } from 'vitest';
import { DEFAULT_CONDITION, FAULTS, loadFor, settingsFor, type Condition } from './condition.ts';
import { floorOver } from './controllers/floor.ts';
import { hpa } from './controllers/peers.ts';
import { Fleet } from './fleet.ts';
import { createLoad, type Load } from './load.ts';
import { createRandom } from './random.ts';
import { kneeOf, simulate, type Controller, type View } from './simulate.ts';
import { sumDays } from './tally.ts';
import { SHAPES, synthesize } from './synthetic.ts';
import { fixed } from './testing.ts';
import type { Trace } from './trace.ts';

const steady = (rps: number, minutes = 60): Trace => ({
  name: 'steady',
  stepSeconds: 60,
  rps: new Float64Array(minutes).fill(rps),
  notes: [],
});

const smooth: Condition = { ...DEFAULT_CONDITION, path: 'steps', scale: 1 };

const run = (trace: Trace, controller: Controller, condition = smooth, seed = 1) => {
  const load = loadFor(trace, condition, seed);
  return simulate(load, settingsFor(condition, load, seed), controller);
};

const limits = { capacityPerPod: 50, minReplicas: 1, maxReplicas: 50 };

test('random streams are reproducible, apart, and have their moments', () => {
  const draw = (stream: string): number[] => {
    const random = createRandom(5, stream);
    return Array.from({ length: 4 }, () => random.next());
  };
  expect(draw('a')).toEqual(draw('a'));
  expect(draw('a')).not.toEqual(draw('b'));
  const random = createRandom(1, 'moments');
  for (const mean of [0.7, 12, 80]) {
    const drawn = Array.from({ length: 20_000 }, () => random.poisson(mean));
    const average = drawn.reduce((a, b) => a + b) / drawn.length;
    const variance = drawn.reduce((a, b) => a + (b - average) ** 2, 0) / drawn.length;
    expect(Math.abs(average / mean - 1)).toBeLessThan(0.03);
    expect(Math.abs(variance / mean - 1)).toBeLessThan(0.06);
  }
  for (const [n, p] of [
    [1000, 0.002],
    [400, 0.4],
    [50, 0.97],
  ] as const) {
    const drawn = Array.from({ length: 20_000 }, () => random.binomial(n, p));
    expect(Math.abs(drawn.reduce((a, b) => a + b) / drawn.length / (n * p) - 1)).toBeLessThan(0.03);
  }
});

test.each<[path: 'rough' | 'steps', stepSeconds: number]>([
  ['rough', 60],
  ['rough', 300],
  ['steps', 60],
])('the %s path of %i s intervals keeps the mean of every interval', (path, stepSeconds) => {
  const random = createRandom(3, 'trace');
  const rps = Float64Array.from({ length: 40 }, () => 20 * Math.exp(random.normal()));
  const trace = { name: 't', stepSeconds, rps, notes: [] };
  const { rate } = createLoad(trace, { path, seed: 1, scale: 2 });
  rps.forEach((mean, i) => {
    const part = rate.slice(i * stepSeconds, (i + 1) * stepSeconds);
    expect(part.reduce((a, b) => a + b) / stepSeconds / (2 * mean)).toBeCloseTo(1, 4);
  });
});

test.each([60, 300, 600])(
  'a rough path of %i s intervals does not jump where they meet',
  (stepSeconds) => {
    const random = createRandom(3, 'trace');
    let level = 0;
    const rps = Float64Array.from({ length: 400 }, () => {
      level = 0.9 * level + 0.2 * random.normal();
      return 20 * Math.exp(level);
    });
    const { rate } = createLoad(
      { name: 't', stepSeconds, rps, notes: [] },
      { path: 'rough', seed: 1, scale: 2 },
    );
    const squares = { ends: 0, inside: 0 };
    const counts = { ends: 0, inside: 0 };
    for (let t = 5; t < rate.length; t += 5) {
      const where = t % stepSeconds === 0 ? 'ends' : 'inside';
      squares[where] += Math.log((rate[t] ?? 0) / (rate[t - 1] ?? 0)) ** 2;
      counts[where] += 1;
    }
    const ratio = squares.ends / counts.ends / (squares.inside / counts.inside);
    expect(ratio).toBeLessThan(1.5);
    expect(ratio).toBeGreaterThan(0.6);
  },
);

test('another seed is another path and other arrivals, the same seed is the same', () => {
  const trace = synthesize('daily', 1, 1);
  const load = (seed: number) => createLoad(trace, { path: 'rough', seed, scale: 1 });
  expect(load(1).arrivals).toEqual(load(1).arrivals);
  expect(load(1).rate).not.toEqual(load(2).rate);
});

test('a synthetic trace is the same for the same seed, whatever its shape', () => {
  for (const shape of SHAPES) {
    expect(synthesize(shape, 4, 2).rps).toEqual(synthesize(shape, 4, 2).rps);
    expect(synthesize(shape, 5, 2).rps).not.toEqual(synthesize(shape, 4, 2).rps);
    expect(synthesize(shape, 4, 2).rps.every((rate) => rate >= 0)).toBe(true);
  }
});

test('below the knee minutes are fine, above it they violate, overloaded they drop', () => {
  expect(kneeOf({ serviceSeconds: 0.02 })).toBeCloseTo(0.816, 3);
  const violating = (rps: number): number => {
    const day = sumDays(run(steady(rps), fixed('ten', 10)).days);
    return day.violating / day.minutes;
  };
  expect(violating(380)).toBe(0); // 76 %
  expect(violating(430)).toBe(1); // 86 %
  const overloaded = sumDays(run(steady(700), fixed('ten', 10)).days);
  // After 10 s of backlog everything beyond 500/s is dropped, and all the rest is late.
  expect(overloaded.dropped / overloaded.arrivals).toBeCloseTo(200 / 700, 2);
  expect(overloaded.late / overloaded.arrivals).toBeGreaterThan(0.99);
});

test('what is late is what the SLO says: a stricter one puts the knee lower', () => {
  expect(kneeOf({ serviceSeconds: 0.02, lateSeconds: 0.2 })).toBeCloseTo(0.539, 3);
  const violating = (rps: number): number => {
    const day = sumDays(run(steady(rps), fixed('ten', 10), { ...smooth, sloMs: 200 }).days);
    return day.violating / day.minutes;
  };
  expect(violating(240)).toBe(0); // 48 %
  expect(violating(300)).toBe(1); // 60 %, where half a second would do
});

test('a pod costs from its creation to the end of its draining, the youngest goes first', () => {
  const fleet = new Fleet(2, 10, () => 30);
  fleet.scaleTo(4, 0);
  expect([fleet.ready, fleet.starting, fleet.paid]).toEqual([2, 2, 4]);
  fleet.scaleTo(3, 10); // a starting pod is the youngest
  expect([fleet.ready, fleet.starting, fleet.draining]).toEqual([2, 1, 1]);
  fleet.step(20);
  expect(fleet.paid).toBe(3);
  fleet.step(30);
  expect([fleet.ready, fleet.starting]).toEqual([3, 0]);
  expect(fleet.startups).toEqual([30]);
});

test('a pod that drains is paid for until its time is over', () => {
  const fleet = new Fleet(3, 10, () => 30);
  fleet.scaleTo(1, 100);
  expect([fleet.ready, fleet.draining, fleet.paid]).toEqual([1, 2, 3]);
  fleet.step(109);
  expect(fleet.paid).toBe(3);
  fleet.step(110);
  expect(fleet.paid).toBe(1);
});

test('pods become ready in their own time, each with its own start-up', () => {
  const seconds = [30, 10, 20];
  const fleet = new Fleet(1, 0, (launch) => seconds[launch] ?? 30);
  fleet.scaleTo(4, 0);
  const counts = [9, 10, 20, 30].map((now) => {
    fleet.step(now);
    return [fleet.ready, fleet.starting];
  });
  expect(counts).toEqual([
    [1, 3],
    [2, 2],
    [3, 1],
    [4, 0],
  ]);
  expect(fleet.startups).toEqual([10, 20, 30]);
  expect([9, 10, 19, 30].map((time) => fleet.readyAfter(time))).toEqual([3, 2, 2, 0]);
  fleet.scaleTo(5, 40);
  fleet.step(70);
  expect(fleet.startups).toEqual([10, 20, 30, 30]);
});

test('telemetry grades: ages of 0, and of 8, 13 and 3 s, and CPU alone', () => {
  const seen = (telemetry: Condition['telemetry']) => {
    const ages: number[] = [];
    run(
      steady(100, 20),
      {
        name: 'eyes',
        intervalSeconds: 5,
        decide(view: View) {
          const reading = view.telemetry.read(view.now);
          if (reading !== null) ages.push(view.now - reading.measuredAt);
          return 4;
        },
      },
      { ...smooth, telemetry },
    );
    return new Set(ages);
  };
  expect(seen('2s')).toEqual(new Set([0]));
  expect(seen('15s')).toEqual(new Set([8, 13, 3]));
});

test('what is read is a draw around the truth, the same draw for the same scrape', () => {
  const rates: number[] = [];
  run(
    steady(100, 60),
    {
      name: 'eyes',
      intervalSeconds: 15,
      decide(view) {
        const first = view.telemetry.read(view.now);
        expect(view.telemetry.read(view.now)).toEqual(first);
        if (first !== null) rates.push(first.requests / first.windowSeconds, first.cpuUtilization);
        return 4;
      },
    },
    { ...smooth, telemetry: '15s' },
  );
  const mean = (offset: number): number => {
    const some = rates.filter((_, i) => i % 2 === offset);
    return some.reduce((a, b) => a + b, 0) / some.length;
  };
  expect(mean(0)).toBeGreaterThan(97);
  expect(mean(0)).toBeLessThan(103);
  expect(mean(1)).toBeCloseTo(0.5, 1);
});

test.each(FAULTS.filter((fault) => fault !== 'none'))('fault %s runs, reproducibly', (fault) => {
  const trace = synthesize('daily', 1, 1);
  const condition = { ...DEFAULT_CONDITION, fault };
  const outcome = () => sumDays(run(trace, hpa('HPA-70', 0.7, limits), condition).days);
  const first = outcome();
  expect(first.minutes).toBe(864);
  expect(outcome()).toEqual(first);
});

test('an outage is seen in what is measured and not held against anybody', () => {
  const load: Load = {
    ...loadFor(steady(300, 60), smooth, 1),
    outages: [
      { from: 600, to: 1200, failedShare: 0.5 },
      { from: 1800, to: 2400, failedShare: 0.25 },
    ],
  };
  const seen = new Map<number, { failed: number; late: number }>();
  const eyes: Controller = {
    name: 'eyes',
    intervalSeconds: 60,
    decide({ now, telemetry }) {
      const reading = telemetry.read(now);
      if (reading === null) return 10;
      const { requests, failed, late } = reading;
      seen.set(now, { failed: failed / requests, late: late / requests });
      return 10;
    },
  };
  const settings = settingsFor({ ...smooth, telemetry: '15s' }, load, 1);
  const { violating } = sumDays(simulate(load, settings, eyes).days);

  expect(violating).toBe(0);
  for (const [now, share] of [
    [540, 0],
    [900, 0.5],
    [1500, 0],
    [2100, 0.25],
    [2700, 0],
  ] as const) {
    expect(seen.get(now)?.failed, `at ${now} s`).toBeCloseTo(share, 1);
    expect(seen.get(now)?.late, `at ${now} s`).toBeCloseTo(share, 1); // a failed request is late as well
  }
});

test('late requests come again where they are retried, and only there', () => {
  const load = loadFor(steady(600, 60), smooth, 1);
  const settings = settingsFor(smooth, load, 1);
  const arrived = (retryShare?: number): number =>
    sumDays(simulate(load, { ...settings, retryShare: retryShare ?? 0 }, fixed('ten', 10)).days)
      .arrivals;
  const sent = load.arrivals.slice(load.scoreFrom).reduce((sum, count) => sum + count, 0);

  expect(arrived()).toBe(sent);
  expect(arrived(0.5) / sent).toBeGreaterThan(1.4);
});

test('inside a scrape gap there is no reading, for anybody', () => {
  const condition: Condition = { ...DEFAULT_CONDITION, fault: 'gaps-600' };
  let blind = 0;
  run(
    synthesize('daily', 1, 1),
    {
      name: 'eyes',
      intervalSeconds: 2,
      decide(view) {
        if (view.now > 60 && view.telemetry.read(view.now) === null) blind += 2;
        return 30;
      },
    },
    condition,
  );
  expect(blind).toBe(4 * 600);
});

test('a floor takes effect at the own autoscaler’s next sync, and only upwards', () => {
  const asked: [number, number][] = [];
  const floor: Controller = {
    name: 'floor',
    intervalSeconds: 2,
    decide: (view) => (view.now >= 602 && view.now < 900 ? 9 : 1),
  };
  const both = floorOver('both', floor, hpa('HPA-70', 0.7, limits));
  run(steady(100, 30), {
    ...both,
    decide(view) {
      const wanted = both.decide(view);
      if (wanted !== (asked.at(-1)?.[1] ?? 0)) asked.push([view.now, wanted]);
      return wanted;
    },
  });
  const raised = asked.find(([, replicas]) => replicas === 9);
  expect(raised?.[0]).toBe(615);
  const after = asked.find(([now]) => now > 615);
  expect(after?.[0]).toBeGreaterThanOrEqual(900); // the HPA's own window holds it from there
});

test('a tick of the simulator stays cheap', () => {
  const load: Load = createLoad(synthesize('daily', 1, 5), { path: 'rough', seed: 1, scale: 1 });
  const settings = settingsFor(DEFAULT_CONDITION, load, 1);
  simulate(load, settings, fixed('warm', 5));
  const before = process.threadCpuUsage(); // a machine that is busy with others is not slow code
  simulate(load, settings, fixed('five', 5));
  const { user, system } = process.threadCpuUsage(before);
  const microsecondsPerTick = (user + system) / load.seconds;
  expect(microsecondsPerTick).toBeLessThan(5); // about 0.1 on an idle machine
});
