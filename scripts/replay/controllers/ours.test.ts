// That the core gets in a replay what the observer would give it live, and is treated as live.
import { expect, test } from 'vitest';
import { DEFAULT_CONDITION, loadFor, settingsFor, type Condition } from '../condition.ts';
import { Fleet } from '../fleet.ts';
import { createRandom } from '../random.ts';
import { EPOCH_MS, simulate, type RunSettings, type View } from '../simulate.ts';
import { NO_TELEMETRY_FAULTS, Telemetry, type Grade } from '../telemetry.ts';
import { benchPolicy, nimbusguard, sampleOf, type OurController } from './ours.ts';

/** 40 requests/s on four pods, a quarter of them late and an eighth failed; two pods are on their way. */
function aView(grade: Grade, now = 120, arrivals = 40): View {
  const fleet = new Fleet(4, 30, () => 20);
  const telemetry = new Telemetry(grade, 0, createRandom(1), NO_TELEMETRY_FAULTS);
  const counts = { arrivals, late: arrivals / 4, failed: arrivals / 8, served: arrivals };
  for (let t = 0; t < now; t++) telemetry.record(t, counts, 2, 4);
  fleet.scaleTo(5, now - 30);
  fleet.step(now - 10);
  fleet.scaleTo(6, now - 5);
  const atMs = EPOCH_MS + now * 1000;
  return { now, atMs, desired: 6, minReplicas: 1, maxReplicas: 50, fleet, telemetry };
}

const UNKNOWN = {
  windowMs: null,
  requestsPerSecond: null,
  requests: null,
  lateRatio: null,
  failedRatio: null,
};

test('a sample says what was measured, when, and of what fleet', () => {
  const view = aView('15s');
  const sample = sampleOf(view, 5);
  expect(sample).toMatchObject({
    atMs: EPOCH_MS + 120_000,
    measuredAtMs: EPOCH_MS + 112_000,
    windowMs: 15_000,
    requests: 600,
    requestsPerSecond: 40,
    cpuUtilization: 0.5,
    replicas: { desired: 6, ready: 5, starting: 1, draining: 0 },
    startups: [20],
    intervalMs: 5000,
  });
  expect(Math.abs((sample.lateRatio ?? 0) - 0.25)).toBeLessThan(0.06);
  expect(Math.abs((sample.failedRatio ?? 0) - 0.125)).toBeLessThan(0.05);
  expect(sampleOf(view, 5).startups).toEqual([]); // a start-up is told once
});

test('what cannot be measured is unknown and not zero', () => {
  expect(sampleOf(aView('cpu'), 5)).toMatchObject({
    ...UNKNOWN,
    windowMs: 15_000,
    cpuUtilization: 0.5,
  });
  expect(sampleOf(aView('2s', 10), 2)).toMatchObject({ ...UNKNOWN, measuredAtMs: null });
  expect(sampleOf(aView('2s', 120, 0), 2)).toMatchObject({
    requests: 0,
    requestsPerSecond: 0,
    lateRatio: null,
    failedRatio: null,
  });
});

const HOUR: Condition = { ...DEFAULT_CONDITION, path: 'steps', scale: 1 };

function ranFor(minutes: number, more: Partial<RunSettings> = {}): OurController {
  const trace = { name: 't', stepSeconds: 60, rps: new Float64Array(minutes).fill(350), notes: [] };
  const ours = nimbusguard({
    name: 'NimbusGuard',
    spec: benchPolicy(),
    model: {},
    grade: HOUR.telemetry,
    seed: 1,
  });
  const load = loadFor(trace, HOUR, 1);
  simulate(load, { ...settingsFor(HOUR, load, 1), ...more }, ours);
  return ours;
}

test('the core decides at every new number, and learns inside the run', () => {
  const model = ranFor(30).model();
  expect(HOUR.telemetry).toBe('2s');
  expect(model.decisions).toBe(892); // every 2 s, but for the first 16 s, which have no numbers
  expect(model.q.learned.length).toBeGreaterThan(0);
  const of15s = { name: 'N', spec: benchPolicy(), model: {}, seed: 1 };
  expect(nimbusguard({ ...of15s, grade: '15s' }).intervalSeconds).toBe(5);
});

test('a restart goes on with what was stored, or begins anew where nothing was', () => {
  const restarted = (kept: boolean): OurController => ranFor(30, { restarts: { at: [900], kept } });
  expect(restarted(true).model()).toEqual(ranFor(30).model());
  expect(restarted(false).model().decisions).toBe(450);
});
