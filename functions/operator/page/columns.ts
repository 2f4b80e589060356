import type { Series } from '../view.ts';

/** Columns of a series; `atMs` is the first. */
const COLUMNS = [
  'requestsPerSecond',
  'ready',
  'starting',
  'draining',
  'capacityReady',
  'capacityStarting',
  'hpaReplicas',
  'hpaCapacity',
  'latencyP95Ms',
  'lateRatio',
  'cpuUtilization',
  'violatingSeconds',
  'versusHpaPodSeconds',
] as const;

const MAX_ROWS = 4000;

/**
 * Adds newer rows in place. The window moves along, unless it begins at the beginning; what is older
 * than it, or beyond the limit, falls off.
 */
export function append(series: Series, newer: Series, fromTheBeginning: boolean): void {
  const last = series.atMs.at(-1) ?? 0;
  for (const [row, atMs] of newer.atMs.entries()) {
    if (atMs <= last) continue;
    series.atMs.push(atMs);
    for (const name of COLUMNS) series[name].push(newer[name][row] ?? null);
  }
  const moved = Math.max(0, newer.toMs - series.toMs);
  series.toMs += moved;
  if (!fromTheBeginning) series.fromMs += moved;
  const keepFrom = series.atMs.findIndex(
    (atMs) => atMs >= series.fromMs - series.stepSeconds * 1000,
  );
  const cut = Math.max(keepFrom, series.atMs.length - MAX_ROWS, 0);
  if (cut === 0) return;
  series.atMs.splice(0, cut);
  for (const name of COLUMNS) series[name].splice(0, cut);
}
