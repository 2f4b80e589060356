import { DEFAULT_BEHAVIOR } from './behavior.ts';
import { dspForecast } from './crane-dsp.ts';
import { addMinute, percentileForecast, type PercentileSettings } from './crane-percentile.ts';
import type { DecayingHistogram } from './histogram.ts';
import {
  HPA_SYNC_SECONDS,
  newHpaState,
  proposeByUtilization,
  settle,
  syncDue,
  type HpaInput,
  type HpaState,
} from './hpa.ts';
import { proposeByAverage } from './keda.ts';

export interface CraneSettings {
  readonly targetUtilization: number;
  /** AverageValue of the predicted metric: requests/s of one replica. */
  readonly targetPerReplica: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** The largest forecast within this time counts. */
  readonly predictionWindowSeconds?: number;
  /** Forecast by a percentile of what was, in place of the DSP. */
  readonly percentile?: PercentileSettings;
}

export interface CraneInput extends HpaInput {
  readonly requestsPerSecond: number | null;
}

export interface CraneState {
  hpa: HpaState;
  /** Mean rate of past minutes, newest last. */
  minutes: number[];
  minute: number;
  sum: number;
  count: number;
  /** Of the rates of past minutes; null unless the percentile is the forecast. */
  histogram: DecayingHistogram | null;
  /** One period of forecast from `forecastFrom` (minute since the epoch); empty: no forecast. */
  forecast: number[];
  forecastFrom: number;
}

const newCraneState = (): CraneState => ({
  hpa: newHpaState(),
  minutes: [],
  histogram: null,
  minute: -1,
  sum: 0,
  count: 0,
  forecast: [],
  forecastFrom: 0,
});

const HISTORY_MINUTES = 15 * 1440;
const REFRESH_MINUTES = { dsp: 6 * 60, percentile: 60 };

/** Hands the mean rate of `minutes` minutes that ended to the predictor. */
function keep(state: CraneState, minutes: number, percentile: CraneSettings['percentile']): void {
  const measured = state.count > 0;
  if (percentile === undefined) {
    const mean = measured ? state.sum / state.count : (state.minutes.at(-1) ?? 0);
    for (let i = 0; i < minutes; i += 1) state.minutes.push(mean);
  } else if (measured) {
    const mean = state.sum / state.count;
    state.histogram = addMinute(state.histogram, percentile, mean, state.minute * 60_000);
  }
  state.sum = state.count = 0;
}

function forecast(state: CraneState, percentile: CraneSettings['percentile']): number[] {
  if (percentile !== undefined) return percentileForecast(state.histogram, percentile);
  state.minutes.splice(0, Math.max(0, state.minutes.length - HISTORY_MINUTES));
  return dspForecast(state.minutes);
}

function measure(
  state: CraneState,
  input: CraneInput,
  percentile: CraneSettings['percentile'],
): void {
  const minute = Math.floor(input.atMs / 60_000);
  if (state.minute >= 0 && minute > state.minute) {
    keep(state, minute - state.minute, percentile);
    const refresh = REFRESH_MINUTES[percentile === undefined ? 'dsp' : 'percentile'];
    if (minute - state.forecastFrom >= refresh) {
      state.forecast = forecast(state, percentile);
      state.forecastFrom = minute;
    }
  }
  state.minute = minute;
  if (input.requestsPerSecond === null) return;
  state.sum += input.requestsPerSecond;
  state.count += 1;
}

function largestAhead(state: CraneState, atMs: number, windowSeconds: number): number {
  const { forecast, forecastFrom } = state;
  if (forecast.length === 0) return 0;
  const from = Math.floor(atMs / 60_000) - forecastFrom;
  let most = 0;
  for (let i = 0; i <= windowSeconds / 60; i += 1) {
    most = Math.max(most, forecast[(from + i) % forecast.length] ?? 0);
  }
  return Math.trunc(most);
}

/**
 * Crane's EffectiveHPA: the HPA with its own metric and, as a second one, the largest forecast of
 * the next hour; the larger answer wins, so it never scales in sooner than the HPA.
 * Source: gocrane/crane pkg/prediction and pkg/controller/ehpa.
 */
export function createCrane(settings: CraneSettings, state: CraneState = newCraneState()) {
  const windowSeconds = settings.predictionWindowSeconds ?? 3600;
  return {
    state,
    decide(input: CraneInput): number {
      const { hpa } = state;
      if (!syncDue(hpa, input.atMs, HPA_SYNC_SECONDS)) return hpa.answer;
      hpa.syncedAtMs = input.atMs;
      measure(state, input, settings.percentile);
      const reactive = proposeByUtilization(input, settings.targetUtilization);
      const forecast = largestAhead(state, input.atMs, windowSeconds);
      const existing = input.ready + input.unready + input.missing;
      const predicted =
        forecast > 0
          ? proposeByAverage(forecast, settings.targetPerReplica, {
              replicas: input.replicas,
              existing,
            })
          : 0;
      const blind = reactive === null && predicted < input.replicas;
      hpa.answer = settle(hpa, DEFAULT_BEHAVIOR, {
        atMs: input.atMs,
        current: input.replicas,
        wanted: blind ? null : Math.max(reactive ?? 0, predicted),
        minReplicas: input.minReplicas ?? settings.minReplicas,
        maxReplicas: settings.maxReplicas,
      });
      return hpa.answer;
    },
  };
}
