import { DEFAULT_BEHAVIOR } from './behavior.ts';
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
}

/** Makes a forecast of a rate from its past minutes. */
export interface Predictor {
  readonly refreshMinutes: number;
  /** Takes the mean rate of the `minutes` minutes from `atMs` on; null: none was measured. */
  keep(rate: number | null, minutes: number, atMs: number): void;
  /** One period from now on, a value a minute; empty: no forecast. */
  forecast(): number[];
}

export interface CraneInput extends HpaInput {
  readonly requestsPerSecond: number | null;
}

interface CraneState {
  hpa: HpaState;
  /** The minute that runs, since the epoch, and what was measured in it. */
  minute: number;
  sum: number;
  count: number;
  /** One period of forecast from `forecastFrom` (minute since the epoch); empty: no forecast. */
  forecast: number[];
  forecastFrom: number;
}

function measure(state: CraneState, input: CraneInput, predictor: Predictor): void {
  const minute = Math.floor(input.atMs / 60_000);
  if (state.minute >= 0 && minute > state.minute) {
    const rate = state.count > 0 ? state.sum / state.count : null;
    predictor.keep(rate, minute - state.minute, state.minute * 60_000);
    state.sum = state.count = 0;
    if (minute - state.forecastFrom >= predictor.refreshMinutes) {
      state.forecast = predictor.forecast();
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
export function createCrane(settings: CraneSettings, predictor: Predictor) {
  const windowSeconds = settings.predictionWindowSeconds ?? 3600;
  const state: CraneState = {
    hpa: newHpaState(),
    minute: -1,
    sum: 0,
    count: 0,
    forecast: [],
    forecastFrom: 0,
  };
  return {
    decide(input: CraneInput): number {
      const { hpa } = state;
      if (!syncDue(hpa, input.atMs, HPA_SYNC_SECONDS)) return hpa.answer;
      hpa.syncedAtMs = input.atMs;
      measure(state, input, predictor);
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
