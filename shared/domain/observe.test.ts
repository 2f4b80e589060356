// What of a sample is believed, and that what is not leaves the model and the fleet whole.
import { expect, test } from 'vitest';
import { createModel, decide, parseModel, shippedPrior, type Model, type Sample } from './index.ts';
import { noteDelay, observe } from './observe.ts';
import { aPolicy, BEAT, options, sampleAt } from './testing.ts';

const spec = aPolicy();

/** A model that has seen ten minutes of 400 req/s on 12 pods. */
function calm(fields: Partial<Sample> = {}): Model {
  const model = createModel({ prior: shippedPrior });
  for (let beat = 1; beat <= 120; beat++) {
    decide(model, sampleAt(beat * BEAT, 400, 12, fields), spec, options());
  }
  return model;
}

test('a first sample whose time was never set is no time, and decides nothing', () => {
  const model = createModel({ prior: shippedPrior });
  const first = decide(model, sampleAt(0, 400, 12, { measuredAtMs: 0 }), spec, options());
  expect(first).toMatchObject({ to: 12, reason: 'no-data' });
  const next = decide(model, sampleAt(BEAT, 400, 12), spec, options());
  expect(next.to).toBeGreaterThanOrEqual(12);
  expect(parseModel(JSON.stringify(model))).toEqual(model);
});

test.each<[what: string, fields: Partial<Sample>]>([
  ['requests', { requests: 1e300 }],
  ['use of the CPU', { cpuUtilization: 1e300 }],
  ['milliseconds', { windowMs: 1e300 }],
  ['milliseconds, so few that none divides by them,', { windowMs: 5e-324 }],
  ['late requests', { lateRatio: 1e300 }],
])('one absurd count of %s is not learned', (_what, fields) => {
  const model = calm();
  const { workload } = structuredClone(model);
  for (let beat = 121; beat <= 123; beat++) {
    decide(model, sampleAt(beat * BEAT, 400, 12, fields), spec, options());
  }
  expect(model.workload.demand / model.workload.busy).toBeCloseTo(workload.demand / workload.busy);
  expect(model.workload.late[1]).toBeCloseTo(workload.late[1] ?? 0, 0);
  expect(parseModel(JSON.stringify(model))).toEqual(model);
});

test('with CPU alone one absurd use leaves the fleet where it is, and the next sample decides again', () => {
  const alone = { requestsPerSecond: null, requests: null, lateRatio: null };
  const model = calm(alone);
  const absurd = sampleAt(605, 400, 12, { ...alone, cpuUtilization: 1e300 });
  expect(decide(model, absurd, spec, options())).toMatchObject({ to: 12, reason: 'no-data' });
  const next = decide(model, sampleAt(610, 400, 12, alone), spec, options());
  expect(next.to).toBeLessThanOrEqual(12);
});

test('bounds of an edited policy are kept where no demand can be read', () => {
  const dark: Partial<Sample> = { requestsPerSecond: null, cpuUtilization: null };
  const under = (policy: object) =>
    decide(calm(), sampleAt(605, 400, 12, dark), aPolicy(policy), {
      ...options(),
      record: true,
    });
  const most = under({ maxReplicas: 9 });
  expect(most).toMatchObject({ kind: 'scale', from: 12, to: 9, reason: 'bounds' });
  expect(most.record?.sentence).toMatch(/Removing 3: the policy allows at most 9\.$/);
  expect(under({ minReplicas: 15 })).toMatchObject({ to: 15, reason: 'bounds' });
  expect(under({})).toMatchObject({ kind: 'hold', to: 12, reason: 'no-data' });
});

test('a delay is told by its mean and its variance, and the last two hundred count', () => {
  const stats: number[] = [];
  noteDelay(stats, 1);
  noteDelay(stats, 3);
  expect(stats).toEqual([2, 1, 2]);
  for (let i = 0; i < 3000; i++) noteDelay(stats, 5);
  expect(stats[0]).toBeCloseTo(5, 3);
  noteDelay(stats, 205);
  expect(stats[0]).toBeCloseTo(6, 3);
});

