import { createHpa, newHpaState, type HpaInput, type HpaState } from './hpa.ts';

export interface AwsPredictiveSettings {
  /** Of the dynamic policy beside the forecast. */
  readonly targetUtilization: number;
  /** Requests/s one replica shall carry by the forecast. */
  readonly targetPerReplica: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Instances are there this long before the hour they are forecast for. */
  readonly bufferSeconds?: number;
}

export interface AwsPredictiveInput extends HpaInput {
  readonly requestsPerSecond: number | null;
}

/** Plain JSON. */
export interface AwsPredictiveState {
  hpa: HpaState;
  /** Mean rate of past hours, newest last; null: nothing measured. */
  hours: (number | null)[];
  /** Hour since the epoch that is being measured. */
  hour: number;
  sum: number;
  count: number;
  /** Forecast rates of the hours from `forecastFrom` on. */
  forecast: number[];
  forecastFrom: number;
}

const newAwsPredictiveState = (): AwsPredictiveState => ({
  hpa: newHpaState(),
  hours: [],
  hour: -1,
  sum: 0,
  count: 0,
  forecast: [],
  forecastFrom: 0,
});

const HOUR_MS = 3_600_000;
const HISTORY_HOURS = 14 * 24;
const NEEDED_HOURS = 24;
const FORECAST_HOURS = 48;
const REFRESH_HOURS = 6;

const meanOf = (values: readonly (number | null | undefined)[]): number | null => {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
};

/** The same hour of the last three days and of the last two weeks, weighed alike. */
function forecastHour(hours: readonly (number | null)[], ahead: number): number {
  const back = (n: number): number | null | undefined => hours[hours.length + ahead - n];
  const days = ahead < 24 ? [24, 48, 72] : [48, 72, 96];
  const daily = meanOf(days.map(back));
  const weekly = meanOf([168, 336].map(back));
  return meanOf([daily, weekly]) ?? 0;
}

function measure(state: AwsPredictiveState, input: AwsPredictiveInput): void {
  const hour = Math.floor(input.atMs / HOUR_MS);
  if (state.hour >= 0 && hour > state.hour) {
    state.hours.push(state.count > 0 ? state.sum / state.count : null);
    for (let i = state.hour + 1; i < hour; i += 1) state.hours.push(null);
    state.hours.splice(0, Math.max(0, state.hours.length - HISTORY_HOURS));
    state.sum = state.count = 0;
    if (state.hours.length >= NEEDED_HOURS && hour - state.forecastFrom >= REFRESH_HOURS) {
      state.forecastFrom = hour;
      state.forecast = Array.from({ length: FORECAST_HOURS }, (_, i) =>
        forecastHour(state.hours, i),
      );
    }
  }
  state.hour = hour;
  if (input.requestsPerSecond === null) return;
  state.sum += input.requestsPerSecond;
  state.count += 1;
}

/**
 * Predictive scaling in the style of AWS Auto Scaling: hourly forecast for 48 h from at least 24 h
 * and at most 14 d, made anew every 6 h, scale-out only, beside a dynamic policy (here: an HPA).
 * The forecaster itself is not public; a seasonal mean stands for it.
 */
export function createAwsPredictive(
  settings: AwsPredictiveSettings,
  state: AwsPredictiveState = newAwsPredictiveState(),
) {
  const hpa = createHpa(settings, state.hpa);
  const bufferMs = (settings.bufferSeconds ?? 300) * 1000;
  return {
    state,
    decide(input: AwsPredictiveInput): number {
      measure(state, input);
      const rateAt = (atMs: number): number =>
        state.forecast[Math.floor(atMs / HOUR_MS) - state.forecastFrom] ?? 0;
      const rate = Math.max(rateAt(input.atMs), rateAt(input.atMs + bufferMs));
      const planned = Math.ceil(rate / settings.targetPerReplica - 1e-9);
      const floor = Math.max(input.minReplicas ?? settings.minReplicas, planned);
      return hpa.decide({ ...input, minReplicas: Math.min(settings.maxReplicas, floor) });
    },
  };
}
