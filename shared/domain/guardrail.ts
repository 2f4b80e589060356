// The reactive guardrail: what the freshest demand certainly needs, whatever the forecast says.
import { BLOCK_MEAN, CERTAIN_DEVIATIONS, MEANS_IN_BLOCKS } from './constants.ts';
import { fromLog } from './features.ts';
import { at } from './maths.ts';
import type { Model } from './model.ts';
import { meanOf } from './series.ts';
import type { Sample } from './types.ts';

/** Above this use CPU no longer tells demand: "at least". */
const CENSORED = 0.95;

export interface Guard {
  /** Demand per second that is certain now or, in a surprise, at the end of the control delay. */
  demand: number;
  /** Pods that censored utilisation asks for; 0 where nothing is censored. */
  censoredPods: number;
}

/** Samples of this length tell a slope by themselves; shorter ones are mostly noise. */
const LONG_SAMPLE_SECONDS = 4;
/** A slope is followed up to this multiple of what is certain: ramps end. */
const SLOPE_MULTIPLE = 4;

/** Rise between two samples that is beyond counting noise. */
function certainRise(model: Model, from: number, to: number): number {
  const seconds = Math.max(0.1, model.series.windowSeconds);
  const noise = model.demandUnit === 'pods' ? 0 : Math.sqrt((from + to) / seconds);
  return Math.max(0, to - from - CERTAIN_DEVIATIONS * noise);
}

/** Rise per second by the last samples, where those are a large part of a block. */
function sampleSlope(model: Model): number {
  const { series } = model;
  if (series.windowSeconds < Math.min(0.6 * series.blockSeconds, LONG_SAMPLE_SECONDS)) return 0;
  // Against the higher of the two before: a dip of one sample is no ground to measure a rise from.
  const ground = Math.max(series.rateBefore, series.rateEarlier);
  const slope = certainRise(model, ground, series.rate) / series.windowSeconds;
  // A ramp that began within the last window is twice as steep as the difference of the means.
  const running = certainRise(model, series.rateEarlier, series.rateBefore) > 0;
  return running ? slope : 2 * slope;
}

/** The same over the fresh mean against one of a block: steadier where samples are short. */
function meanSlope(model: Model): number {
  const { series } = model;
  const fresh = at(MEANS_IN_BLOCKS, 0) * series.blockSeconds;
  const slow = at(MEANS_IN_BLOCKS, BLOCK_MEAN) * series.blockSeconds;
  const noise = model.demandUnit === 'pods' ? 0 : Math.sqrt(meanOf(series, 0) / (2 * fresh));
  const rise = meanOf(series, 0) - meanOf(series, BLOCK_MEAN) - CERTAIN_DEVIATIONS * noise;
  return Math.max(0, rise) / (slow - fresh);
}

/**
 * Reads the guardrail. `before` is the demand that the forecast before this sample thought could
 * be exceeded in one case of fifty; `aheadSeconds` from the sample to the end of the control delay.
 */
export function guardOf(model: Model, sample: Sample, before: number, aheadSeconds: number): Guard {
  const { series } = model;
  const window = Math.max(2 * at(MEANS_IN_BLOCKS, 0) * series.blockSeconds, series.windowSeconds);
  const fresh = meanOf(series, 0);
  const noise = model.demandUnit === 'pods' ? 0.03 * fresh : Math.sqrt(fresh / window);
  const certain = Math.max(0, fresh - CERTAIN_DEVIATIONS * noise);
  const surprised = certain > before; // the last forecast did not see it coming: follow the slope
  const slope = surprised ? Math.max(sampleSlope(model), meanSlope(model)) : 0;
  const followed = Math.min(certain + slope * aheadSeconds, SLOPE_MULTIPLE * certain);
  const { ready } = sample.replicas;
  const cpu = model.demandUnit === 'pods' ? (sample.cpuUtilization ?? 0) : 0;
  return {
    demand: followed,
    censoredPods: cpu >= CENSORED ? 2 * ready : 0,
  };
}

/** Demand that the forecast of before thought would be exceeded in one case of fifty. */
export const surpriseLevel = (model: Model, z: number): number =>
  fromLog(model.series, model.keep.mu + model.keep.sigma * z);
