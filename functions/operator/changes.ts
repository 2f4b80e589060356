import type { Change, DecisionRecord } from './view.ts';

/** The mark of a decision on the chart; null where it leaves the number of pods as it is. */
export const changeOf = ({ id, atMs, from, to, action }: DecisionRecord): Change | null =>
  from === to ? null : { id, atMs, from, to, made: action?.outcome !== 'held' };
