// That every peer gets what it would have in a cluster: its target, its window, its gaps, its restarts.
import { expect, test } from 'vitest';
import { DEFAULT_BEHAVIOR } from '#shared/domain/peers/behavior.ts';
import { DEFAULT_CONDITION, loadFor, settingsFor, type Condition } from '../condition.ts';
import { Fleet } from '../fleet.ts';
import type { Load } from '../load.ts';
import { createRandom } from '../random.ts';
import { EPOCH_MS, simulate, type Controller, type RunSettings, type View } from '../simulate.ts';
import { NO_TELEMETRY_FAULTS, Telemetry } from '../telemetry.ts';
import { fixed } from '../testing.ts';
import { hpa, hpaInput, keda, kpa, measuredRate } from './peers.ts';
import {
  awsPredictive,
  crane,
  cranePercentile,
  oracle,
  predictiveHpa,
  seasonalHpa,
  staticFleet,
} from './predictive.ts';

const limits = { capacityPerPod: 50, minReplicas: 1, maxReplicas: 50 };
const smooth: Condition = { ...DEFAULT_CONDITION, path: 'steps', scale: 1 };

/** An hour of these requests/s, minute by minute; everybody starts with what 70 % would need. */
const anHour = (rateAt: (minute: number) => number): Load =>
  loadFor(
    {
      name: 'hour',
      stepSeconds: 60,
      rps: Float64Array.from({ length: 60 }, (_, minute) => rateAt(minute)),
      notes: [],
    },
    smooth,
    1,
  );

/** Replicas that were asked for, second by second. */
function replicasOf(load: Load, controller: Controller, more: Partial<RunSettings> = {}): number[] {
  const asked: number[] = [];
  const watched: Controller = {
    ...controller,
    intervalSeconds: 1,
    decide(view) {
      const due = view.now % controller.intervalSeconds === 0;
      asked.push(due ? controller.decide(view) : view.desired);
      return asked.at(-1) ?? 0;
    },
  };
  simulate(load, { ...settingsFor(smooth, load, 1), ...more }, watched);
  return asked;
}

const PEERS = { hpa, keda, kpa, predictiveHpa, seasonalHpa, crane, cranePercentile, awsPredictive };

test.each(Object.entries(PEERS))('%s comes to the fleet that its target asks for', (name, peer) => {
  const load = anHour(() => 350);
  for (const [target, pods] of [
    [0.5, 14], // 350 / 25
    [0.9, 7.8], // 350 / 45
  ] as const) {
    const last = replicasOf(load, peer(name, target, limits)).at(-1) ?? 0;
    expect(last, `at ${target}`).toBeGreaterThanOrEqual(pods);
    expect(last, `at ${target}`).toBeLessThan(pods * 1.15);
  }
});

const doubling = anHour((minute) => (minute < 40 ? 350 : 700));
const blind = { ...NO_TELEMETRY_FAULTS, gaps: [{ from: 2390, to: 3000 }] };

test.each(Object.entries({ hpa, keda, kpa }))('%s follows a load that doubles', (name, peer) => {
  const asked = replicasOf(doubling, peer(name, 0.7, limits));
  expect(asked[2390]).toBeGreaterThanOrEqual(10);
  expect(asked[2390]).toBeLessThanOrEqual(11);
  expect(asked[2520]).toBeGreaterThanOrEqual(18); // two minutes later
});

test.each(Object.entries({ hpa, kpa }))(
  '%s holds what it has while nobody can measure it',
  (name, peer) => {
    const asked = replicasOf(doubling, peer(name, 0.7, limits), { telemetryFaults: blind });
    expect(asked[2990]).toBe(asked[2405]);
    expect(asked[3120]).toBeGreaterThanOrEqual(18);
  },
);

test('to KEDA, as it ships, an empty answer is no load: after five minutes it takes away', () => {
  const asked = replicasOf(doubling, keda('KEDA-70', 0.7, limits), { telemetryFaults: blind });
  expect(asked[2650]).toBeGreaterThanOrEqual(10);
  expect(asked[2760]).toBe(1);
});

