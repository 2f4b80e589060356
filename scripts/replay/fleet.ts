import { at } from './numbers.ts';

/** Seconds from creation to ready of the k-th pod launched; Infinity: never ready. */
export type StartupDraw = (launch: number) => number;

/** Pods of one run: starting, ready, draining. Everything in whole seconds of the run. */
export class Fleet {
  /** Ready pods, oldest first: when each became ready, and when it was created. */
  readonly readyAt: number[] = [];
  readonly createdAt: number[] = [];
  /** Starting pods in order of launch. */
  readonly startingReadyAt: number[] = [];
  readonly startingCreatedAt: number[] = [];
  /** Start-up seconds of pods that became ready since the list was last emptied. */
  startups: number[] = [];
  launched = 0;
  removed = 0;
  #draining: number[] = [];
  #nextReady = Infinity;
  readonly #drainSeconds: number;
  readonly #draw: StartupDraw;

  constructor(initial: number, drainSeconds: number, draw: StartupDraw) {
    this.#drainSeconds = drainSeconds;
    this.#draw = draw;
    for (let i = 0; i < initial; i += 1) {
      this.readyAt.push(-3600);
      this.createdAt.push(-3660);
    }
  }

  get ready(): number {
    return this.readyAt.length;
  }

  get starting(): number {
    return this.startingReadyAt.length;
  }

  get draining(): number {
    return this.#draining.length;
  }

  /** Everything that is paid for. */
  get paid(): number {
    return this.readyAt.length + this.startingReadyAt.length + this.#draining.length;
  }

  /** Moves pods whose time has come. Called at the start of every second `now`. */
  step(now: number): void {
    if (this.#nextReady <= now) this.#promote(now);
    while (this.#draining.length > 0 && at(this.#draining, 0) <= now) this.#draining.shift();
  }

  #promote(now: number): void {
    for (let i = 0; i < this.startingReadyAt.length;) {
      if (at(this.startingReadyAt, i) > now) {
        i += 1;
        continue;
      }
      const created = at(this.startingCreatedAt, i);
      this.readyAt.push(now);
      this.createdAt.push(created);
      this.startups.push(now - created);
      this.startingReadyAt.splice(i, 1);
      this.startingCreatedAt.splice(i, 1);
    }
    this.#findNext();
  }

  #findNext(): void {
    this.#nextReady = Infinity;
    for (const time of this.startingReadyAt) if (time < this.#nextReady) this.#nextReady = time;
  }

  /** Launches or removes pods until `desired` are starting or ready: youngest go first. */
  scaleTo(desired: number, now: number): void {
    let missing = desired - this.ready - this.starting;
    for (; missing > 0; missing -= 1) {
      this.startingReadyAt.push(now + this.#draw(this.launched));
      this.startingCreatedAt.push(now);
      this.launched += 1;
    }
    for (; missing < 0; missing += 1) {
      if (this.startingReadyAt.pop() === undefined) {
        this.readyAt.pop();
        this.createdAt.pop();
      } else this.startingCreatedAt.pop();
      this.removed += 1;
      if (this.#drainSeconds > 0) this.#draining.push(now + this.#drainSeconds);
    }
    this.#findNext();
  }

  /** Ready pods that became ready after `time`. */
  readyAfter(time: number): number {
    let count = 0;
    for (let i = this.readyAt.length - 1; i >= 0 && at(this.readyAt, i) > time; i -= 1) count += 1;
    return count;
  }
}
