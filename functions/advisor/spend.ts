import type { LanguageModel } from '#shared/ports.ts';

const HOUR_MS = 3_600_000;

/** Nobody was asked, and nothing spent. */
export class NotAsked extends Error {}

/**
 * The model, asked at most `callsPerHour` times in any hour: whoever can raise an alert can make
 * decisions, and each would be paid for. Beyond that an answer is refused with `NotAsked`.
 */
export function withinBudget(
  model: LanguageModel,
  { callsPerHour, elapsedMs }: { callsPerHour: number; elapsedMs: () => number },
): LanguageModel {
  const calls: number[] = [];
  return {
    name: model.name,
    async answer(...question) {
      const nowMs = elapsedMs();
      while (nowMs - (calls[0] ?? nowMs) >= HOUR_MS) calls.shift();
      if (calls.length >= callsPerHour) {
        throw new NotAsked(`its ${callsPerHour} calls of this hour are spent`);
      }
      calls.push(nowMs);
      return model.answer(...question);
    },
  };
}
