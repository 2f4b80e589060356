// What the main chart shows beside its lines: bands of the forecast, pods that are starting, seconds in
// which the SLO was violated, the decisions, and where now is.
import type uPlot from 'uplot';
import type { Series, TargetView } from '../view.ts';
import type { Theme } from './chart-kit.ts';

type Path = NonNullable<TargetView['forecast']>['path'];
type Quantile = 'q02' | 'q10' | 'q50' | 'q90' | 'q98';

const MARK = 5;
const LANE = 11;

/** Pixels of the canvas for a time and a value. */
const at = (u: uPlot, atMs: number, value: number): [number, number] => [
  u.valToPos(atMs / 1000, 'x', true),
  u.valToPos(value, 'y', true),
];

const clipped = (u: uPlot, paint: (ctx: CanvasRenderingContext2D) => void): void => {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.setLineDash([]); // the lines before may have been dashed
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paint(ctx);
  ctx.restore();
};

/**
 * The forecast reaches to the control delay from now, also where routine holds sent none since: its
 * last value then stands for the rest. The key tells when it was made.
 */
export function forecastPath(target: TargetView | undefined, nowMs: number): Path {
  const forecast = target?.forecast;
  const last = forecast?.path.at(-1);
  if (forecast === null || forecast === undefined || last === undefined) return [];
  const endMs = nowMs + forecast.horizonSeconds * 1000;
  return last.atMs < endMs ? [...forecast.path, { ...last, atMs: endMs }] : forecast.path;
}

function band(u: uPlot, path: Path, edges: { low: Quantile; high: Quantile; fill: string }): void {
  const { ctx } = u;
  ctx.beginPath();
  for (const point of path) ctx.lineTo(...at(u, point.atMs, point[edges.high]));
  for (const point of path.toReversed()) ctx.lineTo(...at(u, point.atMs, point[edges.low]));
  ctx.closePath();
  ctx.fillStyle = edges.fill;
  ctx.fill();
}

/** Bands of 98 and 80 % from the moment of the forecast on, under the lines. */
export function paintBands(u: uPlot, path: Path, theme: Theme): void {
  if (path.length === 0) return;
  clipped(u, () => {
    band(u, path, { low: 'q02', high: 'q98', fill: theme.band98 });
    band(u, path, { low: 'q10', high: 'q90', fill: theme.band80 });
  });
}

export function paintMedian(u: uPlot, path: Path, theme: Theme): void {
  if (path.length === 0) return;
  clipped(u, (ctx) => {
    ctx.beginPath();
    for (const point of path) ctx.lineTo(...at(u, point.atMs, point.q50));
    ctx.strokeStyle = theme.forecast;
    ctx.lineWidth = 1.75 * devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.stroke();
  });
}

function hatch(ctx: CanvasRenderingContext2D, color: string): CanvasPattern | null {
  const size = Math.round(7 * devicePixelRatio);
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext('2d');
  if (pen === null) return null;
  pen.strokeStyle = color;
  pen.lineWidth = 1.25 * devicePixelRatio;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return ctx.createPattern(tile, 'repeat');
}

/** Capacity that is on its way, hatched above the capacity that is there. */
export function paintStarting(u: uPlot, series: Series, theme: Theme): void {
  clipped(u, (ctx) => {
    const pattern = hatch(ctx, theme.ours);
    if (pattern === null) return;
    ctx.fillStyle = pattern;
    for (const [row, atMs] of series.atMs.entries()) {
      const starting = series.capacityStarting[row] ?? 0;
      const ready = series.capacityReady[row] ?? 0;
      if (starting <= 0) continue;
      const [left, top] = at(u, atMs, ready + starting);
      const [right, bottom] = at(u, series.atMs[row + 1] ?? series.toMs, ready);
      ctx.fillRect(left, top, Math.max(right - left, 1), bottom - top);
    }
  });
}

/** Time in which the SLO was violated, on the base line. */
export function paintViolations(u: uPlot, series: Series, theme: Theme): void {
  clipped(u, (ctx) => {
    ctx.fillStyle = theme.harm;
    const height = MARK * devicePixelRatio;
    const bottom = u.bbox.top + u.bbox.height;
    for (const [row, atMs] of series.atMs.entries()) {
      const seconds = series.violatingSeconds[row] ?? 0;
      if (seconds <= 0) continue;
      const [right] = at(u, atMs, 0);
      const [left] = at(u, atMs - seconds * 1000, 0);
      ctx.fillRect(left, bottom - height, Math.max(right - left, 2 * devicePixelRatio), height);
    }
  });
}

/**
 * One triangle per change of replicas in a lane at the top: up for more, down for fewer, grey where
 * it was not made.
 */
export function paintDecisions(u: uPlot, series: Series, theme: Theme, selected: string): void {
  const { ctx, bbox } = u;
  clipped(u, () => {
    for (const { id, atMs, from, to, made } of series.changes) {
      const colour = made ? theme.ours : theme.muted;
      const x = u.valToPos(atMs / 1000, 'x', true);
      const y = bbox.top + LANE * devicePixelRatio;
      const size = (id === selected ? MARK + 2 : MARK) * devicePixelRatio;
      const tip = to > from ? -size : size;
      ctx.beginPath();
      ctx.moveTo(x, y + tip);
      ctx.lineTo(x - size, y - tip * 0.7);
      ctx.lineTo(x + size, y - tip * 0.7);
      ctx.closePath();
      ctx.fillStyle = to > from ? colour : theme.surface;
      ctx.strokeStyle = colour;
      ctx.lineWidth = (id === selected ? 2 : 1.25) * devicePixelRatio;
      ctx.fill();
      ctx.stroke();
    }
  });
}

/** The line where now is, and the word beside it where no line of the past runs. */
export function paintNow(u: uPlot, nowMs: number, theme: Theme): void {
  const x = Math.round(u.valToPos(nowMs / 1000, 'x', true)) + 0.5;
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  const { ctx } = u;
  ctx.save();
  ctx.fillStyle = theme.muted;
  ctx.font = `${String(11 * devicePixelRatio)}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.fillText('now', x + 4 * devicePixelRatio, u.bbox.top + LANE * devicePixelRatio);
  ctx.restore();
  clipped(u, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
  });
}

/** The change nearest to a place on the chart, within reach of a finger. */
export function changeAt(
  u: uPlot,
  series: Series,
  left: number,
): Series['changes'][number] | undefined {
  const distance = (atMs: number): number => Math.abs(u.valToPos(atMs / 1000, 'x') - left);
  const nearest = series.changes.toSorted((a, b) => distance(a.atMs) - distance(b.atMs))[0];
  return nearest !== undefined && distance(nearest.atMs) < 12 ? nearest : undefined;
}
