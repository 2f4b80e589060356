// Which partition a key belongs to: Kafka's own hash, so that local order is the cluster's order.

const M = 0x5bd1e995;
const SEED = 0x9747b28c;

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
  0;

/** murmur2 in 32 bits as Kafka's clients compute it (org.apache.kafka.common.utils.Utils). */
export function murmur2(bytes: Uint8Array): number {
  const tail = bytes.length & ~3;
  let h = SEED ^ bytes.length;
  for (let at = 0; at < tail; at += 4) {
    let k = Math.imul(word(bytes, at), M);
    k = Math.imul(k ^ (k >>> 24), M);
    h = Math.imul(h, M) ^ k;
  }
  const left = bytes.length - tail;
  if (left >= 3) h ^= (bytes[tail + 2] ?? 0) << 16;
  if (left >= 2) h ^= (bytes[tail + 1] ?? 0) << 8;
  if (left >= 1) h = Math.imul(h ^ (bytes[tail] ?? 0), M);
  h = Math.imul(h ^ (h >>> 13), M);
  return (h ^ (h >>> 15)) | 0;
}

/** Partition of a key, 0 … partitions − 1. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % partitions;
