/** Keeps the newest `limit` items in order of arrival; the oldest fall off. */
export class Ring<T> {
  #items: T[] = [];
  #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get last(): T | undefined {
    return this.#items.at(-1);
  }

  push(item: T): void {
    this.#items.push(item);
    // Cut in blocks: shifting one item per push would copy the array every time.
    if (this.#items.length > this.#limit * 1.25 + 8) this.#cut();
  }

  /** Puts an item where it belongs: behind all that it does not precede. It is nearly always the last. */
  insert(item: T, precedes: (item: T, other: T) => boolean): void {
    const behind = this.#items.findLastIndex((other) => !precedes(item, other));
    if (behind === this.#items.length - 1) this.push(item);
    else this.#items.splice(behind + 1, 0, item);
  }

  /** A smaller limit forgets at once. */
  resize(limit: number): void {
    this.#limit = limit;
    if (this.#items.length > limit) this.#cut();
  }

  newestFirst(limit: number, wanted: (item: T) => boolean = () => true): T[] {
    const found: T[] = [];
    for (let at = this.#items.length - 1; at >= 0 && found.length < limit; at--) {
      const item = this.#items[at];
      if (item !== undefined && wanted(item)) found.push(item);
    }
    return found;
  }

  #cut(): void {
    this.#items = this.#items.slice(-this.#limit);
  }
}

/** A map that forgets what was added first once it holds more than `limit` entries. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#limit && oldest.done !== true)
      this.#entries.delete(oldest.value);
  }
}

/** The value at quantile `q` (0…1) by nearest rank; null for no values. */
export function quantile(values: readonly number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(q * sorted.length)));
  return sorted[rank - 1] ?? null;
}
