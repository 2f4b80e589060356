// Where a peer wins, and why: rows of the table in which it has less at its own cost.
import type { Lost } from './compare.ts';
import type { Reading } from './curve.ts';
import { digits, EQUAL_WORDS, METRIC_WORDS } from './markdown.ts';
import type { SummaryRow } from './report.ts';

/** What the two cost there: not all of these are a defeat at equal cost. */
const COSTS: Record<Reading, string> = {
  between: 'at equal cost',
  cheaper: 'for more than our nearest setting costs',
  largest: 'for more than our dearest setting costs',
  undercut: '',
};

const placed = ({ trace, peerPct, oursPct, how }: Lost): string =>
  `${trace}: ${digits(peerPct, 3)} % against ${digits(oursPct, 3)} %, ${COSTS[how]}`;

/** Peers that hold a fleet for what was, whether or not it comes again. */
const HOLDS = /^(PHPA|Crane|AWS|static)/;

function reasonFor({ peer, ratioOfReadyPods, lost }: SummaryRow): string {
  if (!lost.some(({ how }) => how === 'between')) {
    return 'it costs more there than the setting of ours that stands for it, and none nearer was run';
  }
  if (ratioOfReadyPods >= 1) return 'it starts and drains less; were that free, it would not win';
  return HOLDS.test(peer)
    ? 'it keeps pods for peaks that were, NimbusGuard for what its forecast says may come'
    : "it keeps the same share of its pods free at any time, NimbusGuard what the forecast's error asks for";
}

const conditionOf = (row: SummaryRow): string =>
  `${row.path}, ${row.startupSeconds} s, ${row.telemetry}, ${row.churn}`;

const sentence = (row: SummaryRow): string =>
  `- ${row.peer}, ${METRIC_WORDS[row.metric]}, ${EQUAL_WORDS[row.equal]} (${conditionOf(row)}): ÷ ${digits(row.ratio)}. ` +
  `${row.lost.map(placed).join('; ')}. Why: ${reasonFor(row)}.`;

/** Peers that spend less than any setting of ours, by the row's condition. */
function undercuts(rows: readonly SummaryRow[]): string[] {
  const peers = Map.groupBy(
    rows.filter((row) => row.oursPct === null),
    conditionOf,
  );
  return [...peers].map(([condition, some]) => {
    const names = [...new Set(some.map((row) => row.peer))].join(', ');
    return `- Cost less than our cheapest setting, so there is nothing to compare (${condition}): ${names}.`;
  });
}

export function winsText(summary: readonly SummaryRow[]): string {
  const lost = summary.filter((row) => row.ratio < 1 && row.oursPct !== null);
  const lines = [...lost.map(sentence), ...undercuts(summary)];
  return lines.length === 0
    ? 'No peer has fewer violations at equal cost in any row.'
    : lines.join('\n');
}
