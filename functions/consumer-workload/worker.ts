/** One request that was served. */
export interface Served {
  readonly queuedMs: number;
  /** From the request in to the work done. */
  readonly totalMs: number;
}

/** Something that serves requests one after another: by timer, or by burning the CPU. */
export interface Worker {
  /** Requests served at a time. */
  readonly slots: number;
  readonly waiting: number;
  readonly inService: number;
  /** Undefined: the queue is full. */
  serve(): Promise<Served> | undefined;
  /** Slot-seconds used since the start, those burnt by the CPU workload included. */
  busySeconds(): number;
  /** From now on this share (0…1) of every slot is burnt. */
  burn(share: number): void;
  close(): Promise<void>;
}
