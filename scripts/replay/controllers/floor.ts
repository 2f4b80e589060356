import type { Controller, View } from '../simulate.ts';

/** The view of an autoscaler whose minReplicas somebody else moves. */
class Floored implements View {
  minReplicas = 0;
  #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  over(view: View, minReplicas: number): this {
    this.#view = view;
    this.minReplicas = minReplicas;
    return this;
  }

  get now(): number {
    return this.#view.now;
  }

  get atMs(): number {
    return this.#view.atMs;
  }

  get desired(): number {
    return this.#view.desired;
  }

  get maxReplicas(): number {
    return this.#view.maxReplicas;
  }

  get fleet(): View['fleet'] {
    return this.#view.fleet;
  }

  get telemetry(): View['telemetry'] {
    return this.#view.telemetry;
  }
}

/**
 * Mode `floor`: `ours` moves minReplicas of the user's own autoscaler, which has the last word.
 * A new floor takes effect at that autoscaler's next sync, not before.
 */
export function floorOver(name: string, ours: Controller, own: Controller): Controller {
  let floor = 0;
  let floored: Floored | null = null;
  return {
    name,
    intervalSeconds: 1,
    decide(view) {
      if (view.now % ours.intervalSeconds === 0) floor = ours.decide(view);
      if (view.now % own.intervalSeconds !== 0) return view.desired;
      floored ??= new Floored(view);
      const min = Math.min(view.maxReplicas, Math.max(view.minReplicas, floor));
      return own.decide(floored.over(view, min));
    },
    restart(kept) {
      ours.restart?.(kept);
    },
  };
}
