import { costAtValue, geoMeanRatio, ratioOf, readCurve, type Reading } from './curve.ts';
import { at, mean, quantile, sum } from './numbers.ts';
import { createRandom } from './random.ts';
import {
  changesPerDay,
  drawWeights,
  marksOf,
  valueOf,
  type Mark,
  type Metric,
  type Sheet,
  type Weights,
} from './sheet.ts';

export const EQUALS = ['meanCost', 'costPerTrace', 'geoMean'] as const;
export type Equal = (typeof EQUALS)[number];

/** Everybody's marks under one weighting. */
interface Marked {
  readonly peer: readonly Mark[];
  /** Of each of our settings. */
  readonly ours: readonly (readonly Mark[])[];
}

export interface Comparison {
  readonly peerPct: number;
  readonly peerRelativeReplicaHours: number;
  /** Null: the peer undercuts our cheapest setting in the mean. */
  readonly oursPct: number | null;
  readonly ratio: number;
  readonly ci95: readonly [number, number];
  /** Our cost at the peer's violations, relative to the peer's cost; null: never reached. */
  readonly costAtEqualViolations: number | null;
  /** The ratio without the trace that weighs most. */
  readonly withoutLargest: LeftOut | null;
  /** The ratio without each trace in turn. */
  readonly leaveOneOut: readonly LeftOut[];
  /** The ratio where pods that start or drain cost nothing, to nobody. */
  readonly ratioOfReadyPods: number;
  /** Where the peer has less at its cost: traces, or the mean of them. */
  readonly lost: readonly Lost[];
  /** Traces where the curve could not be read between two settings, and why. */
  readonly notes: readonly string[];
}

/** What the peer has and what ours has with the peer's money, percent. */
export interface Lost {
  readonly trace: string;
  readonly peerPct: number;
  readonly oursPct: number;
  readonly how: Reading;
}

/** What is left of a ratio without one trace. */
export interface LeftOut {
  readonly trace: string;
  readonly ratio: number;
}

interface Values {
  readonly peer: readonly number[];
  readonly ours: readonly number[];
  readonly how: readonly Reading[];
}

/** Per trace at the peer's cost on that trace; where the peer undercuts us it counts as equal. */
function perTrace(marked: Marked, metric: Metric): Values {
  const how: Reading[] = [];
  const peer = marked.peer.map((mark) => valueOf(mark, metric));
  const ours = marked.peer.map((mark, trace) => {
    const points = marked.ours.map((marks) => pointOf(marks[trace], metric));
    const read = readCurve(points, mark.cost);
    how.push(read.how);
    return read.value ?? valueOf(mark, metric);
  });
  return { peer, ours, how };
}

function pointOf(mark: Mark | undefined, metric: Metric) {
  if (mark === undefined) throw new Error('a setting was not run on every trace');
  return { cost: mark.cost, value: valueOf(mark, metric) };
}

const meanPoints = (marked: Marked, metric: Metric) =>
  marked.ours.map((marks) => ({
    cost: mean(marks.map((mark) => mark.cost)),
    value: mean(marks.map((mark) => valueOf(mark, metric))),
  }));

/** Means over the traces, ours at the peer's mean cost. */
function atMeanCost(marked: Marked, metric: Metric): Values {
  const cost = mean(marked.peer.map((mark) => mark.cost));
  const peer = mean(marked.peer.map((mark) => valueOf(mark, metric)));
  const read = readCurve(meanPoints(marked, metric), cost);
  return { peer: [peer], ours: [read.value ?? peer], how: [read.how] };
}

const valuesFor = (marked: Marked, metric: Metric, equal: Equal): Values =>
  equal === 'meanCost' ? atMeanCost(marked, metric) : perTrace(marked, metric);

const ratioFor = (values: Values, equal: Equal): number =>
  equal === 'geoMean'
    ? geoMeanRatio(values.peer, values.ours)
    : ratioOf(sum(values.peer), sum(values.ours));

const without = (marked: Marked, trace: number): Marked => ({
  peer: marked.peer.filter((_, i) => i !== trace),
  ours: marked.ours.map((marks) => marks.filter((_, i) => i !== trace)),
});

/** Marks of a peer and of our settings under each bootstrap weighting, made once for all metrics. */
export interface Draws {
  readonly full: Marked;
  readonly drawn: readonly Marked[];
}

const BOOTSTRAP_DRAWS = 400;

export function makeWeights(oracle: Sheet, draws = BOOTSTRAP_DRAWS): Weights[] {
  const random = createRandom(20_260, 'bootstrap');
  return Array.from({ length: draws }, () => drawWeights(oracle, random));
}

/** A sheet's marks in full and under every bootstrap weighting. */
export interface MarkedSheet {
  readonly sheet: Sheet;
  readonly full: readonly Mark[];
  readonly drawn: readonly (readonly Mark[])[];
}

