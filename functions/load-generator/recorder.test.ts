import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { Recorder } from './recorder.ts';

const OK = { ok: true, code: '200' };

const aRecorder = (options: Partial<ConstructorParameters<typeof Recorder>[0]> = {}) =>
  new Recorder({ seconds: 30, sloMs: 500, startupSeconds: 0, ...options });

/** Requests every `gapMs` for 30 s, each answered at once except during the stall. */
function stalled(gapMs: number, stall: { atMs: number; forMs: number }): Recorder {
  const recorder = aRecorder();
  for (let intendedMs = gapMs / 2; intendedMs < 30_000; intendedMs += gapMs) {
    const inStall = intendedMs >= stall.atMs && intendedMs < stall.atMs + stall.forMs;
    const endedMs = inStall ? stall.atMs + stall.forMs : intendedMs + 0.1;
    recorder.send(intendedMs, intendedMs);
    recorder.finish(OK, { intendedMs, sentMs: intendedMs, endedMs });
  }
  return recorder;
}

test('a stall shows in full: percentiles are those of the analytic answer', () => {
  // Of 30 s, 0.5 s stall: latency beyond which a share q of all requests lies = 500 (1 − 60 q) ms.
  const { latencyMs } = stalled(0.5, { atMs: 10_000, forMs: 500 }).times();
  expect(latencyMs.p50).toBeCloseTo(0.1, 2);
  expect(latencyMs.p99 ?? 0).toBeGreaterThan(200 * 0.99);
  expect(latencyMs.p99 ?? 0).toBeLessThan(200 * 1.01);
  expect(latencyMs.p99_9 ?? 0).toBeGreaterThan(470 * 0.99);
  expect(latencyMs.p99_9 ?? 0).toBeLessThan(470 * 1.01);
});

test('a second violates the SLO when more than 1 % of its requests are late, failed or dropped', () => {
  const recorder = aRecorder({ seconds: 4 });
  const answer = (second: number, count: number, latencyMs: number, ok = true): void => {
    for (let i = 0; i < count; i += 1) {
      const intendedMs = second * 1000 + i;
      recorder.send(intendedMs, intendedMs);
      const at = { intendedMs, sentMs: intendedMs, endedMs: intendedMs + latencyMs };
      recorder.finish(ok ? OK : { ok: false, code: '503' }, at);
    }
  };
  answer(0, 99, 20);
  answer(0, 1, 501); // 1 % exactly is within the budget
  answer(1, 98, 20);
  answer(1, 2, 501);
  answer(2, 100, 500); // as slow as allowed
  answer(3, 50, 20, false);
  recorder.drop(3500);
  expect(recorder.slo(4)).toEqual({
    milliseconds: 500,
    violatingSeconds: 2,
    seconds: 4,
    lateRatio: (1 + 2 + 51) / 351,
  });
  expect(recorder.totals()).toEqual({
    offered: 351,
    achieved: 300,
    late: 3,
    failed: 50,
    dropped: 1,
    inFlight: 0,
    codes: { '200': 300, '503': 50 },
  });
  expect(recorder.seconds(3, 4)).toEqual([
    {
      second: 3,
      offered: 51,
      succeeded: 0,
      late: 0,
      failed: 50,
      dropped: 1,
      meanMs: null,
      maxMs: null,
      violating: true,
    },
  ]);
});

test('the start-up is counted but left out of latencies and SLO', () => {
  const recorder = aRecorder({ startupSeconds: 2, seconds: 3 });
  for (const intendedMs of [500, 1500, 2500]) {
    recorder.send(intendedMs, intendedMs);
    const endedMs = intendedMs + (intendedMs < 2000 ? 900 : 50);
    recorder.finish(OK, { intendedMs, sentMs: intendedMs, endedMs });
  }
  expect(recorder.totals().offered).toBe(3);
  expect(recorder.times().latencyMs.max).toBeCloseTo(50, 1);
  expect(recorder.slo(3)).toMatchObject({ seconds: 1, violatingSeconds: 0 });
});

test.each([
  [9, false],
  [11, true],
])('send lag of %i ms: generatorSaturated is %s', (lagMs, saturated) => {
  const recorder = aRecorder();
  for (let i = 0; i < 100; i += 1) recorder.send(i, i + lagMs);
  expect(recorder.times().generatorSaturated).toBe(saturated);
});

test('latency counts from the intended time, service from the actual one', () => {
  const recorder = aRecorder();
  recorder.send(1000, 1300);
  recorder.finish(OK, { intendedMs: 1000, sentMs: 1300, endedMs: 1320 });
  const { latencyMs, serviceMs } = recorder.times();
  expect(latencyMs.max).toBeCloseTo(320, 0);
  expect(serviceMs.max).toBeCloseTo(20, 1);
});

test('nothing measured is null and not zero', () => {
  const { latencyMs, generatorSaturated } = aRecorder().times();
  expect(latencyMs).toEqual({
    p50: null,
    p90: null,
    p95: null,
    p99: null,
    p99_9: null,
    max: null,
    mean: null,
  });
  expect(generatorSaturated).toBe(false);
});

test('histograms can be merged by whoever reads the reports', () => {
  const [a, b] = [stalled(10, { atMs: 0, forMs: 100 }), stalled(10, { atMs: 0, forMs: 200 })];
  const merged = decodeFromCompressedBase64(a.exportLatencies());
  merged.add(decodeFromCompressedBase64(b.exportLatencies()));
  expect(merged.totalCount).toBe(6000);
  expect(merged.maxValue / 1000).toBeCloseTo(195, 0);
});
