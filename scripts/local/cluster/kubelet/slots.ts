// Booting Node costs a tenth of a second of a core. Twenty pods at once would starve those that serve
// meanwhile, so only a few boot at a time.

export class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  readonly #open: Promise<unknown>;

  /** None is given before `open` resolves. */
  constructor(count: number, open: Promise<unknown> = Promise.resolve()) {
    this.#free = count;
    this.#open = open;
  }

  /** Waits for a slot; call the function it resolves to, once, to give the slot back. */
  async take(): Promise<() => void> {
    await this.#open;
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