export const markSheet = (
  sheet: Sheet,
  oracle: Sheet,
  weights: readonly Weights[],
): MarkedSheet => ({
  sheet,
  full: marksOf(sheet, oracle),
  drawn: weights.map((weight) => marksOf(sheet, oracle, weight)),
});

/** Puts a peer beside our settings. */
export const drawsOf = (peer: MarkedSheet, ours: readonly MarkedSheet[]): Draws => ({
  full: { peer: peer.full, ours: ours.map((sheet) => sheet.full) },
  drawn: peer.drawn.map((marks, i) => ({
    peer: marks,
    ours: ours.map((sheet) => sheet.drawn[i] ?? []),
  })),
});

const WORDS: Record<Reading, string> = {
  between: '',
  cheaper: 'our settings are more than 4 % apart in cost there: the cheaper one counts',
  largest: 'ours costs less even at the largest K: that setting counts',
  undercut: 'the peer undercuts our cheapest setting: counted as equal',
};

const placeOf = (values: Values, names: readonly string[], i: number): string =>
  values.how.length > 1 ? (names[i] ?? `trace ${i}`) : 'mean';

const notesOf = (values: Values, names: readonly string[]): string[] =>
  values.how.flatMap((how, i) =>
    how === 'between' ? [] : [`${placeOf(values, names, i)}: ${WORDS[how]}`],
  );

const lostOf = (values: Values, names: readonly string[]): Lost[] =>
  values.how.flatMap((how, i) => {
    const [peerPct, oursPct] = [at(values.peer, i), at(values.ours, i)];
    return peerPct < oursPct ? [{ trace: placeOf(values, names, i), peerPct, oursPct, how }] : [];
  });

function leaveOneOut(
  marked: Marked,
  metric: Metric,
  equal: Equal,
  names: readonly string[],
): LeftOut[] {
  if (names.length < 2) return [];
  return names.map((trace, i) => ({
    trace,
    ratio: ratioFor(valuesFor(without(marked, i), metric, equal), equal),
  }));
}

/** The trace on which the peer is worst. */
function largestOf(marked: Marked, metric: Metric): number {
  const weights = marked.peer.map((mark) => valueOf(mark, metric));
  return weights.indexOf(Math.max(...weights));
}

const withCost = (marked: Marked, costOf: (mark: Mark) => number): Marked => {
  const change = (mark: Mark): Mark => ({ ...mark, cost: costOf(mark) });
  return { peer: marked.peer.map(change), ours: marked.ours.map((marks) => marks.map(change)) };
};

/** The same peer with `factor` of its money: what ours does with that much. */
export function withMoney(draws: Draws, factor: number): Draws {
  const scaled = (marked: Marked): Marked => ({
    ...marked,
    peer: marked.peer.map((mark) => ({ ...mark, cost: mark.cost * factor })),
  });
  return { full: scaled(draws.full), drawn: draws.drawn.map(scaled) };
}

/** Compares a peer with our curve: one row of the table. */
export function compare(
  draws: Draws,
  metric: Metric,
  equal: Equal,
  names: readonly string[],
): Comparison {
  const values = valuesFor(draws.full, metric, equal);
  const peerCost = mean(draws.full.peer.map((mark) => mark.cost));
  const ratios = draws.drawn.map((marked) => ratioFor(valuesFor(marked, metric, equal), equal));
  const peerPct = mean(values.peer);
  const left = leaveOneOut(draws.full, metric, equal, names);
  const cost = costAtValue(meanPoints(draws.full, metric), peerPct);
  return {
    peerPct,
    peerRelativeReplicaHours: peerCost,
    oursPct: values.how.every((how) => how === 'undercut') ? null : mean(values.ours),
    ratio: ratioFor(values, equal),
    ci95: [quantile(ratios, 0.025), quantile(ratios, 0.975)],
    costAtEqualViolations: cost === null ? null : cost / peerCost,
    withoutLargest: left[largestOf(draws.full, metric)] ?? null,
    leaveOneOut: left,
    ratioOfReadyPods: ratioFor(
      valuesFor(
        withCost(draws.full, (mark) => mark.readyCost),
        metric,
        equal,
      ),
      equal,
    ),
    lost: lostOf(values, names),
    notes: notesOf(values, names),
  };
}

/** Settings that change replicas at most 3 × as often as HPA-70 in the mean, KPA-70 anywhere. */
export function cappedOnly<T extends { readonly sheet: Sheet }>(
  ours: readonly T[],
  hpa70: Sheet,
  kpa70: Sheet,
): T[] {
  const mostInMean = 3 * mean(changesPerDay(hpa70));
  const most = changesPerDay(kpa70);
  return ours.filter(({ sheet }) => {
    const changes = changesPerDay(sheet);
    return mean(changes) <= mostInMean && changes.every((value, i) => value <= at(most, i));
  });
}
