import type { Change, DecisionRecord } from './view.ts';

/** The mark on the chart of a decision for another number of pods. */
export const changeOf = ({ id, atMs, from, to, action }: DecisionRecord): Change => ({
  ...{ id, atMs, from, to },
  made: action?.outcome !== 'held',
});
