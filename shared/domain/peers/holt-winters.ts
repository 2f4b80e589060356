import { at, mean, zeros } from '../maths.ts';

/** The `holtWinters` block of a Predictive HPA; trend and season are additive. */
export interface HoltWintersSettings {
  /** Length of a season in samples; the model gets one sample per sync. */
  readonly seasonalPeriods: number;
  /** Whole seasons that are kept; the oldest goes when one more is complete. */
  readonly storedSeasons: number;
  /** Weights of the newest sample in level, trend and season. */
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

/** Plain JSON. What was fitted goes on sample by sample until the start values change. */
export interface HoltWintersState {
  history: number[];
  fit: HoltWintersFit | null;
}

interface HoltWintersFit {
  level: number;
  trend: number;
  /** Of each phase of the season. */
  seasonal: number[];
  /** Samples that went in. */
  count: number;
  /** Samples that the start values were made of. */
  startedOn: number;
}

export const newHoltWintersState = (): HoltWintersState => ({ history: [], fit: null });

const LEVEL_POINTS = 10;
const MOST_START_SEASONS = 5;

/** Samples that statsmodels needs for its start values: ten of them outlive the moving average. */
const neededSamples = (period: number): number =>
  Math.max(2 * period, LEVEL_POINTS + 2 * Math.floor(period / 2));

/** Samples that the start values are made of: two to five seasons. */
function startSamples(count: number, period: number): number {
  const least = Math.ceil((LEVEL_POINTS + 2 * Math.floor(period / 2)) / period);
  const seasons = Math.max(Math.min(MOST_START_SEASONS, Math.floor(count / period)), least);
  return Math.min(count, seasons * period);
}

/** Moving average over one season, centred; the first value belongs to sample `period / 2`. */
function movingAverage(series: readonly number[], period: number): number[] {
  const even = period % 2 === 0;
  const half = Math.floor(period / 2);
  const averages: number[] = [];
  let sum = 0;
  for (let i = 0; i < period; i += 1) sum += at(series, i);
  for (let i = half; i + half < series.length; i += 1) {
    if (!even) {
      averages.push(sum / period);
      sum += (series[i + half + 1] ?? 0) - at(series, i - half);
      continue;
    }
    const next = sum + at(series, i + half) - at(series, i - half);
    averages.push((sum + next) / (2 * period));
    sum = next;
  }
  return averages;
}

/** Intercept and slope of the line through the values at 1, 2, 3 … */
function lineThrough(values: readonly number[]): { level: number; trend: number } {
  const x = (values.length + 1) / 2;
  const y = mean(values);
  let spread = 0;
  let slope = 0;
  values.forEach((value, i) => {
    spread += (i + 1 - x) ** 2;
    slope += (i + 1 - x) * (value - y);
  });
  return { level: y - (slope / spread) * x, trend: slope / spread };
}

/** Mean distance from the moving average by phase, around zero. */
function seasonOf(series: readonly number[], averages: readonly number[], period: number) {
  const half = Math.floor(period / 2);
  const sums = zeros(period);
  const counts = zeros(period);
  averages.forEach((average, i) => {
    const phase = (i + half) % period;
    sums[phase] = at(sums, phase) + at(series, i + half) - average;
    counts[phase] = at(counts, phase) + 1;
  });
  const effects = sums.map((sum, phase) => sum / at(counts, phase));
  const middle = mean(effects);
  return effects.map((effect) => effect - middle);
}

/** Start values as statsmodels' heuristic has them (Hyndman et al. 2008, section 2.6). */
function startOf(history: readonly number[], period: number): HoltWintersFit {
  const startedOn = startSamples(history.length, period);
  const series = history.slice(0, startedOn);
  const averages = movingAverage(series, period);
  const line = lineThrough(averages.slice(0, LEVEL_POINTS));
  return { ...line, seasonal: seasonOf(series, averages, period), count: 0, startedOn };
}

function smooth(fit: HoltWintersFit, value: number, settings: HoltWintersSettings): void {
  const { alpha, beta, gamma } = settings;
  const phase = fit.count % fit.seasonal.length;
  const season = at(fit.seasonal, phase);
  const expected = fit.level + fit.trend;
  const level = alpha * (value - season) + (1 - alpha) * expected;
  fit.trend = beta * (level - fit.level) + (1 - beta) * fit.trend;
  fit.seasonal[phase] = gamma * (value - expected) + (1 - gamma) * season;
  fit.level = level;
  fit.count += 1;
}

/** The fit on everything that is kept: from its start when that changed, or one sample on. */
function fitted(state: HoltWintersState, settings: HoltWintersSettings): HoltWintersFit {
  const { history } = state;
  const startedOn = startSamples(history.length, settings.seasonalPeriods);
  const known = state.fit;
  const fit =
    known?.startedOn === startedOn && known.count <= history.length
      ? known
      : startOf(history, settings.seasonalPeriods);
  for (let i = fit.count; i < history.length; i += 1) smooth(fit, at(history, i), settings);
  state.fit = fit;
  return fit;
}

function prune(state: HoltWintersState, settings: HoltWintersSettings): void {
  const { seasonalPeriods, storedSeasons } = settings;
  const seasons = Math.floor(state.history.length / seasonalPeriods) - storedSeasons;
  if (seasons <= 0) return;
  state.history.splice(0, seasons * seasonalPeriods);
  state.fit = null;
}

/**
 * Adds one sample and forecasts the next, rounded up: exponential smoothing of level, trend and
 * season with fixed weights over the whole of what is kept. 0 while there are too few samples, as
 * the Predictive HPA has it. Source: its Holt-Winters model and the parts of statsmodels it calls.
 */
export function holtWintersForecast(
  state: HoltWintersState,
  value: number,
  settings: HoltWintersSettings,
): number {
  state.history.push(value);
  let forecast = 0;
  if (state.history.length >= neededSamples(settings.seasonalPeriods)) {
    const { level, trend, seasonal, count } = fitted(state, settings);
    forecast = Math.ceil(level + trend + at(seasonal, count % seasonal.length) - 1e-9);
  }
  prune(state, settings);
  return forecast;
}