const falling = anHour((minute) => (minute < 40 ? 350 : 100));
/** When fewer pods were asked for than the load before it fell had needed. */
const firstDown = (controller: Controller, more: Partial<RunSettings> = {}): number =>
  replicasOf(falling, controller, more).findIndex((pods, t) => t > 2400 && pods < 9);

test.each(Object.entries({ hpa, keda }))(
  '%s takes away what it had no use for in five minutes; a restart counts them anew',
  (name, peer) => {
    const plain = firstDown(peer(name, 0.7, limits));
    expect(plain).toBeGreaterThanOrEqual(2400 + 285);
    expect(plain).toBeLessThanOrEqual(2400 + 345);
    const restarts = { at: [2580], kept: true };
    const restarted = firstDown(peer(name, 0.7, limits), { restarts });
    expect(restarted).toBeGreaterThanOrEqual(2580 + 300);
    expect(restarted).toBeLessThanOrEqual(2580 + 330);
  },
);

test('the window of an HPA can be set, as in its behavior', () => {
  const behavior = { ...DEFAULT_BEHAVIOR, down: { ...DEFAULT_BEHAVIOR.down, windowSeconds: 0 } };
  expect(firstDown(hpa('HPA-70-w0', 0.7, limits, behavior))).toBeLessThanOrEqual(2460);
});

test('KPA answers a burst within seconds, from a scrape of its own', () => {
  const load = anHour((minute) => (minute < 40 ? 100 : 1000));
  const asked = replicasOf(load, kpa('KPA-70', 0.7, limits));
  expect(Math.max(...asked.slice(2400, 2412))).toBeGreaterThanOrEqual(20);
});

/** Four old pods, half of them busy with 100 requests/s; three more are asked for at 90 s. */
function aView(now: number): View {
  const seconds = [20, 25, 60];
  const fleet = new Fleet(4, 0, (launch) => seconds[launch] ?? 0);
  const telemetry = new Telemetry('2s', 0, createRandom(1), NO_TELEMETRY_FAULTS);
  const counts = { arrivals: 100, late: 0, failed: 0, served: 100 };
  fleet.scaleTo(7, 90);
  for (let t = 0; t < now; t++) telemetry.record(t, counts, 2, 4);
  for (let t = 90; t <= now; t++) fleet.step(t);
  const atMs = EPOCH_MS + now * 1000;
  return { now, atMs, desired: 7, minReplicas: 2, maxReplicas: 50, fleet, telemetry };
}

test('an HPA sets pods aside that are younger than the window of its metric', () => {
  expect(hpaInput(aView(120))).toEqual({
    atMs: EPOCH_MS + 120_000,
    replicas: 7,
    missing: 0,
    ready: 4,
    unready: 3, // ready since 110 s and 115 s, and one that starts
    utilization: 0.5,
    minReplicas: 2,
  });
  expect(hpaInput(aView(131))).toMatchObject({ ready: 6, unready: 1 });
  expect(hpaInput(aView(10))).toMatchObject({ ready: 0, unready: 0, utilization: null });
});

test('the rate of KEDA is the mean of the last 15 s, and none before there are so many', () => {
  expect(measuredRate(aView(120))).toBe(100);
  expect(measuredRate(aView(10))).toBeNull();
});

test('a fixed fleet, the one that the peak needs, and the least that could be', () => {
  const load = anHour((minute) => (minute === 5 ? 700 : 350));
  expect(new Set(replicasOf(load, fixed('F', 6)).slice(60))).toEqual(new Set([6]));
  const peak = replicasOf(load, staticFleet('static', 0.7, load, limits));
  expect(peak.at(-1)).toBe(20); // 700 / 35, though it comes but once in the warm-up
  const settings = settingsFor(smooth, load, 1);
  const least = replicasOf(load, oracle(load, settings, 30));
  expect(least.at(-1)).toBeGreaterThanOrEqual(9); // 350 / (50 × 0.8)
  expect(least.at(-1)).toBeLessThanOrEqual(10);
});
