import type { Judgement } from './judge.ts';
import type { SummaryRow } from './report.ts';

/** A stated improvement: ours divides the peer's value by this at equal cost. */
interface Bar {
  readonly condition: string;
  readonly metric: SummaryRow['metric'];
  readonly equal: SummaryRow['equal'];
  readonly churn: SummaryRow['churn'];
  readonly ratios: Readonly<Record<string, number>>;
}

const key = (row: Pick<SummaryRow, 'path' | 'startupSeconds' | 'telemetry'>): string =>
  `${row.path} ${row.startupSeconds} ${row.telemetry}`;

const ratios = (
  hpa70: number,
  keda70: number,
  kpa70: number | null = null,
  others: readonly number[] = [],
): Record<string, number> => {
  const names = ['HPA-60', 'KPA-60', 'AWS-70'];
  return {
    'HPA-70': hpa70,
    'KEDA-70': keda70,
    ...(kpa70 === null ? {} : { 'KPA-70': kpa70 }),
    ...Object.fromEntries(others.map((ratio, i) => [names[i] ?? '', ratio])),
  };
};

const minutes = 'violatingMinutes';
const late = 'lateRequests';

/** The bars the project set itself on its development traces, mode `act`, s = 20 ms. */
const BARS: readonly Bar[] = [
  ['rough 30 2s', minutes, 'meanCost', 'capped', ratios(10, 8, 4, [20, 20, 10])],
  ['rough 30 2s', late, 'meanCost', 'capped', ratios(4, 4, 3, [3, 4, 3])],
  ['rough 30 2s', minutes, 'costPerTrace', 'capped', ratios(4, 3, 1.5, [8, 2, 3.5])],
  ['rough 30 2s', minutes, 'geoMean', 'capped', ratios(3, 3, 1.5)],
  ['rough 30 2s', minutes, 'meanCost', 'free', ratios(20, 18, 9, [30, 30, 15])],
  ['rough 30 15s', minutes, 'meanCost', 'free', ratios(8, 8, 4, [6, 12, 8])],
  ['rough 90 2s', minutes, 'meanCost', 'free', ratios(4, 4, 3.5, [8, 15, 4])],
  ['rough 90 2s', minutes, 'meanCost', 'capped', { ...ratios(2.8, 2.5, null, [8, 12, 3]) }],
  ['rough 30 cpu', minutes, 'meanCost', 'free', ratios(3, 3)],
  ['steps 30 2s', minutes, 'meanCost', 'free', ratios(20, 20, 12)],
].map(([condition, metric, equal, churn, wanted]) => ({
  condition,
  metric,
  equal,
  churn,
  ratios: wanted,
})) as readonly Bar[];

const PASS_SHARE = 0.8; // of the bar, by the lower end of the interval

export interface BarResult {
  readonly row: SummaryRow;
  readonly bar: number;
  readonly passed: boolean;
}

/** Rows that a bar stands for, with the verdict: passed when the interval's low end is over 0.8 ×. */
export const judge = (summary: readonly SummaryRow[]): BarResult[] =>
  summary.flatMap((row) =>
    BARS.filter(
      (bar) =>
        bar.condition === key(row) &&
        bar.metric === row.metric &&
        bar.equal === row.equal &&
        bar.churn === row.churn,
    ).flatMap((bar) => {
      const wanted = bar.ratios[row.peer];
      if (wanted === undefined) return [];
      return [{ row, bar: wanted, passed: row.ci95[0] > PASS_SHARE * wanted }];
    }),
  );

/** Peers that forecast too: ours must violate less and cost less at once, in every row. */
const OUTDONE = /^(PHPA|PHPA-HW|Crane|Crane-p99)-\d+$/;

/**
 * The bar for Predictive HPA and Crane, whatever their model: at the peer's mean cost we violate
 * less (the interval's low end says so), and at its violations we cost less. Both, or missed.
 */
export const judgeOutdone = (summary: readonly SummaryRow[]): Judgement[] =>
  summary
    .filter((row) => OUTDONE.test(row.peer) && row.metric === minutes && row.equal === 'meanCost')
    .map((row) => ({
      bar: 1,
      name: `${key(row)} ${row.churn}: cost over ${row.peer}'s at its violating minutes`,
      wanted: '< 1, and fewer at its cost',
      got: row.costAtEqualViolations ?? Infinity,
      passed: (row.costAtEqualViolations ?? Infinity) < 1 && row.ci95[0] > 1,
    }));
