// The price of a violating minute: K = K₀ · e^λ, with λ a slow integral controller on how fast the
// error budget is burnt.
import {
  CHURN_PRICE,
  DEFAULT_BUDGET_PERCENT,
  FLOOR_CHURN,
  LAMBDA_GAIN,
  LAMBDA_MAX,
  LAMBDA_WORTH,
  LATE_MINUTE,
  PRICE_AT_DEFAULT,
  PRICE_PER_SPEND,
  SPEND_MAX,
} from './constants.ts';
import type { PolicySpec } from '../events/index.ts';
import { at, clamp } from './maths.ts';
import type { Model } from './model.ts';
import type { Sample } from './types.ts';

const MINUTE_MS = 60_000;
/** Budget is judged over about three seasons, of two hours at least: shorter ones never have minutes enough. */
const BURN_SEASONS = 3;
const BURN_SEASON_MIN_SECONDS = 7200;
/** Less room than this (3 % of the cost) buys nothing that could be seen. */
const ROOM_MIN = 0.2;
/** Fewer minutes than this say nothing about a budget of parts per thousand. */
const MINUTES_MIN = 60;

/** K₀ of a policy: half the budget is twice the price. */
export const basePrice = ({ fixed }: Model, { slo }: PolicySpec): number =>
  fixed?.k0 ?? (PRICE_AT_DEFAULT * DEFAULT_BUDGET_PERCENT) / slo.violatingMinutesPercent;

/**
 * Price of a scale-down, pod-minutes of a fleet that is one pod in the mean: it follows the root of K₀,
 * so that a tighter budget buys pods and not changes, of which there are then about as many at any
 * price.
 */
export function churnPrice(model: Model, spec: PolicySpec): number {
  const rooted = CHURN_PRICE * Math.sqrt(basePrice(model, spec) / PRICE_AT_DEFAULT);
  const price = model.fixed?.churn ?? rooted;
  return spec.mode === 'floor' ? FLOOR_CHURN * price : price;
}

/** Weight of a minute of late requests against a violating minute: each in its own budget. */
export const lateWeight = (spec: PolicySpec): number =>
  spec.slo.violatingMinutesPercent / spec.slo.lateRequestsPercent;

/** K of a policy as burnt budgets have moved it. */
export const priceOf = (model: Model, spec: PolicySpec): number =>
  basePrice(model, spec) * Math.exp(model.price.lambda);

/** Share of the budget that is burnt, the larger of minutes and requests; null until known. */
export function budgetBurn(model: Model, spec: PolicySpec): number | null {
  const [minutes, violating, requests, late] = model.price.burn;
  if (minutes === undefined || minutes < MINUTES_MIN) return null;
  const byMinute = (100 * (violating ?? 0)) / minutes / spec.slo.violatingMinutesPercent;
  const byRequest = (100 * (late ?? 0)) / Math.max(1, requests ?? 0) / spec.slo.lateRequestsPercent;
  return Math.max(byMinute, byRequest);
}

/** Counts the requests of one fresh sample into its minute. */
export function countOutcome(
  model: Model,
  sample: Sample,
  seconds: number,
  spec: PolicySpec,
): void {
  const { minute } = model.price;
  const start = Math.floor(sample.atMs / MINUTE_MS);
  if (at(minute, 0) !== start) {
    closeMinute(model, spec);
    minute[0] = start;
    minute[1] = 0;
    minute[2] = 0;
  }
  const requests = sample.requests ?? (sample.requestsPerSecond ?? 0) * seconds;
  if (sample.lateRatio === null) return;
  minute[1] = at(minute, 1) + requests;
  minute[2] = at(minute, 2) + requests * Math.min(1, sample.lateRatio);
}

/** The season by which budgets are judged, seconds. */
const burnSeason = ({ seasonSeconds }: PolicySpec): number =>
  Math.max(seasonSeconds, BURN_SEASON_MIN_SECONDS);

function closeMinute(model: Model, spec: PolicySpec): void {
  const { minute, burn } = model.price;
  const [, requests, late] = minute;
  if (requests === undefined || late === undefined || requests <= 0) return;
  const keep = Math.exp(-60 / (BURN_SEASONS * burnSeason(spec)));
  const violating = late > LATE_MINUTE * requests ? 1 : 0;
  [1, violating, requests, late].forEach((value, i) => {
    burn[i] = at(burn, i) * keep + value;
  });
}

/** Notes the risk at K and at twice K, which tells whether more money buys anything. */
export function noteWorth(model: Model, risk: number, riskAtDouble: number): void {
  const { worth } = model.price;
  worth[0] = at(worth, 0) * 0.999 + risk;
  worth[1] = at(worth, 1) * 0.999 + riskAtDouble;
}

/** Notes what was paid for since the last sample, beside the pods an HPA would have had. */
export function noteSpend(model: Model, sample: Sample, hpaPods: number, seconds: number): void {
  const { ready, starting, draining } = sample.replicas;
  const keep = Math.exp(-seconds / model.seasonSeconds);
  [ready + starting + draining, hpaPods].forEach((pods, i) => {
    model.price.spent[i] = at(model.price.spent, i) * keep + pods * seconds;
  });
}

/** How far log K may rise before the fleet costs more than it may beside an HPA's; negative: fall. */
function roomToSpend({ price }: Model): number {
  const [ours, hpa] = [at(price.spent, 0), at(price.spent, 1)];
  return hpa > 0 ? PRICE_PER_SPEND * Math.log((SPEND_MAX * hpa) / Math.max(1e-9, ours)) : 0;
}

/** Moves λ, at most once in a quarter of a season, by what the budget asks and the HPA's cost allows. */
export function adaptPrice(model: Model, spec: PolicySpec, nowMs: number): void {
  const { price } = model;
  if (price.updatedMs === 0) price.updatedMs = nowMs;
  if (!model.adaptPrice || nowMs - price.updatedMs < burnSeason(spec) * 250) return;
  price.updatedMs = nowMs;
  const burn = budgetBurn(model, spec);
  if (burn !== null) follow(model, burn);
}

function follow(model: Model, burn: number): void {
  const { price } = model;
  const buys = 1 - at(price.worth, 1) / Math.max(1e-12, at(price.worth, 0));
  const room = roomToSpend(model);
  const stuck = buys < LAMBDA_WORTH || price.lambda >= LAMBDA_MAX || room < ROOM_MIN;
  price.reachable = burn <= 1.1 || !stuck;
  if (burn > 1 && buys < LAMBDA_WORTH) return;
  // Aims at 0.7 of the budget; a burn of nothing counts as an eighth, or one quiet day would
  // drop the price to the bottom.
  const error = Math.min(room, Math.log(Math.max(0.125, burn) / 0.7));
  price.lambda = clamp(price.lambda + LAMBDA_GAIN * error, -LAMBDA_MAX, LAMBDA_MAX);
}
