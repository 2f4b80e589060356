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

export interface PredictiveHpaSettings {
  readonly targetUtilization: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Recommendations the line is drawn through. */
  readonly historySize?: number;
  readonly lookAheadSeconds?: number;
  readonly decision?: 'maximum' | 'minimum' | 'mean' | 'median';
  readonly behavior?: Behavior;
}

/** Plain JSON. */
export interface PredictiveHpaState {
  hpa: HpaState;
  history: Stamped[];
}

const newPredictiveHpaState = (): PredictiveHpaState => ({
  hpa: newHpaState(),
  history: [],
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
      return Math.trunc(sorted.reduce((a, b) => a + b, 0) / sorted.length);
    case 'median':
      return Math.trunc((pick(Math.floor(middle)) + pick(Math.ceil(middle))) / 2);
  }
}

/**
 * Predictive Horizontal Pod Autoscaler with its linear model: an HPA whose own recommendations are
 * extrapolated; the larger wins. It learns its own lag, and looks 10 s ahead where a pod needs 30.
 * Source: jthomperoo/predictive-horizontal-pod-autoscaler.
 */
export function createPredictiveHpa(
  settings: PredictiveHpaSettings,
  state: PredictiveHpaState = newPredictiveHpaState(),
) {
  const historySize = settings.historySize ?? 6;
  const aheadMs = (settings.lookAheadSeconds ?? 10) * 1000;
  return {
    state,
    decide(input: HpaInput): number {
      const { hpa, history } = state;
      if (!syncDue(hpa, input.atMs, HPA_SYNC_SECONDS)) return hpa.answer;
      hpa.syncedAtMs = input.atMs;
      const calculated = proposeByUtilization(input, settings.targetUtilization);
      let wanted: number | null = null;
      if (calculated !== null) {
        history.push([input.atMs, calculated]);
        if (history.length > historySize) history.shift();
        const predicted = linearForecast(history, input.atMs, aheadMs) ?? calculated;
        wanted = combine(settings.decision, [calculated, predicted]);
      }
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
