import { DEFAULT_BEHAVIOR, type Behavior, type Stamped } from './behavior.ts';
import {
  HPA_SYNC_SECONDS,
  newHpaState,
  proposeByUtilization,
  settle,
  syncDue,
  type HpaInput,
  type HpaState,
} from './hpa.ts';
import {
  holtWintersForecast,
  newHoltWintersState,
  type HoltWintersSettings,
  type HoltWintersState,
} from './holt-winters.ts';

export interface PredictiveHpaSettings {
  readonly targetUtilization: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Recommendations the line is drawn through. */
  readonly historySize?: number;
  readonly lookAheadSeconds?: number;
  /** In place of the line: a season that repeats, forecast one sync ahead. */
  readonly holtWinters?: HoltWintersSettings;
  readonly decision?: 'maximum' | 'minimum' | 'mean' | 'median';
  readonly behavior?: Behavior;
}

/** Plain JSON. */
export interface PredictiveHpaState {
  hpa: HpaState;
  history: Stamped[];
  seasons: HoltWintersState;
}

const newPredictiveHpaState = (): PredictiveHpaState => ({
  hpa: newHpaState(),
  history: [],
  seasons: newHoltWintersState(),
});

/** Ordinary least squares of replicas on time, read `aheadMs` past `nowMs`, rounded up. */
export function linearForecast(
  history: readonly Stamped[],
  nowMs: number,
  aheadMs: number,
): number | null {
  const last = history.at(-1);
  if (last === undefined) return null;
  if (history.length < 2) return last[1];
  let x = 0;
  let y = 0;
  let xx = 0;
  let xy = 0;
  for (const [atMs, replicas] of history) {
    const seconds = (atMs - nowMs - aheadMs) / 1000;
    x += seconds;
    y += replicas;
    xx += seconds * seconds;
    xy += seconds * replicas;
  }
  const n = history.length;
  const spread = n * xx - x * x;
  if (spread === 0) return last[1];
  const intercept = (y * xx - x * xy) / spread;
  return Math.max(0, Math.ceil(intercept - 1e-9));
}

function combine(how: PredictiveHpaSettings['decision'], values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const pick = (i: number): number => sorted[i] ?? 0;
  switch (how ?? 'maximum') {
    case 'maximum':
      return pick(sorted.length - 1);
    case 'minimum':
      return pick(0);
    case 'mean':
      return Math.round(sorted.reduce((a, b) => a + b, 0) / sorted.length);
    case 'median':
      return Math.trunc((pick(Math.floor(middle)) + pick(Math.ceil(middle))) / 2);
  }
}

/** What the model makes of its history and the newest recommendation. */
function predict(
  settings: PredictiveHpaSettings,
  state: PredictiveHpaState,
  atMs: number,
  calculated: number,
): number {
  const { holtWinters } = settings;
  if (holtWinters !== undefined) return holtWintersForecast(state.seasons, calculated, holtWinters);
  const { history } = state;
  history.push([atMs, calculated]);
  if (history.length > (settings.historySize ?? 6)) history.shift();
  return linearForecast(history, atMs, (settings.lookAheadSeconds ?? 10) * 1000) ?? calculated;
}

/**
 * Predictive Horizontal Pod Autoscaler: an HPA whose own recommendations are extrapolated by a line
 * or by Holt-Winters; the larger wins. It learns its own lag, and looks 10 s (line) or one sync
 * (Holt-Winters) ahead where a pod needs 30 s. A sync without a metric leaves no sample, so a gap
 * shifts the season. Source: jthomperoo/predictive-horizontal-pod-autoscaler.
 */
export function createPredictiveHpa(
  settings: PredictiveHpaSettings,
  state: PredictiveHpaState = newPredictiveHpaState(),
) {
  return {
    state,
    decide(input: HpaInput): number {
      const { hpa } = state;
      if (!syncDue(hpa, input.atMs, HPA_SYNC_SECONDS)) return hpa.answer;
      hpa.syncedAtMs = input.atMs;
      const calculated = proposeByUtilization(input, settings.targetUtilization);
      const wanted =
        calculated === null
          ? null
          : combine(settings.decision, [
              calculated,
              predict(settings, state, input.atMs, calculated),
            ]);
      hpa.answer = settle(hpa, settings.behavior ?? DEFAULT_BEHAVIOR, {
        atMs: input.atMs,
        current: input.replicas,
        wanted,
        minReplicas: input.minReplicas ?? settings.minReplicas,
        maxReplicas: settings.maxReplicas,
      });
      return hpa.answer;
    },
  };
}
