// npm run train -- --seed 1 — learns the shipped prior from seeded synthetic traces alone.
// The same seed writes the same file, bit for bit. --out FILE writes elsewhere.
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createModel, decide, learn, score, type Model, type Prior } from '#shared/domain/index.ts';
import type { PolicySpec } from '#shared/events/index.ts';
import { integerOf, runCommand } from './command-line.ts';
import { benchPolicy, nimbusguard, sampleOf } from './replay/controllers/ours.ts';
import { makeFolder } from './replay/input.ts';
import { createLoad, drawArrivals, referenceScale, type Load } from './replay/load.ts';
import { createRandom } from './replay/random.ts';
import { simulate, startupDraws, type Controller, type RunSettings } from './replay/simulate.ts';
import { synthesize, type Shape } from './replay/synthetic.ts';

const TARGET = fileURLToPath(new URL('../shared/domain/prior.json', import.meta.url));
const SHAPES: readonly Shape[] = ['daily', 'growth', 'flash-crowd', 'step', 'low-noise', 'outage'];
const DAYS = 2;
const CAPACITY = 50;
/** Trust of the prior: its covariance stands for so much less data than it was learned from. */
const DOUBT = 1.2;
/** The two seasonal inputs stay open: they depend on the length of the season most of all. */
const SEASONAL = [11, 12];
const SEASONAL_VARIANCE = 0.05;
/** Errors that the shape of the prior weighs, of the thousands it was learned from. */
const SHAPE_WEIGHT = 300;

const round = (value: number): number => Number(value.toPrecision(6));

/** A target on a laptop: a day in ten minutes with two spikes, start-up 8 s, a beat of 5 s. */
function quickLoad(seed: number): Load {
  const seconds = 6 * 3600;
  const random = createRandom(seed, 'quick');
  const spikes = Array.from({ length: seconds / 600 }, (_, day) => ({
    at: day * 600 + Math.floor(120 + 400 * random.next()),
    rise: 10 + 30 * random.next(),
    hold: 30 + 300 * random.next() ** 2,
    height: 150 + 450 * random.next(),
  }));
  const spikeAt = (t: number): number =>
    spikes.reduce((most, { at, rise, hold, height }) => {
      const shape = Math.min((t - at) / rise, 1, (at + 2 * rise + hold - t) / rise);
      return Math.max(most, shape * height);
    }, 0);
  const rate = Float32Array.from({ length: seconds }, (_, t) => {
    const wave = (1 - Math.cos((2 * Math.PI * t) / 600)) / 2;
    return 40 + (t % 3600 < 1800 ? 400 * wave : spikeAt(t));
  });
  const arrivals = drawArrivals(rate, createRandom(seed, 'quick arrivals'));
  return { name: `quick-${seed}`, seconds, rate, arrivals, scoreFrom: 0, outages: [] };
}

/** The core on a beat of 5 s with windows of 5 s, as `make local` has it. */
function quickController(spec: PolicySpec, prior: Prior | undefined) {
  const model = createModel({ adaptPrice: false, ...(prior ? { prior } : {}) });
  const controller: Controller = {
    name: 'quick',
    intervalSeconds: 5,
    decide(view) {
      const sample = sampleOf(view, 5);
      if (view.now >= 20) {
        const requests = view.telemetry.arrivals(view.now - 5, view.now);
        Object.assign(sample, { requests, requestsPerSecond: requests / 5, windowMs: 5000 });
      }
      const verdict = decide(model, sample, spec, { random: () => 1, record: false });
      const scores = verdict.matured.map((matured) => score(matured, spec));
      learn(model, scores, spec);
      return verdict.to;
    },
  };
  return { controller, model };
}

const settingsOf = (seed: number, startupSeconds: number): RunSettings => ({
  workload: { capacityPerPod: CAPACITY, serviceSeconds: 0.02 },
  grade: '2s',
  minReplicas: 1,
  maxReplicas: 50,
  drainSeconds: 10,
  startup: startupDraws(startupSeconds, 0.2, seed),
  seed,
});

function trainOn(shape: Shape, seed: number, prior: Prior | undefined): Model {
  const trace = synthesize(shape, seed, DAYS);
  const scale = referenceScale(trace, CAPACITY);
  const load = { ...createLoad(trace, { path: 'rough', seed, scale }), outages: trace.outages };
  const core = nimbusguard({
    name: shape,
    spec: benchPolicy(),
    model: { adaptPrice: false, ...(prior ? { prior } : {}) },
    grade: '2s',
    seed,
  });
  simulate(load, settingsOf(seed, 30), core);
  return core.model();
}

function trainQuick(seed: number, prior: Prior | undefined): Model {
  const spec = benchPolicy({ seasonSeconds: 600, cooldownSeconds: 30 });
  const { controller, model } = quickController(spec, prior);
  simulate(quickLoad(seed), settingsOf(seed, 8), controller);
  return model;
}

/** Element by element mean over the models. */
function mean(models: readonly Model[], read: (model: Model) => readonly number[]): number[] {
  const lists = models.map(read);
  return (lists[0] ?? []).map((_, i) => {
    const sum = lists.reduce((total, list) => total + (list[i] ?? 0), 0);
    return round(sum / lists.length);
  });
}

function forecasterOf(models: readonly Model[], which: 'up' | 'keep') {
  const logs = mean(models, (model) => [Math.log(model[which].slow)]);
  const shape = mean(models, (model) => {
    const total = model[which].shape.reduce((sum, value) => sum + value, 0);
    return model[which].shape.map((value) => (SHAPE_WEIGHT * value) / total);
  });
  return {
    theta: mean(models, (model) => model[which].theta),
    slow: round(Math.exp(logs[0] ?? 0)),
    shape: shape.map((value) => Number(value.toFixed(4))),
  };
}

function combine(models: readonly Model[], seed: number): Prior {
  const covariance = mean(models, (model) => model.covariance).map((value) => DOUBT * value);
  const size = Math.sqrt(covariance.length);
  for (const i of SEASONAL) {
    const place = i * size + i;
    covariance[place] = Math.max(covariance[place] ?? 0, SEASONAL_VARIANCE);
  }
  return {
    schema: 1,
    version: `prior-1-seed-${seed}`,
    covariance: covariance.map(round),
    up: forecasterOf(models, 'up'),
    keep: forecasterOf(models, 'keep'),
    q: mean(models, (model) => model.q.values),
  };
}

/** Two rounds: the second starts from what the first agreed on. */
function train(seed: number): Prior {
  let prior: Prior | undefined;
  for (let round = 0; round < 2; round++) {
    const models = [
      ...SHAPES.map((shape) => trainOn(shape, seed + round, prior)),
      ...[0, 1].map((i) => trainQuick(seed + 10 * round + i, prior)),
    ];
    prior = combine(models, seed);
  }
  if (prior === undefined) throw new Error('nothing was trained');
  return prior;
}

await runCommand(
  {
    command: 'npm run train --',
    does: 'Trains the prior that new models start from, on synthetic traces; the same seed gives the same bytes.',
    options: {
      seed: { value: 'N', help: 'of the traces (1)' },
      out: { value: 'FILE', help: 'where the prior goes (shared/domain/prior.json)' },
    },
  },
  (given) => {
    const seed = integerOf(given, 'seed', 1, [0, 2 ** 31 - 1]);
    const out = given.values.out ?? TARGET;
    makeFolder(dirname(out)); // before the work, not after it
    writeFileSync(out, `${JSON.stringify(train(seed))}\n`);
    console.log(`${out}: prior of seed ${seed}`);
    return Promise.resolve(0);
  },
);
