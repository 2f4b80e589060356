// The season: mean log demand per part of the day (or of whatever the policy calls a season).
import { at } from './maths.ts';
import type { Model } from './model.ts';

/** At most so many parts: five minutes of a day. */
const SEASON_BINS_MAX = 288;
/** Weight of the newest season: the profile is a mean over about three. */
const NEWEST = 0.35;

/** Number of parts for a season: none is shorter than a block. */
export const seasonBins = (seasonSeconds: number, blockSeconds: number): number =>
  Math.max(4, Math.min(SEASON_BINS_MAX, Math.floor(seasonSeconds / blockSeconds)));

const phase = (model: Model, timeMs: number, seasonSeconds: number): number => {
  const share = timeMs / 1000 / seasonSeconds;
  return (share - Math.floor(share)) * model.season.bins.length;
};

/** Adds a log demand. A part of the season is written when the clock has left it. */
export function addToSeason(
  model: Model,
  timeMs: number,
  value: number,
  seconds: { season: number; elapsed: number },
): void {
  const { season } = model;
  if (season.bins.length === 0) return;
  const bin = Math.floor(phase(model, timeMs, seconds.season));
  if (bin !== season.bin) {
    if (season.bin >= 0 && season.weight > 0) close(season);
    season.bin = bin;
    season.sum = 0;
    season.weight = 0;
  }
  season.sum += value * seconds.elapsed;
  season.weight += seconds.elapsed;
}

function close(season: Model['season']): void {
  const mean = season.sum / season.weight;
  const visits = at(season.visits, season.bin);
  const gain = Math.max(NEWEST, 1 / (visits + 1));
  const old = at(season.bins, season.bin);
  // Four decimals are 0.01 % of demand and keep the document small.
  season.bins[season.bin] = Math.round((old + gain * (mean - old)) * 1e4) / 1e4;
  season.visits[season.bin] = Math.min(99, visits + 1);
}

/** Log demand of the season at a time, interpolated between parts; null until it was seen once. */
export function seasonAt(model: Model, timeMs: number): number | null {
  const { bins, visits } = model.season;
  if (bins.length === 0 || model.seasonSeconds === 0) return null;
  const place = phase(model, timeMs, model.seasonSeconds) - 0.5 + bins.length;
  const low = Math.floor(place) % bins.length;
  const high = (low + 1) % bins.length;
  if (at(visits, low) === 0 || at(visits, high) === 0) return null;
  const share = place - Math.floor(place);
  return at(bins, low) * (1 - share) + at(bins, high) * share;
}
