import { expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { NO_TELEMETRY_FAULTS, Telemetry, type Grade, type TelemetryFaults } from './telemetry.ts';

const SECOND = { arrivals: 100, late: 10, failed: 5, served: 100 };

/** Measurements of `seconds` equal seconds of four pods, half of them busy. */
function measured(
  faults: Partial<TelemetryFaults> = {},
  {
    grade = '2s',
    seconds = 120,
    workSeconds = 0,
  }: { grade?: Grade; seconds?: number; workSeconds?: number } = {},
): Telemetry {
  const random = createRandom(1, 'telemetry');
  const telemetry = new Telemetry(grade, workSeconds, random, {
    ...NO_TELEMETRY_FAULTS,
    ...faults,
  });
  for (let t = 0; t < seconds; t++) telemetry.record(t, SECOND, 2, 4);
  return telemetry;
}

test.each<[what: string, resets: number[], from: number, to: number, arrivals: number]>([
  ['without a reset', [], 60, 75, 1500],
  ['before and after it', [59, 76], 60, 75, 1500],
  ['at the ends of the window', [60, 75], 60, 75, 1500],
  ['inside the window: what came before it is lost', [70], 60, 75, 500],
])('arrivals are those that counters tell, %s', (_what, resets, from, to, arrivals) => {
  expect(measured({ resets }).arrivals(from, to)).toBe(arrivals);
});

test('late and failed are drawn as often as they happen', () => {
  const reading = measured({}, { grade: '15s' }).read(119);
  expect(reading).toMatchObject({ measuredAt: 112, windowSeconds: 15, requests: 1500 });
  expect(Math.abs((reading?.late ?? 0) / 1500 - 0.1)).toBeLessThan(0.03);
  expect(Math.abs((reading?.failed ?? 0) / 1500 - 0.05)).toBeLessThan(0.02);
});

test('a service without requests has none that are late', () => {
  const telemetry = new Telemetry('2s', 0, createRandom(1), NO_TELEMETRY_FAULTS);
  const nothing = { arrivals: 0, late: 0, failed: 0, served: 0 };
  for (let t = 0; t < 60; t++) telemetry.record(t, nothing, 0, 1);
  expect(telemetry.read(60)).toMatchObject({ requests: 0, late: 0, failed: 0, cpuUtilization: 0 });
});

test('CPU is the busy share of the ready pods, with noise around it that takes no side', () => {
  expect(measured().cpu(60, 75)).toBe(0.5);
  const noisy = measured({}, { workSeconds: 0.02 });
  const drawn = Array.from({ length: 400 }, () => noisy.cpu(60, 75));
  expect(new Set(drawn).size).toBeGreaterThan(300);
  expect(drawn.reduce((sum, value) => sum + value, 0) / drawn.length).toBeCloseTo(0.5, 2);
});

test.each<[what: string, now: number, measuredAt: number | null]>([
  ['before it', 49, 49],
  ['at its first second', 50, null],
  ['at its last', 69, null],
  ['after it', 70, 70],
])('of a gap from 50 to 70 s, %s', (_what, now, measuredAt) => {
  expect(measured({ gaps: [{ from: 50, to: 70 }] }).measuredAt(now)).toBe(measuredAt);
});

test('numbers that are a minute late are those of a minute ago', () => {
  expect(measured({ lateSeconds: 60 }).measuredAt(100)).toBe(40);
  expect(measured({ lateSeconds: 60 }).measuredAt(60)).toBeNull(); // not one whole window yet
});

test.each([
  [0, 50, true],
  [49, 51, false],
  [60, 61, false],
  [70, 80, true],
])('a window from %i to %i s lies outside a gap from 50 to 70 s: %s', (from, to, whole) => {
  expect(measured({ gaps: [{ from: 50, to: 70 }] }).whole(from, to)).toBe(whole);
});
