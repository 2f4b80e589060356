/** Does `work` for each item, at most `atOnce` at a time, in their order. Rejects with the first failure. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const lane = async (): Promise<void> => {
    for (const item of waiting) await work(item); // the iterator is shared: each item is taken once
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}