test('the first sample stands for its own window, later ones for the time since the last', () => {
  const model = createModel({ prior: shippedPrior });
  const first = observe(model, sampleAt(100, 300, 8, { windowMs: 20_000 }), spec);
  expect(first.elapsedSeconds).toBe(20);
  const { times, counts } = model.series;
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(20_000);
  expect(counts).toEqual([0, 6000]);
  const second = observe(model, sampleAt(107, 100, 8, { windowMs: 20_000 }), spec);
  expect(second.elapsedSeconds).toBe(7);
  expect(model.series.total).toBeCloseTo(6700, 9);
  const again = observe(model, sampleAt(107, 100, 8), spec);
  expect(again).toMatchObject({ fresh: false, elapsedSeconds: 0 });
  expect(model.series.total).toBeCloseTo(6700, 9);
});

test.each([
  [49, true],
  [51, false],
])(
  'after %i s without telemetry, at beats of 5 s, what waits for its outcome waits: %s',
  (gap, waits) => {
    const model = calm();
    const [forecast, decision] = [model.pendingForecasts[0], model.pendingDecisions[0]];
    observe(model, sampleAt(600 + gap, 400, 12), spec);
    expect(model.pendingForecasts.includes(forecast!)).toBe(waits);
    expect(model.pendingDecisions.includes(decision!)).toBe(waits);
  },
);

test('a rate over a long gap is stale, a fresh rate after it is not', () => {
  const after = (windowMs: number): boolean =>
    observe(calm(), sampleAt(800, 400, 12, { windowMs }), spec).stale;
  expect([after(200_000), after(5000)]).toEqual([true, false]);
});

test('a rate that is garbled once does not stay: minutes later the fleet is what it was', () => {
  const model = calm();
  const fleet = (from: number, to: number, fields: Partial<Sample> = {}): number => {
    let ready = 12;
    for (let beat = from; beat <= to; beat++) {
      const seen = sampleAt(beat * BEAT, 400, ready, fields);
      ready = Math.max(1, decide(model, seen, spec, options()).to);
    }
    return ready;
  };
  const usual = fleet(121, 240);
  fleet(241, 241, { requestsPerSecond: 1e8, requests: 5e8 });
  expect(fleet(242, 362)).toBeLessThanOrEqual(usual + 2);
});

const DARK: Partial<Sample> = {
  measuredAtMs: null,
  requestsPerSecond: null,
  requests: null,
  lateRatio: null,
  cpuUtilization: null,
};

test.each([
  ['counts from it on', BEAT],
  ['is a mean over it', 600],
])(
  'demand that doubled in a gap of telemetry is no slope, where the next sample %s',
  (_what, s) => {
    const model = calm();
    for (let beat = 121; beat < 240; beat++) {
      decide(model, sampleAt(beat * BEAT, 400, 12, DARK), spec, options());
    }
    const first = { requestsPerSecond: s === BEAT ? 800 : 600, windowMs: s * 1000 };
    const asked = [240, 241, 242].map((beat) => {
      const fields = beat === 240 ? first : {};
      return decide(
        model,
        sampleAt(beat * BEAT, 800, 12, fields),
        aPolicy({ maxReplicas: 100 }),
        options(),
      ).to;
    });
    expect(Math.max(...asked)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...asked)).toBeLessThan(30);
  },
);

test('where a rate came up and CPU went, the rate is taken up in minutes', () => {
  const model = calm({ requestsPerSecond: null, requests: null, lateRatio: null });
  expect(model.demandUnit).toBe('pods');
  const later = { cpuUtilization: null };
  const units = [0, 170, 190].map((seconds) => {
    decide(model, sampleAt(3600 + seconds, 400, 12, later), spec, options());
    return model.demandUnit;
  });
  expect(units).toEqual(['pods', 'pods', 'requests']);
});

test('what a pod carries is learned while demand is counted in CPU: the change to rates moves no fleet', () => {
  const model = calm({ requestsPerSecond: null, requests: null, lateRatio: null });
  const verdicts = Array.from({ length: 400 }, (_, beat) =>
    decide(model, sampleAt(3600 + beat * BEAT, 400, 12), spec, options()),
  );
  expect(model.demandUnit).toBe('requests');
  for (const { to } of verdicts) expect(to).toBeLessThanOrEqual(12);
});
