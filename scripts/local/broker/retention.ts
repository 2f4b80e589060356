// How much of the past is kept.
import type { EventLog } from './log.ts';

export interface Limits {
  /** Events older than this go, once every Trigger is done with them. */
  readonly maxAgeMs: number;
  /** Beyond this the oldest go; while not even that helps, the ingress answers 503. */
  readonly maxBytes: number;
}

interface Extent {
  readonly broker: string;
  readonly partitions: number;
  /** Offset up to which every Trigger is done with a partition. */
  doneUpTo(partition: number): number;
}

const CHUNK = 500;

interface Cut {
  /** Drop up to and including this offset; 0 for nothing. */
  readonly upTo: number;
  readonly bytes: number;
  /** All rows looked at go: there may be more. */
  readonly more: boolean;
}

/** How many of the oldest rows are too old, or are needed to get rid of `surplus` bytes. */
function cut(
  rows: readonly { offset: number; atMs: number; bytes: number }[],
  oldestMs: number,
  surplus: number,
): Cut {
  let bytes = 0;
  const kept = rows.findIndex((row) => {
    if (row.atMs >= oldestMs && bytes >= surplus) return true;
    bytes += row.bytes;
    return false;
  });
  const going = kept === -1 ? rows : rows.slice(0, kept);
  return { upTo: going.at(-1)?.offset ?? 0, bytes, more: kept === -1 && rows.length === CHUNK };
}

/**
 * Drops old events, partition by partition in chunks. Unlike Kafka it never drops an event that a
 * Trigger still has to get: an accepted event is delivered at least once, or refused at the door.
 */
export function trim(log: EventLog, extent: Extent, limits: Limits, nowMs: number): void {
  const { broker, partitions } = extent;
  for (let partition = 0; partition < partitions; partition += 1) {
    const done = extent.doneUpTo(partition);
    // Each partition gives its share of what is too much.
    let surplus = Math.max(0, log.bytes - limits.maxBytes) / (partitions - partition);
    for (let more = true; more;) {
      const rows = log.oldest(broker, partition, done, CHUNK);
      const going = cut(rows, nowMs - limits.maxAgeMs, surplus);
      if (going.upTo > 0) log.drop(broker, partition, going.upTo, going.bytes);
      surplus -= going.bytes;
      more = going.more;
    }
  }
}
