// Conditions keep the time of their last change of status.
import type { Condition } from '../types.ts';

/** The conditions with `next` in place of the one of its type; times move only with the status. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  time: string,
): Condition[] {
  const before = conditions?.find(({ type }) => type === next.type);
  const lastTransitionTime =
    before?.status === next.status ? (before.lastTransitionTime ?? time) : time;
  const others = (conditions ?? []).filter(({ type }) => type !== next.type);
  return [...others, { ...next, lastTransitionTime }].sort((a, b) => (a.type < b.type ? -1 : 1));
}
