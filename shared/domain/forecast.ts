// The predictive distribution of log demand over the control delay: UP for what a pod started now
// would serve, KEEP for what a pod dropped now would be missing for.
import {
  DEVIATION_MAX,
  FORECAST_CLIP,
  POISSON_FLOOR,
  REFERENCE_MEAN,
  SHAPE_HALF_LIFE_MIN_SAMPLES,
  SHAPE_HALF_LIFE_SECONDS,
} from './constants.ts';
import { featuresOf, toLog, type Inputs } from './features.ts';
import { at, clamp } from './maths.ts';
import type { Forecaster, Model, PendingForecast } from './model.ts';
import { correct, dot, gainOf } from './regression.ts';
import { learnScale, logVariance, scaleInputs } from './scale.ts';
import { forgetBefore, largestBetween, meanBetween, meanOf } from './series.ts';
import { addToShape, survivalAt, tailOf, type Tail } from './shape.ts';

/** Levels at which coverage is counted and shown. */
export const COVERAGE_LEVELS = [0.5, 0.8, 0.9, 0.95, 0.98] as const;
const PENDING_MAX = 16;
/** One that waits takes 600 bytes: no more than so many where the wait is long. */
const PENDING_USUAL = 10;

export interface Outlook {
  inputs: Inputs;
  upScale: number[];
  keepScale: number[];
  horizonSeconds: number;
}

// Survival functions are derived from the histogram alone, so forgetting one changes nothing.
const tails = new WeakMap<Forecaster, Tail>();

export function tailOfForecaster(forecaster: Forecaster, plain: boolean): Tail {
  const known = tails.get(forecaster);
  if (known !== undefined) return known;
  const tail = tailOf(plain ? [] : forecaster.shape);
  tails.set(forecaster, tail);
  return tail;
}

/** Variance of the log of a mean over one block that counting alone makes. */
function countingVariance(model: Model): number {
  if (model.demandUnit === 'pods') return 1e-4;
  const rate = Math.max(meanOf(model.series, REFERENCE_MEAN), model.series.offset);
  return 1 / (rate * model.series.blockSeconds);
}

function predict(model: Model, forecaster: Forecaster, inputs: Inputs, scale: number[]): void {
  const counting = countingVariance(model);
  const change = model.off.includes('forecast') ? 0 : dot(forecaster.theta, inputs.values);
  forecaster.mu = inputs.base + clamp(change, -FORECAST_CLIP, FORECAST_CLIP);
  const variance = model.off.includes('scale')
    ? forecaster.slow
    : Math.exp(logVariance(forecaster, scale));
  const deviation = Math.sqrt(Math.max(variance, POISSON_FLOOR * counting));
  forecaster.sigma = Math.min(deviation, DEVIATION_MAX);
}

/** Forecasts both distributions at `nowMs` and leaves them in the model. */
export function forecastNow(model: Model, nowMs: number, horizonSeconds: number): Outlook {
  const inputs = featuresOf(model, nowMs, horizonSeconds * 1000);
  const counting = countingVariance(model);
  const upScale = scaleInputs(model.up, inputs.level, inputs.jump, counting);
  const keepScale = scaleInputs(model.keep, inputs.level, inputs.jump, counting);
  predict(model, model.up, inputs, upScale);
  predict(model, model.keep, inputs, keepScale);
  return { inputs, upScale, keepScale, horizonSeconds };
}

/** Keeps the newest forecast until its outcome is known. One per block is enough to learn from. */
export function rememberForecast(model: Model, nowMs: number, outlook: Outlook): void {
  if (nowMs < model.nextSnapshotMs) return;
  const blockMs = model.series.blockSeconds * 1000;
  const horizonMs = outlook.horizonSeconds * 1000;
  const waitMs = horizonMs + blockMs + 1000 * at(model.delay.age, 0);
  model.nextSnapshotMs = nowMs + Math.max(blockMs, waitMs / PENDING_USUAL) - 1;
  if (model.pendingForecasts.length >= PENDING_MAX) return;
  model.pendingForecasts.push({
    fromMs: nowMs,
    upMs: nowMs + horizonMs,
    toMs: nowMs + horizonMs + blockMs,
    inputs: outlook.inputs.values,
    base: outlook.inputs.base,
    mu: [model.up.mu, model.keep.mu],
    sigma: [model.up.sigma, model.keep.sigma],
    scaleInputs: [outlook.upScale, outlook.keepScale],
    level: outlook.inputs.level,
  });
}

/** Learns from every forecast whose outcome the series covers by now. */
export function learnForecasts(model: Model): void {
  const { series, pendingForecasts: pending } = model;
  const latest = at(series.times, series.times.length - 1);
  let due = pending[0];
  while (due !== undefined && due.toMs <= latest) {
    const up = meanBetween(series, due.upMs, due.toMs);
    const keep = largestBetween(series, due.fromMs, due.toMs);
    if (up !== null && keep !== null) learnOne(model, due, [up, keep]);
    pending.shift();
    due = pending[0];
  }
  const oldest = Math.min(due?.fromMs ?? latest, model.pendingDecisions[0]?.fromMs ?? latest);
  forgetBefore(series, oldest);
}

function learnOne(model: Model, forecast: PendingForecast, demand: readonly number[]): void {
  const sigma = at(forecast.sigma, 0);
  const relative = (sigma * sigma) / model.up.slow;
  const gain = gainOf(model.covariance, forecast.inputs, clamp(relative, 0.1, 10));
  [model.up, model.keep].forEach((forecaster, which) => {
    const actual = toLog(model.series, at(demand, which));
    const error = actual - at(forecast.mu, which);
    const deviation = at(forecast.sigma, which);
    const fitted = actual - forecast.base - dot(forecaster.theta, forecast.inputs);
    correct(forecaster.theta, gain, fitted, deviation);
    count(model, forecaster, error / deviation);
    const inputs = forecast.scaleInputs[which] ?? [];
    learnScale(forecaster, inputs, { error, sigma: deviation, level: forecast.level });
  });
}

/** Counts coverage against the survival function of now, then moves the shape. */
function count(model: Model, forecaster: Forecaster, z: number): void {
  const plain = model.off.includes('shape');
  const perSample = Math.max(model.series.blockSeconds / SHAPE_HALF_LIFE_SECONDS, 0);
  const keep = Math.pow(0.5, Math.min(perSample, 1 / SHAPE_HALF_LIFE_MIN_SAMPLES));
  const reached = 1 - survivalAt(tailOfForecaster(forecaster, plain), z);
  COVERAGE_LEVELS.forEach((level, i) => {
    forecaster.covered[i] = at(forecaster.covered, i) * keep + (reached <= level ? 1 : 0);
  });
  forecaster.outcomes = forecaster.outcomes * keep + 1;
  addToShape(forecaster.shape, z, keep);
  tails.delete(forecaster);
}
