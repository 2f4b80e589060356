/** Sums of one day of the scored part: what the bootstrap draws from. */
export interface Day {
  minutes: number;
  /** Minutes with more than 1 % of their requests late or dropped. */
  violating: number;
  arrivals: number;
  /** Late or dropped requests. */
  late: number;
  /** Late requests beyond 1 % of each minute's. */
  excessLate: number;
  dropped: number;
  /** Seconds of every pod from creation to the end of its draining. */
  podSeconds: number;
  /** Those of them in which the pod was starting or draining. */
  transitSeconds: number;
  /** Changes of the wanted number of replicas. */
  changes: number;
  launched: number;
}

/** Minute by minute, from the start of the scored part. For pictures. */
export interface Timeline {
  readonly demand: number[];
  readonly ready: number[];
  readonly paid: number[];
  readonly violating: number[];
}

export interface Outcome {
  readonly days: Day[];
  readonly longestViolationMinutes: number;
  readonly timeline: Timeline | null;
}

const LATE_SHARE = 0.01;
const DAY_MINUTES = 1440;

const emptyDay = (): Day => ({
  minutes: 0,
  violating: 0,
  arrivals: 0,
  late: 0,
  excessLate: 0,
  dropped: 0,
  podSeconds: 0,
  transitSeconds: 0,
  changes: 0,
  launched: 0,
});

/** Keeps the score of one run. */
export class Tally {
  readonly #days: Day[] = [];
  readonly #timeline: Timeline | null;
  #day: Day = emptyDay();
  #minute = 0;
  #run = 0;
  #longest = 0;
  #arrivals = 0;
  #late = 0;
  #ready = 0;
  #paid = 0;

  constructor(withTimeline: boolean) {
    this.#timeline = withTimeline ? { demand: [], ready: [], paid: [], violating: [] } : null;
  }

  /** One second of service. */
  second(arrivals: number, late: number, dropped: number): void {
    this.#arrivals += arrivals;
    this.#late += late;
    this.#day.dropped += dropped;
  }

  /** One second of pods. */
  pods(ready: number, paid: number): void {
    this.#ready += ready;
    this.#paid += paid;
  }

  change(): void {
    this.#day.changes += 1;
  }

  launch(pods: number): void {
    this.#day.launched += pods;
  }

  /** Ends a minute; its sums go to the day it belongs to. */
  endMinute(): void {
    const day = this.#day;
    const excess = this.#late - LATE_SHARE * this.#arrivals;
    const violating = excess > 0;
    day.minutes += 1;
    day.arrivals += this.#arrivals;
    day.late += this.#late;
    day.podSeconds += this.#paid;
    day.transitSeconds += this.#paid - this.#ready;
    if (violating) {
      day.violating += 1;
      day.excessLate += excess;
    }
    this.#run = violating ? this.#run + 1 : 0;
    this.#longest = Math.max(this.#longest, this.#run);
    this.#timeline?.demand.push(this.#arrivals / 60);
    this.#timeline?.ready.push(this.#ready / 60);
    this.#timeline?.paid.push(this.#paid / 60);
    this.#timeline?.violating.push(violating ? 1 : 0);
    this.#arrivals = this.#late = this.#ready = this.#paid = 0;
    this.#minute += 1;
    if (this.#minute % DAY_MINUTES === 0) this.#closeDay();
  }

  #closeDay(): void {
    this.#days.push(this.#day);
    this.#day = emptyDay();
  }

  finish(): Outcome {
    if (this.#day.minutes > 0) this.#closeDay();
    return {
      days: this.#days,
      longestViolationMinutes: this.#longest,
      timeline: this.#timeline,
    };
  }
}

/** Sums days to one. */
export function sumDays(days: readonly Day[]): Day {
  const total = emptyDay();
  for (const day of days) {
    for (const key of Object.keys(total) as (keyof Day)[]) total[key] += day[key];
  }
  return total;
}
