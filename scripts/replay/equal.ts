// One trace: what NimbusGuard costs at a peer's violations and violates at a peer's cost.
import { costAtValue, readCurve, type Reading } from './curve.ts';
import { digits, table } from './markdown.ts';
import type { TraceRow } from './report.ts';

/** K₀ that the replay tries besides the policy's own price. */
export const REPLAY_PRICES: readonly number[] = [1, 3, 6, 12, 25, 50, 120];

/** Both curves are one trace's: settings further apart than this are not read between. */
const MAX_STEP = 1.2;

export interface EqualRow {
  readonly peer: string;
  readonly peerViolatingPct: number;
  readonly peerReplicaHours: number;
  /** Our violating minutes at the peer's replica-hours; null: we cost more at every price. */
  readonly oursPct: number | null;
  readonly how: Reading;
  /** Our replica-hours at the peer's violating minutes; null: never so few. */
  readonly oursReplicaHours: number | null;
}

const isPeer = ({ contender }: TraceRow): boolean =>
  contender !== 'oracle' && !contender.startsWith('NimbusGuard');

/** Each peer beside our curve over the prices. */
export function equalRows(rows: readonly TraceRow[], priced: readonly TraceRow[]): EqualRow[] {
  const points = priced.map((row) => ({ cost: row.replicaHours, value: row.violatingPct }));
  return rows.filter(isPeer).map((peer) => {
    const { value, how } = readCurve(points, peer.replicaHours, MAX_STEP);
    return {
      peer: peer.contender,
      peerViolatingPct: peer.violatingPct,
      peerReplicaHours: peer.replicaHours,
      oursPct: value,
      how,
      oursReplicaHours: costAtValue(points, peer.violatingPct),
    };
  });
}

const ATTRIBUTES: Record<Reading, string> = {
  between: '',
  cheaper: ' (for less)',
  largest: ' (for less)',
  undercut: '',
};

export const equalTable = (rows: readonly EqualRow[]): string =>
  table(
    ['autoscaler', 'violating', 'replica-hours', 'ours at its cost', 'our cost at its violations'],
    rows.map((row) => [
      row.peer,
      `${digits(row.peerViolatingPct, 3)} %`,
      digits(row.peerReplicaHours, 1),
      row.oursPct === null
        ? 'costs more at any price'
        : `${digits(row.oursPct, 3)} %${ATTRIBUTES[row.how]}`,
      row.oursReplicaHours === null
        ? 'never so few'
        : `${digits(row.oursReplicaHours, 1)} (${digits(row.oursReplicaHours / row.peerReplicaHours, 3)} ×)`,
    ]),
  );

/** What the two cost where a peer is better. Ours may cost less: no price that was tried comes nearer. */
const COSTS: Record<Reading, string> = {
  between: 'at equal cost',
  cheaper: 'for more replica-hours than the nearest price of ours',
  largest: 'for more replica-hours than our highest price',
  undercut: '',
};

/** Where a peer is better at equal cost, and what the difference consists of. */
export function winsText(rows: readonly EqualRow[], scoredMinutes: number): string {
  const lost = rows.flatMap((row) => {
    if (row.oursPct === null) {
      return [`- ${row.peer} costs less than NimbusGuard does at its lowest price.`];
    }
    if (row.oursPct <= row.peerViolatingPct) return [];
    const minutes = Math.round(((row.oursPct - row.peerViolatingPct) * scoredMinutes) / 100);
    return [
      `- ${row.peer} has ${minutes} violating minutes fewer ${COSTS[row.how]}, of ${scoredMinutes} scored: it keeps the same share of its pods free at any time, where NimbusGuard keeps what the forecast's error asks for.`,
    ];
  });
  const none = 'No autoscaler has fewer violating minutes than NimbusGuard at equal cost.';
  return lost.length === 0 ? none : lost.join('\n');
}
