// What the regression sees: logarithms of the running means relative to the reference mean.
import { FEATURES, FRESH_MEAN, MEANS_IN_BLOCKS, REFERENCE_MEAN } from './constants.ts';
import { at } from './maths.ts';
import type { Model, Series } from './model.ts';
import { meanOf } from './series.ts';
import { seasonAt } from './season.ts';

export interface Inputs {
  /** FEATURES numbers; the first is 1. */
  values: number[];
  /** Log of the reference mean: the forecast is a change against it. */
  base: number;
  /** Load against its long mean, log units: the level of the error tables. */
  level: number;
  /** How far the fresh mean is from the reference, in log units. */
  jump: number;
}

/** log(demand + offset): small rates are all the same. */
export const toLog = (series: Series, rate: number): number => Math.log(rate + series.offset);

/** Back from the logarithm to demand per second. */
export const fromLog = (series: Series, value: number): number =>
  Math.max(0, Math.exp(value) - series.offset);

/** Relative standard error of the fresh mean against the reference, from counting alone. */
function freshError(model: Model, reference: number): number {
  if (model.demandUnit === 'pods') return 0.03; // utilisation is read to a few percent
  const seconds = Math.max(
    model.series.windowSeconds,
    2 * at(MEANS_IN_BLOCKS, FRESH_MEAN) * model.series.blockSeconds,
  );
  return 1 / Math.sqrt(Math.max(1, reference * seconds));
}

/** Builds the inputs of the forecasts at one instant. `horizonMs` is where the season is asked. */
export function featuresOf(model: Model, nowMs: number, horizonMs: number): Inputs {
  const { series } = model;
  const reference = meanOf(series, REFERENCE_MEAN);
  const base = toLog(series, reference);
  const values = new Array<number>(FEATURES);
  values[0] = 1;
  let next = 1;
  for (let i = 0; i < MEANS_IN_BLOCKS.length; i++) {
    if (i !== REFERENCE_MEAN) values[next++] = toLog(series, meanOf(series, i)) - base;
  }
  const jump = at(values, 1 + FRESH_MEAN);
  const sure = 2 * freshError(model, reference);
  values[next++] = Math.max(0, jump - sure);
  values[next++] = Math.max(0, -jump - sure);
  const seasonal = seasonAt(model, nowMs);
  const later = seasonAt(model, nowMs + horizonMs);
  const known = seasonal !== null && later !== null && !model.off.includes('season');
  values[next++] = known ? later - seasonal : 0;
  values[next] = known ? later - base : 0;
  return { values, base, level: base - toLog(series, meanOf(series, 8)), jump };
}
