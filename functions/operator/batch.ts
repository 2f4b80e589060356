// What the stream sends at once: its parts, for whom, and two of them put together. Pure.
import { isDuplicate } from './duplicate.ts';
import type { Batch, DecisionRecord, Series } from './view.ts';

type Part = Batch[keyof Batch];

const present = (part: Part): boolean =>
  part !== undefined && !(Array.isArray(part) && part.length === 0);

/** The batch without what is empty; undefined when nothing but the time is left. */
export const compact = (batch: { [part in keyof Batch]: Batch[part] | undefined }):
  Batch | undefined => {
  const parts = Object.entries(batch).filter(([, part]) => present(part));
  return parts.length > 1 ? (Object.fromEntries(parts) as Batch) : undefined;
};

/** What goes out to a reader of one target, or of all. */
export const forTarget = (batch: Batch, target: string | undefined): Batch | undefined => {
  if (target === undefined) return batch;
  const ours = (record: DecisionRecord): boolean =>
    record.subject === target && !isDuplicate(record);
  return compact({
    ...batch,
    targets: batch.targets?.filter((view) => view.id === target && !isDuplicate(view)),
    points: batch.points?.filter((each) => each.target === target),
    decisions: batch.decisions?.filter(ours),
  });
};

type Column = (number | null)[];

/** Two pieces of the same columns, one after the other. */
export function joined(before: Series, after: Series): Series {
  const columns = Object.entries(after).map(([name, value]) => {
    const earlier = (before as Record<string, unknown>)[name];
    return [name, Array.isArray(value) ? [...(earlier as Column), ...(value as Column)] : value];
  });
  return { ...(Object.fromEntries(columns) as Series), fromMs: before.fromMs };
}
